package execkit

import (
	"strings"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/redact"
	"github.com/execkit/execkit/core/wire"
)

// RedactOptions say what is hidden from results. Nil in a Config is the default: every built-in rule.
type RedactOptions = redact.Options

// visible makes control and invisible characters of a text visible, whole, for a person who has to judge it.
func visible(text string) string { return errdefs.Visible(text) }

// learnEnv registers the values of variables whose names tell that they are secret, so that they are hidden wherever
// they turn up.
func learnEnv(r *redact.Redactor, env map[string]string) {
	for name, value := range env {
		if earnest := notSample.Replace(value); redactValue(r, name, earnest) != earnest {
			r.Learn(value)
		}
	}
}

// notSample takes out what makes a value a sample. In texts samples are left alone, since manuals print them; a session's own
// variable is meant to be used, and a newcomer tries it with the sample.
var notSample = strings.NewReplacer("EXAMPLE", "Z7Q4XKM")

// redactValue hides a variable's value by its name and content.
func redactValue(r *redact.Redactor, name, value string) string {
	shown, _ := r.Text(name + "=" + value)
	if after, ok := strings.CutPrefix(shown, name+"="); ok {
		return after
	}
	return value
}

func redactText(r *redact.Redactor, text string) string {
	shown, _ := r.Text(text)
	return shown
}

func redactDelta(r *redact.Redactor, d *wire.EnvDelta) {
	for name, value := range d.Set {
		d.Set[name] = redactValue(r, name, value)
	}
}

// mergeCounts adds the counts of several streams by kind, in the order of their first appearance.
func mergeCounts(lists ...[]wire.Redaction) []wire.Redaction {
	var merged []wire.Redaction
	at := make(map[string]int)
	for _, list := range lists {
		for _, one := range list {
			if i, ok := at[one.Kind]; ok {
				merged[i].Count += one.Count
			} else {
				at[one.Kind] = len(merged)
				merged = append(merged, one)
			}
		}
	}
	return merged
}
