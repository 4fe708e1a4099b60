package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func loaded(t testing.TB, object map[string]any) *Policy {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What a program needs of the kernel follows from the entry and not from the program alone.
func TestNeeds(t *testing.T) {
	for _, tt := range []struct {
		entry               string
		any, write, network bool
		programs            string
	}{
		{"ls", false, false, false, "ls"},
		{"systemctl status", false, false, false, "systemctl"},
		{"docker ps", false, false, false, "docker"},
		{"git status", false, false, false, "git ssh"},
		{"git -C /srv log", false, false, false, "git ssh"},
		{"git stash list", false, false, false, "git ssh"},
		{"git stash", false, true, false, "git ssh"},
		{"git commit", false, true, false, "git ssh"},
		{"git fetch", false, true, true, "git ssh"},
		{"git", false, true, true, "git ssh"},
		{"touch", false, true, false, "touch"},
		{"tar -t", false, false, false, "bzip2 gzip sh tar xz zstd"},
		{"tar -xzf", false, true, false, "bzip2 gzip sh tar xz zstd"},
		{"curl", false, false, true, "curl"},
		{"make", true, true, true, "make"},
		{"make test", true, true, true, "make"},
		{"make -n", false, false, false, "make"},
		{"npm ls", false, false, false, "npm"},
		{"npm test", true, true, true, "npm"},
		{"go version", false, false, false, "go"},
		{"go test", true, true, true, "go"},
		{"python3 manage.py", true, true, true, "python3"},
		{"python3 --version", false, false, false, "python3"},
		{"python3 -m json.tool", false, false, false, "python3"},
		{"python3 -m pytest", true, true, true, "python3"},
		{"awk", false, false, false, "awk"},
		{"env ls", false, false, false, "env ls"},
		{"timeout 5 make", true, true, true, "make timeout"},
		{"sudo systemctl restart x", false, false, false, "sudo systemctl"},
		{"xargs", false, false, false, "echo xargs"},
		{"openssl x509", false, false, false, "openssl"},
		{"openssl s_client", false, false, true, "openssl"},
	} {
		n := loaded(t, map[string]any{"allow": []string{tt.entry}}).Needs()
		if (n.Any != "") != tt.any || (n.Writes != "") != tt.write || (n.Network != "") != tt.network || strings.Join(n.Programs, " ") != tt.programs {
			t.Errorf("%s: %+v", tt.entry, n)
		}
	}
	n := loaded(t, map[string]any{"allow": []string{"ls", "make", "cargo build"}, "ask": []string{"touch"}}).Needs()
	if n.Any != "allow[1]" || n.Writes != "ask[0]" && n.Writes != "allow[1]" || !slices.Contains(n.Caches, ".cargo") || !slices.Contains(n.Programs, "touch") {
		t.Errorf("%+v", n)
	}
}

func TestNetworkKey(t *testing.T) {
	for text, want := range map[string]string{
		`null`: "{true false []}", `"auto"`: "{true false []}", `true`: "{false true []}", `false`: "{false false []}", `[443, 22]`: "{false false [443 22]}", `[]`: "{false false []}",
		`[0]`: "network[0] is no TCP port: 0", `[443,65536]`: "network[1]", `"all"`: "list of TCP ports", `{}`: "list of TCP ports", `[1.5]`: "list of TCP ports",
	} {
		p, err := Load([]byte(`{"default":"deny","network":` + text + `}`))
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", text, err)
			}
		} else if got := fmt.Sprint(p.Network()); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// Rules that contradict each other: deny wins, and a warning tells of the entry that never holds.
func TestContradictions(t *testing.T) {
	p := loaded(t, map[string]any{"allow": []string{"git push", "git", "rm"}, "ask": []string{"git push"}, "deny": []string{"git push", "rm"}})
	for text, want := range map[string]string{"git push": Deny, "git -C x push": Deny, "env git push": Deny, "git status": Allow, "rm x": Deny} {
		if d := p.Check(text, nil); d.Decision != want {
			t.Errorf("%s: %+v", text, d)
		}
	}
	told := strings.Join(p.Warnings(), "\n")
	for _, want := range []string{"allow[0]: never holds, deny[0] denies it", "allow[2]: never holds, deny[1] denies it", "ask[0]: never holds"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is not told in %q", want, told)
		}
	}
	// Asked and allowed at once is asked.
	if d := loaded(t, map[string]any{"allow": []string{"ls"}, "ask": []string{"ls"}}).Check("ls", nil); d.Decision != Ask {
		t.Errorf("%+v", d)
	}
}

// Ten thousand entries load quickly, and a verdict does not get slower by them.
func TestManyEntries(t *testing.T) {
	var allow []string
	for i := range 10000 {
		allow = append(allow, fmt.Sprintf("program%d sub%d", i/3, i))
	}
	begin := time.Now()
	p := loaded(t, map[string]any{"allow": allow, "deny": allow[:100]})
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("loading took %v", took)
	}
	for text, want := range map[string]string{"program3000 sub9001 x": Allow, "program3000 sub1": Deny, "program0 sub0": Deny, "ls": Deny} {
		if d := p.Check(text, nil); d.Decision != want {
			t.Errorf("%s: %+v", text, d)
		}
	}
	if n := p.Needs(); len(n.Programs) != 3334 {
		t.Errorf("%d programs", len(n.Programs))
	}
	if _, err := Load([]byte(`{"allow":[` + strings.Repeat(`"a",`, maxEntries) + `"b"]}`)); err == nil {
		t.Error("more entries than the limit load")
	}
}

// A name is its bytes: what looks alike is another program, and decomposed letters are not composed ones.
func TestNamesOutsideASCII(t *testing.T) {
	p := loaded(t, map[string]any{"allow": []string{"größe", "日本語 表示", "caf\u00e9"}})
	for text, want := range map[string]string{
		"größe -l": Allow, "日本語 表示 x": Allow, "日本語 x": Deny, "caf\u00e9": Allow, "cafe\u0301": Deny, "GRÖSSE": Deny, "grösse": Deny, "größe\u200b": Deny, "\u202egröße": Deny, "größe; ls": Deny,
		"'größe'": Allow, "$'gr\\u00f6ße'": Allow,
	} {
		if d := p.Check(text, nil); d.Decision != want {
			t.Errorf("%q: %+v", text, d)
		}
	}
}

// A megabyte is beyond the limit of a command unless the policy raises it; either way the answer is quick.
func TestLongCommands(t *testing.T) {
	const size = 1 << 20
	long := "echo " + strings.Repeat("a", size-5)
	p := loaded(t, map[string]any{"allow": []string{"echo"}})
	if d := p.Check(long, nil); d.Decision != Deny || d.Rules[0].ID != "text.limit" {
		t.Errorf("%+v", d)
	}
	wide := loaded(t, map[string]any{"allow": []string{"echo"}, "limits": map[string]any{"max_bytes": size}})
	if d := wide.Check(long, nil); d.Decision != Allow {
		t.Errorf("%+v", d)
	}
	if d := wide.Check(long+"a", nil); d.Decision != Deny {
		t.Errorf("%+v", d)
	}
}
