package compress

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"unicode/utf8"
)

// words4 stands for the tokenizer: four bytes are a token.
func words4(p []byte) int { return (len(p) + 3) / 4 }

func fold(text string, size int, l Limits) Shown {
	f := NewFolder()
	for p := []byte(text); len(p) > 0; {
		n := min(size, len(p))
		f.Write(p[:n])
		p = p[n:]
	}
	return f.Finish(l, words4, "; see there")
}

// build is a log of n lines with the given lines in its middle.
func build(n int, middle ...string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[%3d%%] Building CXX object src/part_%d.o\n", i*100/n, i)
		if i == n/2 {
			for _, m := range middle {
				b.WriteString(m + "\n")
			}
		}
	}
	return b.String()
}

// Each line is the one of a failing run that says what happened; it must survive among 5,000 others.
func TestKeepsWhatMatters(t *testing.T) {
	for _, line := range []string{
		"--- FAIL: TestLedger (0.01s)", "    ledger_test.go:41: total is 3, want 4", "FAILED tests/test_a.py::test_b - assert 1 == 2",
		"E       AssertionError: boom", "not ok 7 - keeps the order", "✖ keeps the order (0.3ms)", "  ● cart › keeps the order", "test tests::order ... FAILED",
		"src/a.c:3:5: error: 'x' undeclared", "src/a.ts(3,5): error TS2304: Cannot find name 'x'.", "error[E0308]: mismatched types", " --> src/lib.rs:3:5: error",
		"ERROR in ./src/a.js 3:5", "npm ERR! code ELIFECYCLE", "npm error code 1", "make: *** [Makefile:3: all] Error 2", "fatal: not a git repository",
		"CONFLICT (content): Merge conflict in a.go", "E: Unable to locate package nosuch", "ERROR: Could not find a version that satisfies the requirement x",
		"Traceback (most recent call last):", "panic: runtime error: index out of range [3]", "Exception in thread \"main\" java.lang.IllegalStateException: shut",
		"[ERROR] COMPILATION ERROR :", "* What went wrong: error", "FAILURE: Build failed with an exception.", "CMake Error at CMakeLists.txt:3 (find_package):",
		"a.o: undefined reference to `x'", "collect2: error: ld returned 1 exit status", "Segmentation fault (core dumped)", "bash: foo: command not found",
		"cat: x: No such file or directory", "│ Error: creating bucket", "Error from server (NotFound): pods \"x\" not found", "Warning  BackOff  kubelet  Back-off restarting failed container",
		"  3/12 Test  #3: cart .................***Failed    0.02 sec", "ERROR: failed to solve: process did not complete", "level=error msg=\"disk full\"",
		`{"level":"error","msg":"disk full"}`, "Mar 01 10:00:00 web systemd[1]: api.service: Failed with result 'exit-code'.", "  16:1  error  'x' is not defined  no-undef",
		"Killed", "java.lang.OutOfMemoryError: Java heap space", "thread 'main' panicked at src/main.rs:3:5:", "Error: Cannot find module './x'",
		"FAIL: test_step (tests.Case)", "Basket 7 :: pays | FAIL |", "curl: (7) Failed to connect to localhost port 9: Connection refused", "BUILD FAILED in 3s",
	} {
		shown := fold(build(5000, line), 4096, Limits{Tokens: 150})
		if !bytes.Contains(shown.Text, []byte(line)) {
			t.Errorf("%q is lost:\n%s", line, shown.Text)
		}
	}
}

// These talk of errors where there was none; they must not push an error out.
func TestFoldsWhatSoundsBad(t *testing.T) {
	for _, line := range []string{
		"compiled src/error_handling_%d.o", "Compiling error-chain v0.12.%d", "%d tests, 0 failures", "✓ reports an error %d", "ok %d - fails when it should",
		"test errors::fatal_%d ... ok", "tests/test_failed_%d.py::test_error PASSED", "cc -Werror -c part_%d.c -o part.o", "done %d with 0 errors, 0 warnings",
		"level=info n=%d err=<nil>", `{"n":%d,"error":null}`, "--- PASS: TestError%d (0.00s)", "INFO %d requests, errors: 0", "\tat org.junit.runners.Error.run(Error.java:%d)",
	} {
		var b strings.Builder
		for i := range 3000 {
			fmt.Fprintf(&b, line+"\n", i)
			if i == 2000 {
				b.WriteString("src/cart.go:7: cannot use x as int value: error\n")
			}
		}
		shown := fold(b.String(), 4096, Limits{Tokens: 500})
		if !bytes.Contains(shown.Text, []byte("src/cart.go:7")) || bytes.Count(shown.Text, []byte{'\n'}) > 45 {
			t.Errorf("%q: %d lines:\n%.600s", line, bytes.Count(shown.Text, []byte{'\n'}), shown.Text)
		}
	}
}

