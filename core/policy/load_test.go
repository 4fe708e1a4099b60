package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestLoadNamesThePlaceOfAFault(t *testing.T) {
	for raw, want := range map[string]string{
		`{"alow":[]}`: "allow", `{"default":"maybe"}`: "default", `{"deny_patterns":["a","("]}`: "deny_patterns[1]", `{"allow":["ls",""]}`: "allow[1]",
		`{"allow":[{"program":"ls","x":1}]}`: "allow[0]", `{"allow":[{"args_prefix":["a"]}]}`: "allow[0]", `{"env":{"deny":["["]}}`: "env.deny[0]", `{"write":["../x"]}`: "write[0]",
		`{"intercept":{"off":["nope"]}}`: "intercept.off[0]", `{"enforce":"x"}`: "enforce", `{"limits":{"max_bytes":-1}}`: "limits", `{"allow":["a 'b"]}`: "allow[0]",
		`{"allow":[{"program":"git log","match":["git status"]}]}`: "allow[0].match[0]", `{"deny":[{"program":"git push","not_match":["git -C x push"]}]}`: "deny[0].not_match[0]", `[]`: "policy", `{"allow":[3]}`: "allow[0]",
	} {
		_, err := Load(json.RawMessage(raw))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", raw, err, want)
		}
	}
}

func TestEntriesWithArguments(t *testing.T) {
	p, err := Load(json.RawMessage(`{"default":"deny","allow":["git",{"program":"rm","args_deny":["-r","--recursive"],"match":["rm a"],"not_match":["rm -fr a"]}],
		"ask":[{"program":"git push","reason":"shared branch"}],"deny":["git push --force"],"deny_patterns":["secret"],"write":["/tmp/out","build"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{"git status": Allow, "git push": Ask, "git -C x push": Ask, "git push origin --force": Deny, "git log -- secret": Deny,
		"git log -- s'ecre't": Deny, "git status > /tmp/out/a": Allow, "git status > build/x": Allow, "cd build": Deny, "git status > /tmp/other": Deny, "git status > /tmp/out/../x": Deny} {
		if d := p.Check(text, nil); d.Decision != want {
			t.Errorf("%q is %s (%s), want %s", text, d.Decision, d.Reason, want)
		}
	}
	d := p.Check("git status; git push", nil)
	if d.Reason != "shared branch" || len(d.Rules) < 2 || d.Rules[len(d.Rules)-1].Span.Start != 12 {
		t.Errorf("decision %+v", d)
	}
}

func TestDefaultPolicyInterceptsAndLoadIsFast(t *testing.T) {
	p, _ := Load(nil)
	if d := p.Check("rm -rf /srv", nil); d.Decision != Ask || d.Rules[0].ID != "intercept.rm-recursive" {
		t.Errorf("%+v", d)
	}
	if d := p.Check("$x; eval y; ls > f", nil); d.Decision != Allow {
		t.Errorf("%+v", d)
	}
	var many []string
	for i := range 10000 {
		many = append(many, fmt.Sprintf("prog%d sub", i))
	}
	raw, _ := json.Marshal(map[string]any{"default": "deny", "allow": many})
	p, err := Load(raw)
	if err != nil || p.Check("prog9999 sub x", nil).Decision != Allow {
		t.Errorf("10,000 entries: %v", err)
	}
}
