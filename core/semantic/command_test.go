package semantic

import "testing"

func TestOnlyReads(t *testing.T) {
	for command, want := range map[string]bool{
		"cat build.log": true, "grep -n error build.log | head -5": true, "cd /x && git log -p": true, "LC_ALL=C sudo tail -f x": true, "kubectl logs pod/x": true,
		"echo '=== 3 passed in 0.1s ==='": true, "make": false, "cd x && make": false, "cat x; npm test": false, "pytest | tail -5": false, "git commit -m x": false,
		"": false, "./build.sh": false, "echo \"a; make\"": false, "python -c 'print(1)'": false, "docker build .": false, "timeout 5 cat x": true,
	} {
		if got := OnlyReads(command); got != want {
			t.Errorf("%q: %v, want %v", command, got, want)
		}
	}
}

func TestMeaning(t *testing.T) {
	for _, c := range []struct {
		command string
		exit    int
		want    string
	}{
		{"pytest -q", 1, "pytest: tests failed"}, {"python -m pytest", 5, "pytest: no tests were collected"}, {"cd x && grep a b", 1, "grep: no line matched"},
		{"cat x | egrep a", 1, "grep: no line matched"}, {"nosuch", 127, "no such command"}, {"./run", 137, "killed (SIGKILL), often for memory"}, {"(exit 7)", 7, ""},
		{"A=1 timeout 9 /usr/bin/curl x", 7, "curl: could not connect"}, {"docker run x", 127, "docker: no such command in the container"}, {"", 1, ""}, {"python3", 1, ""},
		{"python -m", 1, ""}, {"make; true", 1, ""},
	} {
		if got := Meaning(c.command, c.exit); got != c.want {
			t.Errorf("%q, %d: %q, want %q", c.command, c.exit, got, c.want)
		}
	}
}

func TestLikely(t *testing.T) {
	failed := Event{Kind: TestsFinished, Fields: map[string]any{"failed": 3, "names": []string{"a", "b"}}}
	fault := Event{Kind: Error, Fields: map[string]any{"file": "a.c", "line": 3, "message": "x"}}
	for _, c := range []struct {
		events []Event
		want   string
	}{
		{nil, ""}, {[]Event{fault, failed}, "a and 2 more"}, {[]Event{fault}, "a.c:3: x"}, {[]Event{{Kind: Error, Fields: map[string]any{"message": "y"}}}, "y"},
		{[]Event{{Kind: TestsFinished, Fields: map[string]any{"failed": 0}}}, ""},
	} {
		if got := Likely(c.events); got != c.want {
			t.Errorf("%v: %q, want %q", c.events, got, c.want)
		}
	}
}
