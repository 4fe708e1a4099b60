package audit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/execkit/execkit/core/errdefs"
)

// These files were made by minisign 0.11 with: minisign -G -W; and, of a file with "hi\n", minisign -S -t execkit-audit.
const (
	minisignMadeKey = "untrusted comment: minisign encrypted secret key\n" +
		"RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAZunK6h0Cbl8Ff7I6uFbPeqhaURcExx2kWMkKXjRsf+N9QiOlOhOtJGzYgXHIzcsMD+jIpfPnjxTbCrond8NIKgs1mhYLzq2RAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	minisignMadePub = "untrusted comment: minisign public key\nRWRm6crqHQJuX2zYgXHIzcsMD+jIpfPnjxTbCrond8NIKgs1mhYLzq2R\n"
	minisignMadeSig = "untrusted comment: signature from minisign secret key\n" +
		"RURm6crqHQJuX+gmRajqHnxYZoDkgFQ/NPVJl0eE692pP6oOAjShM3bMIWOIZp7h9wy54JVEd9ZHM+EVHy/5iNg5ZN8Tj+5rcAw=\n" +
		"trusted comment: execkit-audit\n" +
		"kl4kGheWI8YamGrWa3hRqZcficzc787KmyYHRS5HVfVHG6TfMGr0S7AWk0k0KD6jEpferM2a2vs0voCe5C9gCw==\n"
)

func minisignKeys(t *testing.T) (dir, key, pub string) {
	dir = t.TempDir()
	key, pub = filepath.Join(dir, "m.key"), filepath.Join(dir, "m.pub")
	for path, text := range map[string]string{key: minisignMadeKey, pub: minisignMadePub} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, key, pub
}

// What minisign made is checked, and what is made with its key is, byte for byte where nothing is left to chance, what it
// would make.
func TestMinisignMade(t *testing.T) {
	points := minisignPoints(minisignMadePub)
	if err := verifyMinisign([]byte("hi\n"), []byte(minisignMadeSig), points); err != nil {
		t.Error(err)
	}
	key, err := parseMinisign([]byte(minisignMadeKey))
	if err != nil {
		t.Fatal(err)
	}
	_, mine, _ := strings.Cut(string(key.sign([]byte("hi\n"))), "\n")
	_, theirs, _ := strings.Cut(minisignMadeSig, "\n")
	if mine != theirs {
		t.Errorf("%s\nbut minisign makes\n%s", mine, theirs)
	}
	for why, bad := range map[string]struct{ text, signature string }{
		"does not fit": {"ho\n", minisignMadeSig},
		"made for":     {"hi\n", strings.Replace(minisignMadeSig, "comment: execkit-audit", "comment: timestamp:1", 1)},
		"not a sig":    {"hi\n", "x"},
		"damaged":      {"hi\n", strings.Replace(minisignMadeSig, "\nRUR", "\nRU", 1)},
	} {
		if err := verifyMinisign([]byte(bad.text), []byte(bad.signature), points); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
	other := minisignPoint(append([]byte("another!"), points[0][8:]...))
	if err := verifyMinisign([]byte("hi\n"), []byte(minisignMadeSig), []minisignPoint{other}); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Error(err)
	}
}

func TestMinisignHead(t *testing.T) {
	dir, key, pub := minisignKeys(t)
	path, head := filepath.Join(dir, "audit.jsonl"), filepath.Join(dir, "head")
	w := openLog(t, Options{Path: path, HeadPath: head, SignKey: key})
	add(t, w, "true")
	add(t, w, "false")
	for _, k := range []string{pub, strings.Split(minisignMadePub, "\n")[1]} {
		if r := mustBeWhole(t, path, VerifyOptions{HeadPath: head, PublicKey: k}); !r.Signed || !r.Anchored {
			t.Fatalf("%+v", r)
		}
	}
	if program, err := exec.LookPath("minisign"); err == nil { // the files above hold where it is not installed
		if out, err := exec.Command(program, "-V", "-m", head, "-p", pub).CombinedOutput(); err != nil || !strings.Contains(string(out), "execkit-audit") {
			t.Errorf("minisign refuses the signature: %v: %s", err, out)
		}
	}
	// A key of the other kind signed nothing.
	if r := verify(t, path, VerifyOptions{HeadPath: head, PublicKey: newKey(t, t.TempDir()) + ".pub"}); r.OK || r.Bad.Kind != BadSignature {
		t.Errorf("%+v", r.Bad)
	}
	text := readAll(t, head)
	if err := os.WriteFile(head, []byte(strings.Replace(text, `"time_ms":1`, `"time_ms":2`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(head + nextSuffix); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, path, VerifyOptions{HeadPath: head, PublicKey: pub}); r.OK || r.Bad.Kind != BadSignature {
		t.Errorf("a changed head: %+v", r.Bad)
	}
}

func TestBadMinisignKeys(t *testing.T) {
	dir := t.TempDir()
	for says, text := range map[string]string{
		"passphrase":   strings.Replace(minisignMadeKey, "\nRWQAAEIy", "\nRWRTY0Iy", 1),
		"not a secret": minisignMadePub,
		"damaged":      strings.Replace(minisignMadeKey, "eqhaUR", "eqhaUA", 1),
	} {
		path := filepath.Join(dir, "key")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenLog(Options{Path: filepath.Join(dir, "log"), HeadPath: filepath.Join(dir, "head"), SignKey: path})
		if code(err) != errdefs.InvalidArgument || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}
