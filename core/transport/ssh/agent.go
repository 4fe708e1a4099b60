package ssh

import (
	"io"
	"net"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// An agentSigner signs with a key that never leaves the agent.
type agentSigner struct {
	client agent.ExtendedAgent
	conn   net.Conn
	pub    gossh.PublicKey
	pause  func() func()
}

// PublicKey implements [gossh.Signer].
func (s agentSigner) PublicKey() gossh.PublicKey { return s.pub }

// Sign implements [gossh.Signer].
func (s agentSigner) Sign(rand io.Reader, data []byte) (*gossh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm implements [gossh.AlgorithmSigner].
func (s agentSigner) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*gossh.Signature, error) {
	defer s.pause()()
	_ = s.conn.SetDeadline(time.Now().Add(agentSignTimeout))
	var flags agent.SignatureFlags
	switch algorithm {
	case gossh.KeyAlgoRSASHA256:
		flags = agent.SignatureFlagRsaSha256
	case gossh.KeyAlgoRSASHA512:
		flags = agent.SignatureFlagRsaSha512
	}
	return s.client.SignWithFlags(s.pub, data, flags)
}
