package redact

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
)

func logText(n int) []byte {
	rnd := rand.New(rand.NewSource(1))
	lines := []string{
		"2024-05-02T10:11:12.%03dZ INFO  server started on :8080 pid=4312\n",
		"May  2 10:11:12 host sshd[%d]: Accepted publickey for sam from 10.0.0.7 port 52344 ssh2\n",
		"127.0.0.1 - - [02/May/2024:10:11:12 +0000] \"GET /health/%d HTTP/1.1\" 200 15 \"-\" \"curl/8.5.0\"\n",
		"level=info ts=1714644672.%d caller=main.go:42 msg=\"listening\" addr=:9090\n",
		"[error] %d#0: *5 connect() failed (111: Connection refused) while connecting to upstream\n",
		"npm http fetch GET 200 https://registry.example.org/left-pad 12ms (cache hit %d)\n",
		"May  2 10:11:12 host systemd[1]: Started Session %d of user sam.\n",
		"kernel: [12345.%d] usb 1-1: new high-speed USB device number 5\n",
	}
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, lines[rnd.Intn(len(lines))], rnd.Intn(1000))
	}
	return []byte(b.String())
}

func jsonText(n int) []byte {
	rnd := rand.New(rand.NewSource(1))
	var b strings.Builder
	b.WriteString(`{"items": [`)
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"id": %d, "name": "row %d", "ok": true, "tags": ["a", "b"], "key": "k%d", "url": "https://example.com/%d"}, `, i, rnd.Intn(1e6), i, i)
	}
	return []byte(b.String())
}

func hexText(n int) []byte {
	rnd := rand.New(rand.NewSource(1))
	var b strings.Builder
	for i := 0; b.Len() < n; i += 16 {
		fmt.Fprintf(&b, "%08x ", i)
		for range 16 {
			fmt.Fprintf(&b, " %02x", rnd.Intn(256))
		}
		b.WriteString("  |................|\n")
	}
	return []byte(b.String())
}

var benchInputs = []struct {
	name string
	gen  func(n int) []byte
}{
	{"log", logText},
	{"json", jsonText},
	{"hex", hexText},
	{"names", func(n int) []byte { return []byte(strings.Repeat("password=token=secret=key=", n/26)) }},
	{"rejected", func(n int) []byte { return []byte(strings.Repeat("token=aaa.bbb(", n/14)) }},
	{"prefixes", func(n int) []byte { return []byte(strings.Repeat("ghp_sk-ant-eyJhAKIA", n/19)) }},
	{"urls", func(n int) []byte { return []byte(strings.Repeat("://", n/3)) }},
	{"quotes", func(n int) []byte { return []byte(strings.Repeat("password=\"", n/10)) }},
	{"insert", func(n int) []byte { return []byte("insert into x (" + strings.Repeat("password,", n/9)) }},
	{"dots", func(n int) []byte { return []byte(strings.Repeat("MTU5bSXJhPfIJVTmoqH9DFGwXR.5OPKna", n/33)) }},
	{"base64", func(n int) []byte { return []byte(strings.Repeat("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo", n/35)) }},
	{"ansi", func(n int) []byte { return []byte(strings.Repeat("\x1b[32mok\x1b[0m 12 passed in 3 s\n", n/30)) }},
	{"escapes", func(n int) []byte { return []byte(strings.Repeat("\x1b]", n/2)) }},
	{"percent", func(n int) []byte { return []byte(strings.Repeat("%3D", n/3)) }},
	{"open", func(n int) []byte { return []byte(strings.Repeat("token is ghp_abcdEFGH1234\n", n/26)) }},
	{"continued", func(n int) []byte { return []byte(strings.Repeat("abc \\\n", n/6)) }},
	{"phrase", func(n int) []byte { return []byte(strings.Repeat("passphrase: a b c d ", n/20)) }},
	{"cookies", func(n int) []byte { return []byte(strings.Repeat("cookie: a=b; c=", n/15)) }},
	{"flags", func(n int) []byte { return []byte(strings.Repeat("mysql -pa1 curl -u a", n/20)) }},
	{"pem", func(n int) []byte { return []byte(strings.Repeat("-----BEGIN PRIVATE KEY-----", n/27)) }},
	{"oneline", func(n int) []byte { return []byte(strings.Repeat("x", n)) }},
}

func BenchmarkRedact(b *testing.B) {
	r := mustNew(b, Options{})
	for _, in := range benchInputs {
		text := in.gen(4 << 20)
		b.Run(in.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var out []byte
			for range b.N {
				st := r.Stream()
				out = out[:0]
				for p := text; len(p) > 0; {
					n := min(len(p), 32<<10)
					out = st.Write(out, p[:n])
					p = p[n:]
				}
				out = st.Flush(out)
			}
		})
	}
}

// BenchmarkBuild is what the first redactor of a process pays.
func BenchmarkBuild(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		if buildRules().search == nil {
			b.Fatal("no rules")
		}
	}
}
