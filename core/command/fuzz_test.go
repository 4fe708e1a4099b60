package command

import (
	"strings"
	"testing"
)

// FuzzParse holds that nothing panics and that an emitted script passes again with the same commands.
func FuzzParse(f *testing.F) {
	for _, s := range oracle {
		f.Add(s)
	}
	for _, s := range refused {
		f.Add(s.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, Limits{})
		if err != nil || len(s.Issues()) > 0 {
			return
		}
		again, err := Parse(s.Emit(), Limits{MaxBytes: 1 << 20, MaxDepth: 200})
		if err != nil {
			if e := err.(*Error); e.Kind == "limit" || e.Kind == "gate" && strings.Contains(e.Reason, "continuation") {
				return // quoting makes a script longer
			}
			t.Fatalf("%q emitted %q: %v", text, s.Emit(), err)
		}
		if len(again.Commands()) != len(s.Commands()) {
			t.Fatalf("%q: %d commands, emitted %q: %d", text, len(s.Commands()), s.Emit(), len(again.Commands()))
		}
		for i, c := range s.Commands() {
			d := again.Commands()[i]
			if len(c.Words) > 0 && len(d.Words) > 0 && c.Words[0].Static && d.Words[0].Value != c.Words[0].Value {
				t.Fatalf("%q: command %q became %q in %q", text, c.Words[0].Value, d.Words[0].Value, s.Emit())
			}
		}
	})
}

// refused texts either do not parse or hold something that cannot be vetted.
var refused = []struct{ why, text string }{
	{"carriage return", "ls\r"}, {"NUL", "ls\x00"}, {"invalid UTF-8", "ls \xff"}, {"direction override", "ls '\u202e'"}, {"zero width outside quotes", "l\u200bs"},
	{"continuation in a word", "l\\\ns"}, {"continuation in a substitution", "echo \"$\\\n(id)\""}, {"comment with a continuation", "ls # a \\\nid"},
	{"evaluated data", "echo ${x@P}"}, {"indirection", "echo ${!x}"}, {"subscript", "echo ${a[x]}"}, {"assigned subscript", "a[x]=1"}, {"arithmetic on text", "echo $((a[1]))"},
	{"arithmetic with a substitution", "echo $(( $(id; id) ))"}, {"quotes in a default", "echo \"${U:-'$(id)'}\""}, {"substitution in a default", "echo ${U:-$(id)}"},
	{"assigning default", "echo ${U:=x}"}, {"default in a here-document", "cat <<E\n${U:-\nE\nid\n}\nE"}, {"set test", "[[ -v x ]]"}, {"co-process", "coproc ls"}, {"let", "let a=1"}, {"select", "select x in a; do ls; done"},
	{"extended pattern", "ls @(a|b)"}, {"translated string", `echo $"a"`}, {"old arithmetic", "echo $[1]"}, {"named descriptor", "ls {fd}>x"}, {"unknown target", "ls > $x"}, {"user's home", "ls ~root"},
	{"large braces", "echo {1..99999}"}, {"unclosed", "echo 'a"}, {"deep", strings.Repeat("(", 80)}, {"long", "ls " + strings.Repeat("a ", 40000)}, {"fall through", "case a in a) ls;;& b) ls;; esac"},
}

func TestRefused(t *testing.T) {
	for _, r := range refused {
		s, err := Parse(r.text, Limits{})
		if err == nil && (len(s.Issues()) == 0 || s.Emit() != "") {
			t.Errorf("%s: %.60q is taken and emitted as %q", r.why, r.text, s.Emit())
		}
	}
}

func TestEmitWithPinsNamesAndLeavesFunctions(t *testing.T) {
	s, err := Parse("f() { ls; }; f; ls -l", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got := s.EmitWith(func(n string) string { return "/bin/" + n })
	if strings.Count(got, "'/bin/ls'") != 2 || strings.Contains(got, "/bin/f") {
		t.Errorf("emitted %q", got)
	}
}
