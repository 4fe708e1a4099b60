package intercept

import (
	"testing"

	"github.com/execkit/execkit/core/command"
)

func hits(t *testing.T, text, id string) bool {
	t.Helper()
	sc, err := command.Parse(text, command.Limits{})
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for _, h := range Match(sc, Facts{}) {
		if h.ID == id || id == "" {
			return true
		}
	}
	return false
}

func TestEveryRuleHoldsItsExamples(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || r.ID == "" || r.Reason == "" {
			t.Errorf("rule %q: the id is not unique or a text is missing", r.ID)
		}
		seen[r.ID] = true
		for _, x := range r.Hits {
			if !hits(t, x, r.ID) {
				t.Errorf("%s does not match %q", r.ID, x)
			}
		}
		for _, x := range r.Passes {
			if hits(t, x, r.ID) {
				t.Errorf("%s matches %q", r.ID, x)
			}
		}
	}
}

func TestFactsOfEarlierCommandsCount(t *testing.T) {
	sc, _ := command.Parse("$CMD /srv; cleanup x", command.Limits{})
	got := Match(sc, Facts{Values: map[string]string{"CMD": "rm -rf"}})
	if len(got) != 1 || got[0].ID != "rm-recursive" {
		t.Errorf("a variable: %v", got)
	}
	sc, _ = command.Parse("cleanup /srv", command.Limits{})
	if got := Match(sc, Facts{Functions: map[string][]string{"cleanup": {`cleanup() { rm -rf "$1"; }`}}}); len(got) == 0 {
		t.Error("a function of an earlier command was not followed")
	}
}
