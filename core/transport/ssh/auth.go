package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
)

// Bounds against a server that never has enough.
const (
	maxRounds    = 20 // of questions within keyboard-interactive
	maxQuestions = 20 // within a round
	maxBanner    = 1000
)

// Deadlines of an agent; a person may have to touch a key or confirm.
const (
	agentListTimeout = 10 * time.Second
	agentSignTimeout = 120 * time.Second
)

// An authenticator authenticates one connection. The library calls it from one goroutine.
type authenticator struct {
	ctx   context.Context
	creds *credentials
	algos []string
	asks  *asks

	agentConn  net.Conn
	identities []*identity
	loaded     bool
	seen       []*identity // shown already: refused, unusable, or taken as one step of several
	tried      []string    // for messages, in order
	notes      []string    // what could not be tried, and why
	offered    []string
	rounds     int
	banner     string
	answered   bool // the password was given in this stage
	attempts   map[string]int
}

// An asks puts the questions of one connection to a person. One that was not answered is the last.
type asks struct {
	ask    transport.Asker        // nil if nobody can be asked
	pause  func() (resume func()) // stops the deadline: a person takes the time that a person takes
	begin  func()                 // called before the person is asked
	failed error                  // why a question was not answered
	missed string                 // which one that was
}

// can says whether there is still somebody to ask.
func (a *asks) can() bool { return a.ask != nil && a.failed == nil }

// asker returns what puts a question, or nil.
func (a *asks) asker() transport.Asker {
	if !a.can() {
		return nil
	}
	return func(ctx context.Context, q transport.Question) (string, error) {
		if a.failed != nil {
			return "", a.failed
		}
		a.begin()
		defer a.pause()()
		answer, err := a.ask(ctx, q)
		if err != nil {
			a.failed, a.missed = err, q.Text
			return "", err
		}
		return answer, nil
	}
}

// howToAnswer says where a person comes from.
const howToAnswer = "on_question in Python, onQuestion in Node, Config.Ask in Go, ask in the JSON API"

func (a *authenticator) close() {
	if a.agentConn != nil {
		_ = a.agentConn.Close()
	}
}

// next chooses the method to try; it is the library's AuthCallback.
func (a *authenticator) next(c *gossh.ClientAuthContext) (gossh.AuthMethod, error) {
	a.offered = c.AllowedMethods
	stage := len(c.PartialSuccessMethods)
	for _, method := range a.creds.methods {
		if !slices.Contains(c.AllowedMethods, method) {
			continue
		}
		// A step that succeeded opens a new stage, in which every method may be tried again.
		key := fmt.Sprint(method, stage)
		if a.attempts[key] >= a.limit(method) {
			continue
		}
		a.attempts[key]++
		switch method {
		case "publickey":
			if ids := a.unused(); len(ids) > 0 {
				return gossh.PublicKeys(ids...), nil
			}
		case "password":
			if a.asks.can() || a.creds.password != "" && a.attempts[key] == 1 {
				return gossh.PasswordCallback(func() (string, error) { return a.password(a.attempts[key] == 1) }), nil
			}
		case "keyboard-interactive":
			a.rounds, a.answered = 0, false
			return gossh.KeyboardInteractive(a.challenge), nil
		}
	}
	return nil, nil
}

func (a *authenticator) limit(method string) int {
	switch {
	case method == "publickey":
		return len(a.identities) + 1 // a key that turns out to be unusable ends a pass
	case a.asks.can():
		return a.creds.prompts
	}
	return 1
}

// unused are the identities that this server has not seen.
func (a *authenticator) unused() []gossh.Signer {
	if !a.loaded {
		a.loaded = true
		a.load()
	}
	var list []gossh.Signer
	for _, id := range a.identities {
		if !slices.Contains(a.seen, id) {
			list = append(list, id)
		}
	}
	return list
}

// load collects the identities: those that were named first, since a server counts every key that it is shown.
func (a *authenticator) load() {
	c := a.creds
	held := a.agentKeys()
	if c.own != nil {
		own := *c.own // other connections use it too
		a.add(&own, held)
	}
	for _, path := range c.explicit {
		a.addFile(path, held)
	}
	if !c.identitiesOnly {
		for _, id := range held {
			a.add(id, nil)
		}
	}
	for _, path := range c.usual {
		a.addFile(path, held)
	}
}

