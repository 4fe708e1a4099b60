package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// An issuer is the one certificate authority of a bed; servers and clients all trust it.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// A credential is a certificate and its key, both PEM.
type credential struct{ cert, key []byte }

func newIssuer() (*issuer, error) {
	i := &issuer{}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "k8sbed"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	i.cert = template
	c, cert, key, err := i.sign(template)
	if err != nil {
		return nil, err
	}
	i.cert, i.key, i.pem = cert, key, c.cert
	return i, nil
}

// issue signs a certificate for a server on loopback and for a client: the API server reads the common name as the user
// and the organisations as its groups.
func (i *issuer) issue(user string, groups ...string) (credential, error) {
	c, _, _, err := i.sign(&x509.Certificate{
		Subject:     pkix.Name{CommonName: user, Organization: groups},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:    []string{"localhost"},
	})
	return c, err
}

func (i *issuer) sign(template *x509.Certificate) (credential, *x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return credential{}, nil, nil, err
	}
	signer := i.key
	if signer == nil {
		signer = key
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return credential{}, nil, nil, err
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, key.Public(), signer)
	if err != nil {
		return credential{}, nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return credential{}, nil, nil, err
	}
	// The SEC 1 form: the flag for service account keys reads no public key from PKCS #8.
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return credential{}, nil, nil, err
	}
	block := func(kind string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}) }
	return credential{block("CERTIFICATE", der), block("EC PRIVATE KEY", keyDER)}, cert, key, nil
}

// files writes a new credential into dir and returns the paths.
func (i *issuer) files(dir, name, user string) (cert, key string, err error) {
	c, err := i.issue(user)
	if err != nil {
		return "", "", err
	}
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	if err := os.WriteFile(cert, c.cert, 0o600); err != nil {
		return "", "", err
	}
	return cert, key, os.WriteFile(key, c.key, 0o600)
}