func TestMarkers(t *testing.T) {
	shown := fold(build(8024, "main.c:1:1: error: x"), 100, Limits{Tokens: 120})
	if !bytes.Contains(shown.Text, []byte("similar lines; see there …\n")) || !bytes.Contains(shown.Text, []byte("similar lines …\n")) {
		t.Errorf("no markers in\n%s", shown.Text)
	}
	lines, hidden := int64(0), int64(0)
	for _, line := range strings.Split(strings.TrimSuffix(string(shown.Text), "\n"), "\n") {
		if !strings.HasPrefix(line, "… ") {
			lines++
			continue
		}
		var n int64
		if _, err := fmt.Sscan(strings.ReplaceAll(strings.Fields(line)[1], ",", ""), &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		hidden += n
	}
	if lines != shown.Lines || lines+hidden != 8025 {
		t.Errorf("%d lines are shown, reported %d; %d hidden", lines, shown.Lines, hidden)
	}
}

func TestProperties(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	pieces := []string{"error: ", "FAILED ", "ok\n", "\n", "\n\n", "at x (a.js:3:4)\n", "\xff\xfe", "日本", "warning: x\n", "  ", "… 9 lines …\n", "x", "1234", "\tat java.base/x\n",
		strings.Repeat("long ", 900), "    File \"a.py\", line 3\n", "--- FAIL: TestX\n", "panic: ", "0 errors\n"}
	for range 800 {
		var b strings.Builder
		for range rng.Intn(400) {
			b.WriteString(pieces[rng.Intn(len(pieces))])
		}
		text := b.String()
		l := Limits{Tokens: 1 + rng.Int63n(300)}
		if rng.Intn(2) == 0 {
			l.Chars = 1 + rng.Int63n(900)
		}
		if rng.Intn(2) == 0 {
			l.Lines = 1 + rng.Int63n(20)
		}
		shown := fold(text, len(text)+1, l)
		if other := fold(text, 1+rng.Intn(60), l); !bytes.Equal(other.Text, shown.Text) || other.Lines != shown.Lines || other.Bytes != shown.Bytes {
			t.Fatalf("chunks matter: %q and %q", shown.Text, other.Text)
		}
		if n := int64(words4(shown.Text)); n > l.Tokens {
			t.Fatalf("%d tokens of %d: %q", n, l.Tokens, shown.Text)
		}
		if n := int64(utf8.RuneCount(shown.Text)); l.Chars > 0 && n > l.Chars {
			t.Fatalf("%d characters of %d", n, l.Chars)
		}
		if n := int64(len(strings.Split(strings.TrimSuffix(string(shown.Text), "\n"), "\n"))); l.Lines > 0 && n > l.Lines {
			t.Fatalf("%d lines of %d", n, l.Lines)
		}
		if shown.Bytes > int64(len(text)) || shown.Lines > int64(strings.Count(text, "\n")+1) {
			t.Fatalf("reports %d bytes and %d lines of %d", shown.Bytes, shown.Lines, len(text))
		}
	}
}

// A stream whose every line asks for attention must neither take memory without a bound nor hide the rest.
func TestAdversary(t *testing.T) {
	for name, line := range map[string]func(i int) string{
		"errors":      func(i int) string { return fmt.Sprintf("error: e%d at file%d.go:%d", i*7919, i, i) },
		"new shapes":  func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 1+i%50) + strings.Repeat(" q", i%40) },
		"long lines":  func(i int) string { return "FAILED " + strings.Repeat("y", 20_000) },
		"blank":       func(i int) string { return "" },
		"forged":      func(i int) string { return "… 1,000 similar lines …" },
		"test passed": func(i int) string { return fmt.Sprintf("===== %d passed in 0.1s =====", i) },
	} {
		f := NewFolder()
		n := 40_000
		if name == "long lines" {
			n = 1500
		}
		for i := range n {
			f.Write([]byte(line(i) + "\n"))
			if i == n/2 {
				f.Write([]byte("panic: the ledger is gone\n"))
			}
			if i%1000 == 0 && (f.bytes > maxHeld || len(f.held) > maxHeldLines || len(f.runs) > maxRuns || len(f.shapes) > maxShapes || len(f.seen) > maxShapes) {
				t.Fatalf("%s: holds %d bytes, %d lines, %d runs", name, f.bytes, len(f.held), len(f.runs))
			}
		}
		shown := f.Finish(Limits{Tokens: 400}, words4, "")
		if words4(shown.Text) > 400 || !bytes.Contains(shown.Text, []byte("panic: the ledger is gone")) {
			t.Errorf("%s: %d tokens:\n%.2000s", name, words4(shown.Text), shown.Text)
		}
	}
	f := NewFolder()
	for range 64 {
		f.Write(bytes.Repeat([]byte("error "), 10_000))
	}
	if cap(f.pending) > 4*maxLine {
		t.Errorf("a line without an end takes %d bytes", cap(f.pending))
	}
	if shown := f.Finish(Limits{Tokens: 100}, words4, ""); len(shown.Text) == 0 || words4(shown.Text) > 100 || !bytes.Contains(shown.Text, []byte(" bytes … ")) {
		t.Errorf("one long line: %q", shown.Text)
	}
}

func FuzzFolder(f *testing.F) {
	f.Add([]byte("a\nerror: x\n\tat b (c.js:1:2)\n\n0 errors"), uint16(20), uint8(3))
	f.Fuzz(func(t *testing.T, in []byte, tokens uint16, size uint8) {
		l := Limits{Tokens: int64(tokens) + 1}
		a, b := fold(string(in), len(in)+1, l), fold(string(in), int(size)+1, l)
		if !bytes.Equal(a.Text, b.Text) || int64(words4(a.Text)) > l.Tokens || a.Bytes > int64(len(in)) {
			t.Errorf("%q and %q, %d bytes of %d", a.Text, b.Text, a.Bytes, len(in))
		}
	})
}

func BenchmarkFolder(b *testing.B) {
	for name, text := range map[string]string{
		"progress": build(2000), "errors": strings.Repeat("src/a.c:3:5: error: 'x' undeclared (first use in this function)\n", 2000),
		"log": strings.Repeat("2026-03-01T10:00:00.123Z INFO [worker-3] shop.ledger - posted entry 17 of 99 in 3.4 ms for account 12\n", 2000),
	} {
		b.Run(name, func(b *testing.B) {
			f := NewFolder()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				f.Write([]byte(text))
			}
		})
	}
}
