package execkit

import (
	"slices"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
)

// keys are the named keys of a terminal and what they send (xterm's, in the cursor mode that programs start in).
var keys = map[string]string{
	"enter": "\r", "return": "\r", "tab": "\t", "shift-tab": "\x1b[Z", "escape": "\x1b", "esc": "\x1b", "space": " ",
	"backspace": "\x7f", "delete": "\x1b[3~", "insert": "\x1b[2~", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
	"home": "\x1b[H", "end": "\x1b[F", "page-up": "\x1b[5~", "page-down": "\x1b[6~",
	"f1": "\x1bOP", "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~", "f6": "\x1b[17~", "f7": "\x1b[18~", "f8": "\x1b[19~",
	"f9": "\x1b[20~", "f10": "\x1b[21~", "f11": "\x1b[23~", "f12": "\x1b[24~",
	"ctrl-space": "\x00", "ctrl-[": "\x1b", "ctrl-\\": "\x1c", "ctrl-]": "\x1d", "ctrl-^": "\x1e", "ctrl-_": "\x1f",
}

// KeyBytes returns what a named key sends: "enter", "up", "f5", "ctrl-c", "alt-x", or a single character.
func KeyBytes(name string) (string, error) {
	lower := strings.ToLower(name)
	if sent, ok := keys[lower]; ok {
		return sent, nil
	}
	if len([]rune(name)) == 1 {
		return name, nil
	}
	if letter, ok := strings.CutPrefix(lower, "ctrl-"); ok && len(letter) == 1 && letter[0] >= 'a' && letter[0] <= 'z' {
		return string(letter[0] - 'a' + 1), nil
	}
	if rest, ok := strings.CutPrefix(lower, "alt-"); ok {
		if rest != "" && !strings.HasPrefix(rest, "alt-") {
			if sent, err := KeyBytes(name[len("alt-"):]); err == nil {
				return "\x1b" + sent, nil
			}
		}
	}
	return "", errdefs.New(errdefs.InvalidArgument, "key: no key %s", errdefs.Quote(name)).
		WithHint("a character, ctrl-a to ctrl-z, alt-KEY, or one of %s", strings.Join(KeyNames(), ", ")).WithDetail("field", "key")
}

// KeyNames returns the names of the keys that are no characters, sorted.
func KeyNames() []string {
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