func (a *authenticator) add(id *identity, held []*identity) {
	plain := id.pub
	if cert, ok := plain.(*gossh.Certificate); ok {
		plain = cert.Key
	}
	for _, other := range a.identities {
		if bytes.Equal(other.pub.Marshal(), id.pub.Marshal()) {
			return
		}
	}
	for _, algorithm := range keyAlgorithms(plain.Type()) {
		if slices.Contains(a.algos, algorithm) {
			id.algos = append(id.algos, algorithm)
		}
	}
	if len(id.algos) == 0 {
		a.note("%s: keys of the type %s are not accepted by the configuration", errdefs.Visible(id.name), plain.Type())
		return
	}
	for _, other := range held { // the agent has it unlocked
		if bytes.Equal(other.pub.Marshal(), plain.Marshal()) {
			id.unlock = other.unlock
		}
	}
	id.by = a
	a.identities = append(a.identities, id)
}

func (a *authenticator) addFile(path string, held []*identity) {
	key, err := readKey(path)
	if err != nil {
		// The file may be the public key alone, of a private one in the agent.
		pub := readPublic(path)
		if pub == nil {
			pub = readPublic(path + ".pub")
		}
		for _, id := range held {
			if pub != nil && bytes.Equal(id.pub.Marshal(), pub.Marshal()) {
				a.add(&identity{name: path, pub: pub, unlock: id.unlock}, nil)
				return
			}
		}
		if slices.Contains(a.creds.explicit, path) {
			a.note("%s: %v", errdefs.Visible(path), reason(err))
		}
		return
	}
	if key.pub == nil {
		a.note("%s: %v, and there is no .pub file beside it", errdefs.Visible(path), errLocked)
		return
	}
	id := key.identity()
	for _, certified := range a.creds.certificatesFor(id, path) {
		a.add(certified, held)
	}
	a.add(id, held)
}

func (a *authenticator) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

func (a *authenticator) showing(id *identity) {
	if !slices.Contains(a.seen, id) {
		a.seen = append(a.seen, id)
		a.tried = append(a.tried, fmt.Sprintf("publickey (%s %s)", errdefs.Visible(cut(id.name)), fingerprint(id.pub)))
	}
}

func (a *authenticator) unusable(id *identity, err error) {
	a.note("%s: %s", errdefs.Visible(cut(id.name)), errdefs.Visible(cut(err.Error())))
}

// agentKeys lists what the agent holds; an agent that cannot be reached is one without keys.
func (a *authenticator) agentKeys() (held []*identity) {
	if a.creds.agent == "" {
		return nil
	}
	conn, err := (&net.Dialer{Timeout: agentListTimeout}).DialContext(a.ctx, "unix", a.creds.agent)
	if err != nil {
		a.note("the agent at %s: %v", errdefs.Visible(a.creds.agent), reason(err))
		return nil
	}
	a.agentConn = conn
	client := agent.NewClient(conn)
	_ = conn.SetDeadline(time.Now().Add(agentListTimeout))
	keys, err := client.List()
	if err != nil {
		a.note("the agent at %s does not answer", errdefs.Visible(a.creds.agent))
		return nil
	}
	for _, key := range keys {
		pub, err := gossh.ParsePublicKey(key.Blob)
		if err != nil {
			continue // a type that only the agent knows
		}
		signer := agentSigner{client, conn, pub, a.asks.pause}
		held = append(held, &identity{name: "agent: " + key.Comment, pub: pub, unlock: func(context.Context, transport.Asker) (gossh.AlgorithmSigner, error) { return signer, nil }})
	}
	return held
}

// password answers the method "password": with the option first, then a person.
func (a *authenticator) password(first bool) (string, error) {
	a.triedOnce("password")
	if first && a.creds.password != "" {
		return a.creds.password, nil
	}
	ask := a.asks.asker()
	if ask == nil {
		return "", errors.New("there is no other password")
	}
	return ask(a.ctx, transport.Question{Kind: "password", Target: a.creds.target, Text: "Password of " + errdefs.Visible(a.creds.target)})
}

