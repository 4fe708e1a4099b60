package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// expand writes out the template of an example, see [format]: {w36} becomes 36 generated letters and digits.
func expand(rnd *rand.Rand, s string) string {
	alphabets := map[byte]string{
		'w': "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
		'h': "0123456789abcdef", 'u': "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
		'l': "abcdefghijklmnopqrstuvwxyz0123456789", 'a': "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", 'd': "0123456789",
		'b': "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/",
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '{' {
			if end := strings.IndexByte(s[i:], '}'); end > 2 {
				if n, err := strconv.Atoi(s[i+2 : i+end]); err == nil {
					a := alphabets[s[i+1]]
					if n == 36 && s[i+1] == 'h' { // a UUID
						for k, m := range []int{8, 4, 4, 4, 12} {
							if k > 0 {
								b.WriteByte('-')
							}
							for range m {
								b.WriteByte(a[rnd.Intn(len(a))])
							}
						}
						i += end
						continue
					}
					for range n {
						b.WriteByte(a[rnd.Intn(len(a))])
					}
					i += end
					continue
				}
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// TestFormats checks every token format against the examples beside it, alone and in the places where tokens turn up.
func TestFormats(t *testing.T) {
	r := mustNew(t, Options{})
	rnd := rand.New(rand.NewSource(3))
	for _, f := range formats {
		if strings.ToLower(f.Key) != f.Key || len(f.Key) < 3 {
			t.Errorf("%s: key %q must be lower case and at least 3 bytes", f.Kind, f.Key)
		}
		misses := 0
		const rounds = 20
		for range rounds {
			tok := expand(rnd, f.True)
			for _, place := range []string{"%s", "token is %s ok", "`%s`", "(\"%s\");", "a=%s&b=1", "x\n%s\ny", `{"a": "\n%s"}`, "<code>%s</code>"} {
				if f.Kind == "private-key-base64" {
					continue
				}
				text := fmt.Sprintf(place, tok)
				if out, _ := r.Text(text); strings.Contains(out, tok) {
					misses++
					if misses == 3 {
						t.Errorf("%s: %q stays", f.Kind, text)
					}
				}
			}
		}
		if out, n := r.Text("see " + f.False + " there"); len(n) > 0 {
			t.Errorf("%s: false example %q becomes %q", f.Kind, f.False, out)
		}
	}
}

// TestSplits feeds every case cut at every offset and byte by byte; the output must not change.
func TestSplits(t *testing.T) {
	r := mustNew(t, Options{Labels: true})
	r.Learn("learned-value-1234")
	cases := append(loadCases(t, "testdata/secrets.jsonl"), loadCases(t, "testdata/nonsecrets.jsonl")...)
	cases = append(cases, testCase{ID: "learned", Text: "a learned-value-1234 b\nlearned-value-1234"})
	for _, c := range cases {
		want, _ := r.Text(c.Text)
		b := []byte(c.Text)
		for i := 0; i <= len(b); i++ {
			s := r.Stream()
			got := s.Write(nil, b[:i])
			got = s.Flush(s.Write(got, b[i:]))
			if string(got) != want {
				t.Fatalf("%s cut at %d: %q, want %q", c.ID, i, got, want)
			}
		}
		s := r.Stream()
		var got []byte
		for i := range b {
			got = s.Write(got, b[i:i+1])
		}
		if got = s.Flush(got); string(got) != want {
			t.Fatalf("%s byte by byte: %q, want %q", c.ID, got, want)
		}
	}
}

// TestLongLines cuts lines longer than a window at random, with secrets all over them.
func TestLongLines(t *testing.T) {
	r := mustNew(t, Options{})
	rnd := rand.New(rand.NewSource(5))
	var b strings.Builder
	var secrets []string
	for b.Len() < 5*MaxHold {
		b.WriteString(strings.Repeat("word ", rnd.Intn(300)))
		s := expand(rnd, "ghp_{w36}")
		p := expand(rnd, "{w9}7{w6}")
		secrets = append(secrets, s, p)
		fmt.Fprintf(&b, `"t": %s, "password": "%s", `, s, p)
	}
	text := b.String()
	want, _ := r.Text(text)
	for _, s := range secrets {
		if strings.Contains(want, s) {
			t.Errorf("%s stays", s)
		}
	}
	for range 30 {
		s := r.Stream()
		var got []byte
		for p := []byte(text); len(p) > 0; {
			n := min(len(p), 1+rnd.Intn(40000))
			got = s.Write(got, p[:n])
			p = p[n:]
			if len(s.buf) > MaxHold+leftContext {
				t.Fatalf("holds back %d bytes", len(s.buf))
			}
		}
		if got = s.Flush(got); string(got) != want {
			t.Fatal("chunks change the output")
		}
	}
	// A secret longer than a window is dropped to its end.
	out, _ := r.Text("token=" + strings.Repeat("aB3", MaxHold) + " end")
	if len(out) > 100 || !strings.HasSuffix(out, " end") {
		t.Errorf("a very long token leaves %d bytes", len(out))
	}
}

// TestCanaries hides thousands of generated secrets at random places of ordinary text, some cut by terminal sequences,
// and looks for each of them in what comes out.
func TestCanaries(t *testing.T) {
	r := mustNew(t, Options{})
	rnd := rand.New(rand.NewSource(11))
	ordinaryLines := strings.SplitAfter(string(logText(200_000)), "\n")
	kinds := []string{"ghp_{w36}", "AKIA{u15}7", "glpat-{w19}7", "sk_live_{w23}7", "npm_{w35}7", "hvs.{w23}7", "xoxb-{d12}-{d12}-{w23}7"}
	places := []string{"%s\n", "token: %s\n", "x %s y ", `{"k": "%s"}`, "https://h/?t=%s&x=1\n", "export A='%s'\n", "\t%s\r\n"}
	var b strings.Builder
	var canaries []string
	for range 4000 {
		for range rnd.Intn(4) {
			b.WriteString(ordinaryLines[rnd.Intn(len(ordinaryLines))])
		}
		c := expand(rnd, kinds[rnd.Intn(len(kinds))])
		canaries = append(canaries, c)
		if rnd.Intn(4) == 0 {
			n := 1 + rnd.Intn(len(c)-1)
			c = c[:n] + "\x1b[1;31m" + c[n:]
		}
		fmt.Fprintf(&b, places[rnd.Intn(len(places))], c)
	}
	s := r.Stream()
	var out []byte
	for p := []byte(b.String()); len(p) > 0; {
		n := min(len(p), 1+rnd.Intn(5000))
		out = s.Write(out, p[:n])
		p = p[n:]
	}
	text := transform("strip-ansi", string(s.Flush(out)))
	for _, c := range canaries {
		if strings.Contains(text, c) {
			t.Errorf("%s survives", c)
		}
	}
}

// TestIdempotent redacts what is redacted already.
func TestIdempotent(t *testing.T) {
	for _, o := range []Options{{}, {Labels: true}} {
		r := mustNew(t, o)
		for _, c := range loadCases(t, "testdata/secrets.jsonl") {
			once, _ := r.Text(c.Text)
			if twice, n := r.Text(once); twice != once {
				t.Errorf("%s: %q becomes %q %v", c.ID, once, twice, n)
			}
		}
	}
}

func TestLearn(t *testing.T) {
	r := mustNew(t, Options{Values: []string{"s3cr'et \"va$lue/+", "short", "two-lines-one\ntwo-lines-two"}})
	if len(r.Warnings()) != 1 || strings.Contains(r.Warnings()[0], "short\"") {
		t.Errorf("warnings %q", r.Warnings())
	}
	if r.Learn("abc") || !r.Learn("pässwörd!") || !r.Learn("bad\xffutf8\xfe") {
		t.Error("Learn reports the wrong thing")
	}
	v := "s3cr'et \"va$lue/+"
	j, _ := json.Marshal(v)
	for _, s := range []string{
		v, url.QueryEscape(v), url.PathEscape(v), string(j), base64.StdEncoding.EncodeToString([]byte(v)),
		base64.StdEncoding.EncodeToString([]byte("user:" + v)), base64.StdEncoding.EncodeToString([]byte("ab" + v + "xyz")),
		fmt.Sprintf("%x", v), `'s3cr'\''et "va$lue/+'`, `"s3cr'et \"va\$lue/+"`, `s3cr\'et\ \"va\$lue/+`,
		"a two-lines-one b", "two-lines-two", "pässwörd!", "bad\xffutf8\xfe", "s3cr'et\x1b[1m \"va$lue/+",
	} {
		if out, n := r.Text("x " + s + " y"); len(n) == 0 {
			t.Errorf("%q stays: %q", s, out)
		}
	}
	if out, _ := r.Text("short abc"); out != "short abc" {
		t.Errorf("a short value is redacted: %q", out)
	}
	// Learned in the middle of a stream, a value counts from the next Write.
	s := r.Stream()
	out := s.Write(nil, []byte("before late-secret\n"))
	r.Learn("late-secret")
	out = s.Flush(s.Write(out, []byte("after late-secret\n")))
	if string(out) != "before late-secret\nafter [REDACTED]\n" {
		t.Errorf("%q", out)
	}
}

func TestOptions(t *testing.T) {
	tok := expand(rand.New(rand.NewSource(1)), "ghp_{w36}")
	r := mustNew(t, Options{Labels: true, Allow: []string{tok}, Off: []string{"jwt"}, Rules: []Rule{
		{Name: "ticket", Pattern: `TICKET-(\d{4,})`, Match: []string{"TICKET-12345"}, NotMatch: []string{"TICKET-1"}}}})
	out, n := r.Text("password=hunter2 " + tok + " TICKET-98765 x")
	if want := "password=[REDACTED:password] " + tok + " TICKET-[REDACTED:ticket] x"; out != want {
		t.Errorf("%q, want %q", out, want)
	}
	if len(n) != 2 || n[0].Kind != "password" || n[1].Count != 1 {
		t.Errorf("counts %v", n)
	}
	for _, o := range []Options{
		{Rules: []Rule{{Name: "x", Pattern: ".*"}}}, {Rules: []Rule{{Name: "x", Pattern: `\w+`}}}, {Rules: []Rule{{Name: "x"}}},
		{Rules: []Rule{{Name: "x", Pattern: "("}}}, {Rules: []Rule{{Name: "x", Pattern: "abc", Match: []string{"d"}}}},
		{Rules: []Rule{{Name: "x", Pattern: "abc", NotMatch: []string{"abc"}}}}, {Rules: []Rule{{Name: "a]b", Pattern: "abc"}}},
		{Off: []string{"no-such-kind"}}, {Allow: []string{""}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestFromWire(t *testing.T) {
	for raw, ok := range map[string]bool{
		"": true, "null": true, "true": true, "false": true, "{}": true, `{"labels":true,"values":["abcdef"],"off":["jwt"]}`: true,
		"1": false, `"x"`: false, `{"lables":true}`: false, `{"rules":[{"name":"x","regex":"y"}]}`: false, `{"values":"x"}`: false, "[]": false,
	} {
		if _, err := FromWire(json.RawMessage(raw)); (err == nil) != ok {
			t.Errorf("%s: %v", raw, err)
		}
	}
	o, _ := FromWire(json.RawMessage("false"))
	if out, _ := mustNew(t, o).Text("password=hunter2"); out != "password=hunter2" {
		t.Errorf("off still redacts: %q", out)
	}
}

func TestIdle(t *testing.T) {
	r := mustNew(t, Options{})
	s := r.Stream()
	out := s.Idle(s.Write(nil, []byte("line\nPassword: ")))
	if string(out) != "line\nPassword: " {
		t.Errorf("the prompt is held back: %q", out)
	}
	out = s.Flush(s.Idle(s.Write(out, []byte("\nok ghp_abc"))))
	if string(out) != "line\nPassword: \nok ghp_abc" {
		t.Errorf("%q", out)
	}
	for _, c := range loadCases(t, "testdata/secrets.jsonl") {
		s := r.Stream()
		var out []byte
		for i := range len(c.Text) {
			out = s.Idle(s.Write(out, []byte(c.Text[i:i+1])))
		}
		out = s.Flush(out)
		for _, x := range c.Secrets {
			if strings.Contains(string(out), x) && c.Transform == "" {
				t.Errorf("%s (%s): idle at every byte lets out %q", c.ID, c.Kind, out)
			}
		}
	}
}

func FuzzStream(f *testing.F) {
	for _, c := range loadCases(f, "testdata/secrets.jsonl")[:200] {
		f.Add([]byte(c.Text), uint16(len(c.Text)/2), uint16(3))
	}
	r := mustNew(f, Options{Values: []string{"learned-value"}})
	f.Fuzz(func(t *testing.T, text []byte, cut, step uint16) {
		s := r.Stream()
		want := s.Flush(s.Write(nil, text))
		s = r.Stream()
		n := min(int(cut), len(text))
		got := s.Write(nil, text[:n])
		for p := text[n:]; len(p) > 0; {
			m := min(len(p), 1+int(step))
			got = s.Write(got, p[:m])
			p = p[m:]
		}
		if got = s.Flush(got); !bytes.Equal(got, want) {
			t.Fatalf("cut at %d by %d: %q, want %q", n, step, got, want)
		}
		s.Flush(s.Idle(s.Write(nil, text[:n])))
	})
}

// What a command names is hidden in what it prints; a plain word is not, since it would be hidden everywhere.
func TestLearnCommand(t *testing.T) {
	r := mustNew(t, Options{})
	r.LearnCommand("MY_TOKEN='k2Jx9Qm4Zt7Wp1' run --password Gx7zvroQFD\nDB_PASSWORD=$OTHER DB_PASSWORD=postgres true")
	if got, _ := r.Text("x k2Jx9Qm4Zt7Wp1, Gx7zvroQFD, postgres, OTHER"); got != "x [REDACTED], [REDACTED], postgres, OTHER" {
		t.Error(got)
	}
	off := mustNew(t, Options{Disabled: true})
	off.LearnCommand("MY_TOKEN=k2Jx9Qm4Zt7Wp1")
	if got, _ := off.Text("k2Jx9Qm4Zt7Wp1"); got != "k2Jx9Qm4Zt7Wp1" {
		t.Error(got)
	}
}

// Lines that repeat are looked at once; what is hidden, and how often, is as byte by byte.
func TestRepeatedLines(t *testing.T) {
	r, err := New(Options{Values: []string{"correct horse\nbattery staple", "open sesame now"}, Rules: []Rule{{Name: "ticket", Pattern: `T-\d{4}`}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, before := range []string{"", "half ", "password:\n", "-----BEGIN RSA PRIVATE KEY-----\n", "machine host\n", "export TOKEN=\\\n"} {
		for _, line := range []string{"y", "", "a line of a build", "password=Xk29fLq0ZzT4", "MIIEowIBAAKCAQEAn2t5qJ8lQvVZ0f3cXy1r", "T-1234", "open sesame now",
			"battery staple", "see T-12", "\x1b[1mopen\x1b[0m sesame now", "AKIA2E0A8F3B244C9986 \\", "%6fpen%20sesame%20now", "ghp_"} {
			in := []byte(before + strings.Repeat(line+"\n", 12<<10/(len(line)+1)) + "the end")
			whole, apart := r.Stream(), r.Stream()
			got := whole.Flush(whole.Write(nil, in))
			var want []byte
			for i := range in {
				want = apart.Write(want, in[i:i+1])
			}
			if want = apart.Flush(want); !bytes.Equal(got, want) || !reflect.DeepEqual(whole.Counts(), apart.Counts()) {
				t.Errorf("%q, then %q: %v, byte by byte %v", before, line, whole.Counts(), apart.Counts())
			}
		}
	}
}
