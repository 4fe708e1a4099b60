package cli

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

func completionCommand() command {
	shells := []string{"bash", "zsh", "fish"}
	return command{
		name: "completion", args: " bash|zsh|fish", summary: "Print the completion script of a shell", words: shells,
		examples: []string{"source <(execkit completion bash)", "execkit completion fish >~/.config/fish/completions/execkit.fish"},
		bind: func(*flag.FlagSet) func(*app, []string) (int, error) {
			return func(a *app, args []string) (int, error) {
				name, err := oneOf("completion", "shell", shells, args)
				if err != nil {
					return 0, err
				}
				var script strings.Builder
				switch name {
				case "bash":
					bashCompletion(&script)
				case "zsh":
					// zsh runs the bash script through its own emulation, which keeps one table for both.
					script.WriteString("autoload -U +X bashcompinit && bashcompinit\n")
					bashCompletion(&script)
				case "fish":
					fishCompletion(&script)
				}
				if a.json {
					a.ok(map[string]any{"shell": name, "script": script.String()})
				} else {
					fmt.Fprint(a.stdout, script.String())
				}
				return exitOK, nil
			}
		},
	}
}

func bashCompletion(w io.Writer) {
	var names []string
	fmt.Fprint(w, "_execkit() {\n  local cur=${COMP_WORDS[COMP_CWORD]} words=\n  case ${COMP_WORDS[1]} in\n")
	for _, c := range commands() {
		names = append(names, c.name)
		fmt.Fprintf(w, "    %s) words=%q ;;\n", c.name, strings.Join(completions(c), " "))
	}
	fmt.Fprintf(w, "  esac\n  [ \"$COMP_CWORD\" -eq 1 ] && words=%q\n", strings.Join(append(names, "help"), " "))
	fmt.Fprint(w, "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _execkit execkit\n")
}

func fishCompletion(w io.Writer) {
	for _, c := range commands() {
		fmt.Fprintf(w, "complete -c execkit -n __fish_use_subcommand -a %s -d %q\n", c.name, c.summary)
		for _, word := range c.words {
			fmt.Fprintf(w, "complete -c execkit -n '__fish_seen_subcommand_from %s' -f -a %s\n", c.name, word)
		}
		for _, name := range flagsOf(c) {
			fmt.Fprintf(w, "complete -c execkit -n '__fish_seen_subcommand_from %s' -l %s\n", c.name, name)
		}
	}
}

func completions(c command) []string {
	words := append([]string(nil), c.words...)
	for _, name := range flagsOf(c) {
		words = append(words, "--"+name)
	}
	return words
}

func flagsOf(c command) []string {
	fs := newFlagSet(c.name)
	fs.Bool("json", false, "")
	c.bind(fs)
	return flagNames(fs)
}

// oneOf reads the only argument of a command, which must be one of words.
func oneOf(name, what string, words, args []string) (string, error) {
	if len(args) == 1 {
		for _, w := range words {
			if w == args[0] {
				return w, nil
			}
		}
		return "", errdefs.New(errdefs.InvalidArgument, "%s: unknown %s %s", name, what, errdefs.Quote(args[0])).
			WithHint("%s", meant(args[0], words))
	}
	return "", errdefs.New(errdefs.InvalidArgument, "%s: give one %s", name, what).WithHint("one of %s", strings.Join(words, ", "))
}

func meant(word string, words []string) string {
	if near := wire.Nearest(word, words); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known: " + strings.Join(words, ", ")
}
