package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"filippo.io/age"

	"github.com/execkit/execkit/core/errdefs"
)

// Format and Version mark the content of a snapshot. A reader refuses versions that it does not know.
const (
	Format  = "execkit-snapshot"
	Version = 1
)

// maxBytes bounds a snapshot, encrypted or not.
const maxBytes = 64 << 20

// State is what a snapshot holds.
type State struct {
	Format    string `json:"format"`
	Version   int    `json:"version"`
	CreatedMS int64  `json:"created_ms"`
	// Execkit is the version of the program that wrote it, Target and Shell where the session was.
	Execkit string `json:"execkit"`
	Target  string `json:"target"`
	Shell   string `json:"shell"`
	Cwd     string `json:"cwd"`
	// Set and Unset are the exported variables that the session changed since it opened.
	Set       map[string]string `json:"set"`
	Unset     []string          `json:"unset"`
	Functions map[string]string `json:"functions"` // the source by name
	Aliases   map[string]string `json:"aliases"`
	Options   []string          `json:"options"` // of set -o, those that are on
	Shopt     []string          `json:"shopt"`
	Umask     string            `json:"umask"`
	// Redacted names what was left out because it holds a secret: "variable X", "function f", "alias a".
	Redacted []string `json:"redacted"`
}

// Keys open or close a snapshot: a passphrase, or recipients ("age1…") to close and identities ("AGE-SECRET-KEY-1…") to
// open.
type Keys struct {
	Passphrase string
	Recipients []string
	Identities []string

	work int // scrypt's factor as a power of two; age's own choice when 0
}

// maxWork bounds how much work and memory (2^n KiB) a foreign file can ask for.
const maxWork = 20

// Check refuses keys that cannot close a snapshot.
func (k Keys) Check() error {
	_, err := k.recipients()
	return err
}

func (k Keys) recipients() ([]age.Recipient, error) {
	switch {
	case k.Passphrase != "" && len(k.Recipients) > 0:
		return nil, errdefs.New(errdefs.InvalidArgument, "snapshot: a passphrase and recipients are both given").WithHint("give one of them")
	case k.Passphrase != "":
		r, err := age.NewScryptRecipient(k.Passphrase)
		if err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "snapshot: the passphrase cannot be used")
		}
		if k.work > 0 {
			r.SetWorkFactor(k.work)
		}
		return []age.Recipient{r}, nil
	case len(k.Recipients) > 0:
		list, err := age.ParseRecipients(strings.NewReader(strings.Join(k.Recipients, "\n")))
		if err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "snapshot: a recipient is not one of age").WithHint(`a recipient looks like "age1…"; age-keygen makes one`).WithDetail("field", "recipients")
		}
		return list, nil
	}
	return nil, errdefs.New(errdefs.InvalidArgument, "snapshot: neither a passphrase nor recipients are given").
		WithHint("a snapshot is always encrypted; give passphrase or recipients")
}

func (k Keys) identities() ([]age.Identity, error) {
	switch {
	case k.Passphrase != "":
		i, err := age.NewScryptIdentity(k.Passphrase)
		if err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "snapshot: the passphrase cannot be used")
		}
		i.SetMaxWorkFactor(maxWork)
		return []age.Identity{i}, nil
	case len(k.Identities) > 0:
		// The parser's message may quote the key.
		list, err := age.ParseIdentities(strings.NewReader(strings.Join(k.Identities, "\n")))
		if err != nil {
			return nil, errdefs.New(errdefs.InvalidArgument, "snapshot: an identity is not one of age").WithHint(`an identity looks like "AGE-SECRET-KEY-1…"`).WithDetail("field", "identities")
		}
		return list, nil
	}
	return nil, errdefs.New(errdefs.InvalidArgument, "snapshot: neither a passphrase nor an identity is given").
		WithHint("give the one that it was saved for")
}

// Seal encrypts a state.
func Seal(s State, k Keys) ([]byte, error) {
	to, err := k.recipients()
	if err != nil {
		return nil, err
	}
	s.Format, s.Version = Format, Version
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	if len(text) > maxBytes {
		return nil, errdefs.New(errdefs.LimitExceeded, "the state of the session is %d bytes, more than a snapshot may have", len(text))
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func invalid(format string, args ...any) *errdefs.Error {
	return errdefs.New(errdefs.SnapshotInvalid, format, args...)
}

// Unseal decrypts a snapshot. Every failure of the data is snapshot_invalid.
func Unseal(data []byte, k Keys) (*State, error) {
	with, err := k.identities()
	if err != nil {
		return nil, err
	}
	if len(data) > maxBytes {
		return nil, invalid("the snapshot is larger than %d bytes", maxBytes)
	}
	r, err := age.Decrypt(bytes.NewReader(data), with...)
	var wrongKey *age.NoIdentityMatchError
	switch {
	case errors.As(err, &wrongKey) && k.Passphrase != "":
		return nil, invalid("the passphrase is wrong, or the snapshot is damaged or was saved for recipients").
			WithHint("give the passphrase that it was saved with")
	case errors.As(err, &wrongKey):
		return nil, invalid("no identity given opens the snapshot").WithHint("give the identity of one of its recipients, or its passphrase")
	case err != nil:
		return nil, invalid("this is not a snapshot, or it is damaged").WithHint("give a file that snapshot.save wrote")
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, invalid("the snapshot is damaged").WithHint("take another copy of the file; nothing was restored")
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil || s.Format != Format {
		return nil, invalid("the file is encrypted, but not a snapshot").WithHint("give a file that snapshot.save wrote")
	}
	if s.Version != Version {
		return nil, invalid("the snapshot has version %d; this execkit reads %d", s.Version, Version).WithHint("use the execkit that wrote it, or a newer one")
	}
	return &s, nil
}
