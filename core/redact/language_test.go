package redact

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
)

func TestGibberish(t *testing.T) {
	for text, want := range map[string]bool{
		"qzvkxwpjrtgh": true, "SPKOPOIPAGIDBXAAYNPT": true, "vxkq7bzrwtpm": true,
		"administrator": false, "ThisIsNotASecret": false, "database-connection-string": false, "PKCS12KeyStore": false,
		"unconstitutional": false, "passwortschluessel": false, "xqz": false, "": false, "123456789012": false,
	} {
		if got := gibberish(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestRandomValues holds how many random values of a name may pass, by the alphabet they are made of: those without a
// digit now and then look like a word, the shorter the more often.
func TestRandomValues(t *testing.T) {
	const lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	forms := []string{
		"AUTH_TOKEN=%s", "client_secret: %s", `{"apiKey": "%s"}`, "x --token %s y", "GET /?access_token=%s&x=1", "  secretKey = '%s'",
		"<token>%s</token>", "export DB_PASSWORD=%s", `"password": "%s",`, "x-api-key: %s",
	}
	const perForm = 300
	r := mustNew(t, Options{})
	for _, c := range []struct {
		alphabet string
		length   int
		most     float64 // percent
	}{
		{lower + upper + digits, 12, 1}, {lower + upper + digits, 16, 0.3}, {lower + upper + digits + "+/", 40, 0.3},
		{lower + digits, 16, 0.3}, {upper + digits, 16, 0.3}, {upper + digits, 20, 0.2}, {"abcdef" + digits, 32, 0.2},
		{lower + upper, 16, 0.5}, {lower, 16, 2}, {upper, 20, 1}, {upper, 32, 0.3},
	} {
		rnd := rand.New(rand.NewSource(1))
		value := make([]byte, c.length)
		passed, example := 0, ""
		for _, form := range forms {
			for range perForm {
				for i := range value {
					value[i] = c.alphabet[rnd.Intn(len(c.alphabet))]
				}
				text := fmt.Sprintf(form, value)
				if out, _ := r.Text(text); strings.Contains(out, string(value)) {
					passed, example = passed+1, text
				}
			}
		}
		if all := len(forms) * perForm; float64(passed) > float64(all)*c.most/100 {
			t.Errorf("%d characters of %s: %d of %d passed, such as %s", c.length, c.alphabet, passed, all, example)
		}
	}
}