func (a *authenticator) triedOnce(what string) {
	if !slices.Contains(a.tried, what) {
		a.tried = append(a.tried, what)
	}
}

// challenge answers one round of keyboard-interactive; a round may hold no question at all.
func (a *authenticator) challenge(name, instruction string, questions []string, echos []bool) ([]string, error) {
	a.triedOnce("keyboard-interactive")
	if a.rounds++; a.rounds > maxRounds || len(questions) > maxQuestions {
		return nil, errors.New("the server asks too much")
	}
	answers := make([]string, 0, len(questions))
	for i, question := range questions {
		if !echos[i] && a.creds.password != "" && !a.answered && looksLikePassword(question) {
			a.answered = true
			answers = append(answers, a.creds.password)
			continue
		}
		ask := a.asks.asker()
		if ask == nil {
			a.note("the server asks %s and nobody can answer", errdefs.Quote(question))
			return nil, errors.New("nobody can answer")
		}
		text := strings.Join(slices.DeleteFunc([]string{errdefs.Visible(cut(name)), errdefs.Visible(cut(instruction)), errdefs.Visible(cut(question))},
			func(s string) bool { return s == "" }), "; ")
		answer, err := ask(a.ctx, transport.Question{Kind: "keyboard_interactive", Target: a.creds.target, Text: text, Echo: echos[i]})
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// looksLikePassword tells the question for the account's password from one for a code. A password that is given to the
// wrong question would be shown to whoever asks it; but a server that asks for it gets it with any client.
func looksLikePassword(question string) bool {
	q := strings.ToLower(question)
	return strings.Contains(q, "password") && !strings.Contains(q, "one-time") && !strings.Contains(q, "new password") && !strings.Contains(q, "otp")
}

func (a *authenticator) heard(banner string) error {
	if room := maxBanner - len(a.banner); room > 0 {
		a.banner += banner[:min(room, len(banner))]
	}
	return nil
}

// failure says what was tried.
func (a *authenticator) failure(h *hop, how string, cause error) *errdefs.Error {
	tried := "nothing could be tried"
	if len(a.tried) > 0 {
		tried = "tried " + strings.Join(a.tried, ", ")
	}
	e := errdefs.New(errdefs.Unauthenticated, "%s: %s; %s", errdefs.Visible(a.creds.target), how, tried).
		WithHint("%s", a.advice()).WithDetail("methods_tried", a.tried).WithDetail("methods_offered", visible(a.offered))
	if a.asks.failed != nil {
		a.note("nobody answered %s: %s", errdefs.Quote(a.asks.missed), errdefs.Visible(cut(a.asks.failed.Error())))
		cause = a.asks.failed
	}
	if a.lacksPerson() {
		e.WithDetail("unanswered", true)
	}
	if len(a.notes) > 0 {
		e.Message += "; not usable: " + strings.Join(a.notes, "; ")
		e.WithDetail("not_usable", a.notes)
	}
	if a.banner != "" {
		e.WithDetail("banner", errdefs.Quote(a.banner))
	}
	return e.WithCause(cause)
}

func visible(list []string) []string {
	result := make([]string, 0, len(list))
	for _, s := range list[:min(len(list), 20)] {
		result = append(result, errdefs.Visible(cut(s)))
	}
	return result
}

// lacksPerson says that there is a method by which a person might have been let in, and that nobody answers.
func (a *authenticator) lacksPerson() bool {
	return !a.asks.can() && (slices.Contains(a.offered, "password") || slices.Contains(a.offered, "keyboard-interactive"))
}

func (a *authenticator) advice() string {
	switch {
	case len(a.tried) > 4:
		return "the server counts every key it is shown: name the right one with ssh.key_path or IdentityFile and IdentitiesOnly"
	case len(a.offered) == 0:
		return "check the user, and that the server has one of our keys"
	}
	text := "the server offers " + strings.Join(visible(a.offered), ", ") + "; check the user, and give ssh.key_path, ssh.password or an agent with the key"
	if a.lacksPerson() {
		text += ", or have a person answer what the server asks: " + howToAnswer
	}
	return text
}
