package policy

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shapes are what a hostile text repeats to make a parser or the rules slow.
var shapes = []string{"(", "{ ", "{", "$(", "`", "if true; then ", "while ", "case x in x) ", "! ", "''", "\"\"", "$x", "${x:-", "\"$(", "[[ ", "[[ ( ", "((", "$((", "1+", "a=(", "|cat ", "a|", "a&&", "a;", "a&", "a\n",
	"<<E ", "<<E\n", "<<<a ", ">a ", "2>&1 ", "\\\n", " \\\n", "{a,b}", "{1..9}", "*", "[", "[a]", "~", "#\n", "f(){ ", "f()(", "for i in ", "for i in a; do ", "select x in ", "time ", "env ", "sudo ", "xargs ", "sh -c '", "ssh h ", "python3 -c '", "python3 -m ", "git submodule foreach ", "psql -c '\\! ", "bwrap --bind a b ", "echo a > f; sh f;", "set -- $@ a;", "a=(${a[@]} b);", "|sh ", "a=b ", "\"", "'", "$'", "$'\\", "é", "\u0301", "\\", "export a ", "-", "git -C ", "find . ", "awk '", "sed s/a/", "<(", "((a", "let ", "coproc ", "@(", "?(a|", "a[", "${!", "$[", "if ", "fi;", "do ", "elif ", "function f ", "&>", "|&", ";;", "\t", " "}

func TestNoShapeIsSlow(t *testing.T) {
	// The bar is 20 ms of a quiet machine, which the log shows. What is counted is the time of this thread, so that a
	// busy machine fails nothing, and the test fails where a shape costs several times the bar.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	bar, worst := 20*time.Millisecond, time.Duration(0)
	limit := 4 * bar
	if raceEnabled {
		limit *= 10
	}
	raw, _ := json.Marshal(map[string]any{"allow": []string{"ls", "echo", "cat", "env", "xargs", "sudo"}, "deny": []string{"git push", "rm"}, "deny_patterns": []string{`rm\s+-rf`}})
	p, err := Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range shapes {
		for _, n := range []int{1 << 20, 32<<10 - 8} {
			for _, pre := range []string{"", "ls "} {
				text := pre + strings.Repeat(unit, n/len(unit))
				best := time.Hour
				var d string
				for range 6 {
					start := threadTime(t)
					d = p.Check(text, nil).Decision
					if best = min(best, threadTime(t)-start); best < bar/4 {
						break
					}
				}
				if best > worst {
					worst = best
					t.Logf("%v for %q, %d bytes (%s)", best, unit, len(text), d)
				}
				if best > limit {
					t.Errorf("%q for %d bytes takes %v (%s)", unit, len(text), best, d)
				}
			}
		}
	}
}

// threadTime is what the calling thread has run (clock_gettime(2), CLOCK_THREAD_CPUTIME_ID).
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

func BenchmarkOrdinary(b *testing.B) {
	raw, _ := json.Marshal(map[string]any{"default": "deny", "allow": []string{"ls", "cat", "grep", "head", "git log", "git status", "systemctl status", "docker ps", "find"}})
	p, err := Load(raw)
	if err != nil {
		b.Fatal(err)
	}
	cmds := []string{"ls -la", "cat notes.txt | grep -v x | head -5", "git log --format='%h %s' -n 5 -- main.go", "systemctl status api || docker ps -a", "find . -name '*.go' -type f", `for f in a b; do cat "$f"; done`}
	b.ReportAllocs()
	for i := range b.N {
		if d := p.Check(cmds[i%len(cmds)], nil); d.Decision != Allow {
			b.Fatal(d)
		}
	}
}
