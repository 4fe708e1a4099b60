package execkit

import (
	"testing"

	"github.com/execkit/execkit/core/redact"
)

func TestLearnEnv(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		hidden      bool
	}{
		{"AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", true},
		{"AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE", true},
		{"API_TOKEN", "9fKq2LmZ81EXAMPLE", true},
		{"GREETING", "this is an EXAMPLE", false},
		{"PATH", "/opt/EXAMPLE/bin:/usr/bin", false},
	} {
		r, err := redact.New(redact.Options{})
		if err != nil {
			t.Fatal(err)
		}
		learnEnv(r, map[string]string{tt.name: tt.value})
		if shown := redactText(r, "it is "+tt.value); (shown == "it is [REDACTED]") != tt.hidden {
			t.Errorf("%s: %q", tt.name, shown)
		}
	}
}
