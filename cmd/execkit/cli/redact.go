package cli

import (
	"errors"
	"flag"
	"io"

	"github.com/execkit/execkit/core/redact"
)

func redactCommand() command {
	return command{
		name: "redact", summary: "Hide the secrets in what passes from stdin to stdout",
		examples: []string{"tail -f app.log | execkit redact --labels"},
		bind: func(fs *flag.FlagSet) func(*app, []string) (int, error) {
			labels := fs.Bool("labels", false, "write the kind of secret into each mark")
			return func(a *app, args []string) (int, error) {
				if err := noArguments("redact", args); err != nil {
					return 0, err
				}
				r, err := redact.New(redact.Options{Labels: *labels})
				if err != nil {
					return 0, err
				}
				return exitOK, filter(a.stdout, a.stdin, r.Stream())
			}
		},
	}
}

// filter writes each piece as soon as the stream lets it out, so that it keeps up with tail -f.
func filter(w io.Writer, r io.Reader, s *redact.Stream) error {
	in, out := make([]byte, 64<<10), []byte(nil)
	for {
		n, err := r.Read(in)
		out = s.Write(out[:0], in[:n])
		if err != nil {
			out = s.Flush(out)
		}
		if _, err := w.Write(out); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
