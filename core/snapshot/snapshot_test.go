package snapshot

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/execkit/execkit/core/errdefs"
)

// quick keeps scrypt from taking the time that it is meant to take.
const quick = 10

func state() State {
	return State{Cwd: "/srv", Set: map[string]string{"A": "line\nline"}, Functions: map[string]string{"f": "f () \n{ \n    :\n}"}, Umask: "0022"}
}

func wantInvalid(t *testing.T, err error, words string) {
	t.Helper()
	if !errors.Is(err, errdefs.Sentinel(errdefs.SnapshotInvalid)) || !strings.Contains(err.Error(), words) {
		t.Fatalf("got %v, want snapshot_invalid with %q", err, words)
	}
}

func TestPassphrase(t *testing.T) {
	k := Keys{Passphrase: "correct horse", work: quick}
	data, err := Seal(state(), k)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("/srv")) {
		t.Error("the state is in the clear")
	}
	got, err := Unseal(data, k)
	if err != nil || !reflect.DeepEqual(got.Set, state().Set) || got.Functions["f"] != state().Functions["f"] {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = Unseal(data, Keys{Passphrase: "battery staple"})
	wantInvalid(t, err, "passphrase is wrong")
	if strings.Contains(err.Error(), "battery") {
		t.Error("the message holds the passphrase")
	}
}

func TestEveryFlippedBit(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	k := Keys{Recipients: []string{id.Recipient().String()}, Identities: []string{id.String()}}
	data, err := Seal(state(), k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unseal(data, k); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for bit := range 8 {
			bad := bytes.Clone(data)
			bad[i] ^= 1 << bit
			if _, err := Unseal(bad, k); !errors.Is(err, errdefs.Sentinel(errdefs.SnapshotInvalid)) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
	for i := range data {
		if _, err := Unseal(data[:i], k); !errors.Is(err, errdefs.Sentinel(errdefs.SnapshotInvalid)) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	_, err = Unseal(append(bytes.Clone(data), 0), k)
	wantInvalid(t, err, "")
	other, _ := age.GenerateX25519Identity()
	_, err = Unseal(data, Keys{Identities: []string{other.String()}})
	wantInvalid(t, err, "no identity")
}

func seal(t *testing.T, text string, k Keys) []byte {
	t.Helper()
	to, err := k.recipients()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestForeignContents(t *testing.T) {
	k := Keys{Passphrase: "p", work: quick}
	for text, words := range map[string]string{
		"hello": "not a snapshot", "{}": "not a snapshot", `{"format":"execkit-snapshot","version":2}`: "version 2",
		`{"format":"execkit-snapshot","version":1,"set":[]}`: "not a snapshot",
	} {
		_, err := Unseal(seal(t, text, k), k)
		wantInvalid(t, err, words)
	}
	_, err := Unseal([]byte("plain text"), k)
	wantInvalid(t, err, "not a snapshot")
	// A file that asks for more memory than it is worth.
	_, err = Unseal([]byte("age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 30\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"), k)
	wantInvalid(t, err, "")
}

func TestKeys(t *testing.T) {
	for _, k := range []Keys{{}, {Passphrase: "p", Recipients: []string{"age1"}}, {Recipients: []string{"age1nonsense"}}} {
		if err := k.Check(); !errors.Is(err, errdefs.Sentinel(errdefs.InvalidArgument)) {
			t.Errorf("%+v: %v", k, err)
		}
	}
	_, err := Unseal(nil, Keys{Identities: []string{"AGE-SECRET-KEY-1SECRET"}})
	if !errors.Is(err, errdefs.Sentinel(errdefs.InvalidArgument)) || strings.Contains(err.Error(), "1SECRET") {
		t.Error(err)
	}
}
