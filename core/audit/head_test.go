package audit

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/execkit/execkit/core/errdefs"
)

// newKey makes a key with the real ssh-keygen.
func newKey(t testing.TB, dir string, more ...string) string {
	t.Helper()
	key := filepath.Join(dir, "key"+strings.Join(more, ""))
	args := append([]string{"-q", "-N", "", "-C", "audit", "-f", key}, more...)
	if len(more) == 0 {
		args = append(args, "-t", "ed25519")
	}
	if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	return key
}

// The signature of the head is one that OpenSSH checks, and one that OpenSSH makes is one that we check.
func TestSignature(t *testing.T) {
	dir := t.TempDir()
	path, head, key := filepath.Join(dir, "audit.jsonl"), filepath.Join(dir, "head"), newKey(t, dir)
	w := openLog(t, Options{Path: path, HeadPath: head, SignKey: key})
	add(t, w, "true")
	signers := filepath.Join(dir, "signers")
	if err := os.WriteFile(signers, []byte("auditor "+readAll(t, key+".pub")), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func() error {
		cmd := exec.Command("ssh-keygen", "-Y", "verify", "-f", signers, "-I", "auditor", "-n", Namespace, "-s", head+sigSuffix)
		cmd.Stdin = strings.NewReader(readAll(t, head))
		return cmd.Run()
	}
	if err := check(); err != nil {
		t.Fatalf("ssh-keygen refuses the signature: %v", err)
	}
	if r := mustBeWhole(t, path, VerifyOptions{HeadPath: head, PublicKey: signers}); !r.Signed || !r.Anchored {
		t.Fatalf("%+v", r)
	}
	if err := os.Remove(head + sigSuffix); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ssh-keygen", "-q", "-Y", "sign", "-n", Namespace, "-f", key, head).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	mustBeWhole(t, path, VerifyOptions{HeadPath: head, PublicKey: readAll(t, key+".pub")})
	other := newKey(t, t.TempDir())
	if r := verify(t, path, VerifyOptions{HeadPath: head, PublicKey: other + ".pub"}); r.OK || r.Bad.Kind != BadSignature {
		t.Errorf("another key's signature: %+v", r.Bad)
	}
	text := readAll(t, head)
	if err := os.WriteFile(head, []byte(strings.Replace(text, `"time_ms":1`, `"time_ms":2`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(head + nextSuffix); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, path, VerifyOptions{HeadPath: head, PublicKey: key + ".pub"}); r.OK || r.Bad.Kind != BadSignature || check() == nil {
		t.Errorf("a changed head: %+v", r.Bad)
	}
	if err := os.Remove(head + sigSuffix); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, path, VerifyOptions{HeadPath: head, PublicKey: key + ".pub"}); r.OK || r.Bad.Kind != BadSignature {
		t.Errorf("no signature: %+v", r.Bad)
	}
}

func TestBadKeys(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := readAll(t, newKey(t, dir))
	locked := filepath.Join(dir, "locked")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "secret words", "-f", locked).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for name, c := range map[string]struct{ key, says string }{
		"missing":    {filepath.Join(dir, "none"), "no such file"},
		"readable":   {write("readable", good, 0o644), "others may read"},
		"text":       {write("text", "key", 0o600), "not a private key"},
		"cut":        {write("cut", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n", 0o600), "exactly one key"},
		"ecdsa":      {newKey(t, dir, "-t", "ecdsa"), "Ed25519 is needed"},
		"passphrase": {locked, "passphrase"},
	} {
		_, err := OpenLog(Options{Path: filepath.Join(dir, "log"), HeadPath: filepath.Join(dir, "head"), SignKey: c.key})
		if code(err) != errdefs.InvalidArgument || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenLog(Options{Path: filepath.Join(dir, "log"), SignKey: filepath.Join(dir, "key")}); code(err) != errdefs.InvalidArgument {
		t.Errorf("a key without a head: %v", err)
	}
	for _, text := range []string{"ssh-ed25519 !", filepath.Join(dir, "none"), write("keys", "ssh-rsa AAAA\n# ssh-ed25519 AAAA\n", 0o600)} {
		if _, err := publicKeys(text); code(err) != errdefs.InvalidArgument {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A log that does not reach its head is not written to, so that a cut cannot be hidden by going on.
func TestWriterHoldsTheHead(t *testing.T) {
	for name, manipulate := range map[string]func(t *testing.T, path string, first string){
		"roll back": func(t *testing.T, path, first string) { overwriteWith(t, path, first) },
		"remove": func(t *testing.T, path, _ string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"empty": func(t *testing.T, path, _ string) { overwriteWith(t, path, "") },
		"another log": func(t *testing.T, path, _ string) {
			other := openLog(t, Options{Path: path + ".other"})
			for range 5 {
				add(t, other, "other")
			}
			if err := os.Rename(path+".other", path); err != nil {
				t.Fatal(err)
			}
		},
		"cut inside the last record": func(t *testing.T, path, _ string) {
			text := readAll(t, path)
			overwriteWith(t, path, text[:len(text)-10])
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := Options{Path: filepath.Join(dir, "log"), HeadPath: filepath.Join(dir, "head")}
			w := openLog(t, o)
			add(t, w, "one")
			first := readAll(t, o.Path)
			add(t, w, "two")
			manipulate(t, o.Path, first)
			if seq, err := w.Append(&Record{Kind: Intent}); code(err) != errdefs.AuditFailed {
				t.Errorf("an open log went on with record %d: %v", seq, err)
			}
			w.Close()
			if w, err := OpenLog(o); code(err) != errdefs.AuditFailed {
				t.Errorf("it was opened again: %v", err)
				w.Close()
			}
			if r := verify(t, o.Path+"", VerifyOptions{HeadPath: o.HeadPath}); name != "remove" && r.OK {
				t.Error("it is whole")
			}
		})
	}
}

func overwriteWith(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Records of a writer without a head are noted when one with a head goes on.
func TestUnanchoredRecords(t *testing.T) {
	dir := t.TempDir()
	path, head := filepath.Join(dir, "log"), filepath.Join(dir, "head")
	with, without := openLog(t, Options{Path: path, HeadPath: head}), openLog(t, Options{Path: path})
	add(t, with, "one")
	add(t, without, "two")
	if r := verify(t, path, VerifyOptions{HeadPath: head}); r.OK || r.Bad.Kind != Unanchored || r.Bad.Seq != 3 {
		t.Fatalf("%+v", r.Bad)
	}
	kept, _, err := ReadHeadFile(head)
	if err != nil {
		t.Fatal(err)
	}
	if r := mustBeWhole(t, path, VerifyOptions{Head: &kept}); r.AfterHead != 1 || !r.Anchored {
		t.Fatalf("%+v", r)
	}
	add(t, with, "three")
	r := mustBeWhole(t, path, VerifyOptions{HeadPath: head})
	if len(r.Recovered) != 1 || r.Recovered[0].Unanchored != 1 {
		t.Fatalf("%+v", r.Recovered)
	}
}

// A crash between any two of the writes of an append leaves a log and a head that agree.
func TestCrashBetweenWrites(t *testing.T) {
	for _, sign := range []bool{false, true} {
		for after := range 5 {
			dir := t.TempDir()
			o := Options{Path: filepath.Join(dir, "log"), HeadPath: filepath.Join(dir, "head")}
			check := VerifyOptions{HeadPath: o.HeadPath}
			if sign {
				o.SignKey = newKey(t, dir)
				check.PublicKey = o.SignKey + ".pub"
			}
			budget := -1
			o.open = failing(&budget, errors.New("the process died"))
			w := openLog(t, o)
			add(t, w, "one")
			budget = after
			_, err := w.Append(&Record{Kind: Intent, Command: "two"})
			budget = -1
			if died := after < 3 || sign && after < 4; died != (err != nil) {
				t.Fatalf("sign %v, after %d writes: %v", sign, after, err)
			}
			mustBeWhole(t, o.Path, check)
			again := openLog(t, o)
			add(t, again, "three")
			mustBeWhole(t, o.Path, check)
		}
	}
}

func TestAnchors(t *testing.T) {
	dir := t.TempDir()
	var heads []Head
	var refuse error
	out := filepath.Join(dir, "out")
	w := openLog(t, Options{
		Path:        filepath.Join(dir, "log"),
		Anchor:      func(h Head) error { heads = append(heads, h); return refuse },
		HeadCommand: []string{"sh", "-c", "cat >" + out},
	})
	add(t, w, "one")
	if len(heads) != 2 || heads[1] != w.Head() {
		t.Fatalf("%+v", heads)
	}
	refuse = errors.New("no")
	if _, err := w.Append(&Record{Kind: Intent}); code(err) != errdefs.AuditFailed || !strings.Contains(err.Error(), "no") {
		t.Fatalf("%v", err)
	}
	refuse = nil
	add(t, w, "two")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	head, err := ParseHead([]byte(readAll(t, out)))
	if err != nil || head != heads[len(heads)-1] {
		t.Fatalf("%+v %v", head, err)
	}
	mustBeWhole(t, filepath.Join(dir, "log"), VerifyOptions{Head: &head})
}

// A command that fails stops the next append, and is tried again.
func TestHeadCommandFails(t *testing.T) {
	dir := t.TempDir()
	gate := filepath.Join(dir, "gate")
	w := openLog(t, Options{Path: filepath.Join(dir, "log"), HeadCommand: []string{"sh", "-c", "echo not there >&2; test -e " + gate}})
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := w.Append(&Record{Kind: Intent})
		if err != nil {
			if code(err) != errdefs.AuditFailed || !strings.Contains(err.Error(), "not there") {
				t.Fatal(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a head command that fails is not noticed")
		}
		time.Sleep(time.Millisecond)
	}
	overwriteWith(t, gate, "")
	add(t, w, "on")
}

func TestParseHead(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for _, text := range []string{"7:" + hash, `{"count":7,"hash":"` + hash + `"}`, ` {"format":1,"log":"l","count":7,"hash":"` + hash + `","time_ms":1}` + "\n"} {
		if h, err := ParseHead([]byte(text)); err != nil || h.Count != 7 || h.Hash != hash {
			t.Errorf("%s: %+v %v", text, h, err)
		}
	}
	for _, text := range []string{"", "7", "7:ab", "-1:" + hash, `{"count":7}`, `{"count":7,"hash":"` + strings.Repeat("AB", 32) + `"}`, `{"format":2,"count":7,"hash":"` + hash + `"}`, `{"count":-7,"hash":"` + hash + `"}`} {
		if _, err := ParseHead([]byte(text)); code(err) != errdefs.InvalidArgument {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Whatever a file holds, reading it ends, and finds either a whole chain or the first damage; the reader of the end
// alone agrees.
func FuzzChain(f *testing.F) {
	text, hash, _ := appendLine(nil, 1, zeroHash, &Record{Kind: Log, Data: map[string]any{"format": 1, "id": "l_x"}})
	text, _, _ = appendLine(text, 2, hash, &Record{Kind: Intent, Command: "true"})
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add([]byte("{\"seq\":1,\"prev\":\"\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newChain()
		if err := c.feed(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		c.settle()
		end := newChain()
		if _, err := end.readEnd(bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
		end.settle()
		if (c.damage == nil) != (end.damage == nil) || c.seq != end.seq || c.hash != end.hash {
			t.Fatalf("%+v and %+v", c.damage, end.damage)
		}
		if c.damage == nil && c.records == 0 && len(data) > 0 {
			t.Fatal("nothing was read and nothing is wrong")
		}
	})
}

func FuzzHead(f *testing.F) {
	f.Add([]byte(`{"count":7,"hash":"00"}`))
	f.Add([]byte("7:00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ParseHead(data)
		if err != nil {
			return
		}
		if again, err := ParseHead(h.line()); err != nil || again.Count != h.Count || again.Hash != h.Hash {
			t.Fatalf("%+v became %+v %v", h, again, err)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----\n"))
	f.Add([]byte("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := parseKey(data); err == nil {
			if err := verifySignature(data, key.sign(data), [][]byte{key.public}); err != nil {
				t.Fatal(err)
			}
		}
		if verifySignature([]byte("head"), data, [][]byte{data}) == nil {
			t.Fatal("made up")
		}
	})
}
