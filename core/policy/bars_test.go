package policy

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type benchCase struct {
	ID      string   `json:"id"`
	Allow   []string `json:"allow"`
	Deny    []string `json:"deny"`
	Setup   []string `json:"setup"`
	Command string   `json:"command"`
	B64     string   `json:"command_b64"`
	Gen     *struct {
		Prefix, Repeat, Suffix, Repeat2, Tail string
		Count                                 int
	} `json:"command_gen"`
	Level, Tier, Expect, Technique, Kind, Category string
	Arguable                                       bool
}

func (c *benchCase) text() string {
	switch {
	case c.B64 != "":
		b, _ := base64.StdEncoding.DecodeString(c.B64)
		return string(b)
	case c.Gen != nil:
		return c.Gen.Prefix + strings.Repeat(c.Gen.Repeat, c.Gen.Count) + c.Gen.Suffix + strings.Repeat(c.Gen.Repeat2, c.Gen.Count) + c.Gen.Tail
	}
	return c.Command
}

func readCases(t testing.TB, dir, name string) []benchCase {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, name))
	if os.IsNotExist(err) {
		f, err = os.Open(filepath.Join(dir, strings.Replace(name, ".dev.jsonl", ".jsonl", 1)))
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []benchCase
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		var c benchCase
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, c)
	}
	return all
}

func casePolicy(t testing.TB, c *benchCase) *Policy {
	raw, _ := json.Marshal(map[string]any{"default": "deny", "allow": c.Allow, "deny": c.Deny, "intercept": "off"})
	p, err := Load(raw)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	return p
}

// TestBars judges whole case files and prints the figures. EXECKIT_CASES names another directory than the project's
// own representative part.
func TestBars(t *testing.T) {
	dir := os.Getenv("EXECKIT_CASES")
	if dir == "" {
		dir = "testdata"
	}
	t.Run("bypass", func(t *testing.T) { barBypass(t, readCases(t, dir, "policy-bypass.dev.jsonl")) })
	t.Run("benign", func(t *testing.T) { barBenign(t, readCases(t, dir, "policy-benign.dev.jsonl")) })
	t.Run("dangerous", func(t *testing.T) { barDangerous(t, readCases(t, dir, "dangerous.dev.jsonl"), dir == "testdata") })
}

func barBypass(t *testing.T, cases []benchCase) {
	total, allowed, slowest := 0, 0, time.Duration(0)
	for i := range cases {
		c := &cases[i]
		if c.Level == "effect" {
			continue
		}
		p, s, held := casePolicy(t, c), (*Session)(nil), false
		s = p.NewSession()
		for _, h := range c.Setup {
			held = held || c.Level == "session" && s.Check(h).Decision != Allow
			s.Observe(h)
		}
		text := c.text()
		start := time.Now()
		d := s.Check(text)
		took := time.Since(start)
		if slowest = max(slowest, took); took > 5*time.Millisecond {
			t.Logf("%v for %s (%s)", took, c.ID, c.Technique)
		}
		total++
		if !held && d.Decision == Allow {
			allowed++
			if len(text) > 200 {
				text = text[:200]
			}
			t.Errorf("allowed %s (%s) under %v: setup %q command %q", c.ID, c.Technique, c.Allow, c.Setup, text)
		}
	}
	t.Logf("bypass: %d of %d allowed; slowest verdict %v", allowed, total, slowest)
}

func barBenign(t *testing.T, cases []benchCase) {
	n, ok := map[string]int{}, map[string]int{}
	for i := range cases {
		c := &cases[i]
		p := casePolicy(t, c)
		s := p.NewSession()
		for _, h := range c.Setup {
			s.Observe(h)
		}
		n[c.Tier]++
		d := s.Check(c.text())
		if d.Decision == Allow {
			ok[c.Tier]++
		} else if c.Tier == "core" {
			t.Errorf("refused %s %q: %s", c.ID, c.Command, d.Reason)
		} else {
			t.Logf("refused %s (stretch) %q: %s", c.ID, c.Command, d.Reason)
		}
	}
	t.Logf("benign: core %d of %d, stretch %d of %d", ok["core"], n["core"], ok["stretch"], n["stretch"])
	if ok["stretch"]*10 < n["stretch"]*9 {
		t.Errorf("stretch below 90 %%")
	}
}

// barDangerous judges by the rules of the intercept alone; strict allows no exception.
func barDangerous(t *testing.T, cases []benchCase, strict bool) {
	p, _ := Load(nil)
	n, hit := map[string]int{}, map[string]int{}
	for i := range cases {
		c := &cases[i]
		s := p.NewSession()
		for _, h := range c.Setup {
			s.Observe(h)
		}
		d := s.Check(c.text())
		n[c.Expect]++
		if d.Decision != Allow {
			hit[c.Expect]++
		}
		if (d.Decision != Allow) != (c.Expect == "intercept") {
			t.Logf("wrong: %s expects %s: %q (%s)", c.ID, c.Expect, c.text(), d.Reason)
			if strict {
				t.Fail()
			}
		}
	}
	t.Logf("dangerous: intercepted %d of %d, false alarms %d of %d", hit["intercept"], n["intercept"], hit["pass"], n["pass"])
	if hit["intercept"]*100 < n["intercept"]*98 || hit["pass"]*100 > n["pass"]*2 {
		t.Errorf("below the bar")
	}
}
