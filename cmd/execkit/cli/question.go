package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
	"time"

	execkit "github.com/execkit/execkit/core"
)

// answer puts what a server asks to the person at the terminal.
func (a *app) answer(ctx context.Context, q execkit.Question) (string, error) {
	tty, err := a.terminal()
	if err != nil {
		return "", errNoTerminal
	}
	defer tty.Close()
	if !q.Echo {
		file, ok := tty.(*os.File)
		if !ok {
			return "", errNoTerminal
		}
		show, err := hideTyping(file)
		if err != nil {
			return "", errNoTerminal // what would be shown is not asked for
		}
		defer show()
	}
	// The end of the question or an interrupt ends the read, and leaves the terminal open: it has to show again what is typed.
	defer context.AfterFunc(ctx, func() {
		if file, ok := tty.(*os.File); !ok || file.SetReadDeadline(time.Unix(1, 0)) != nil {
			_ = tty.Close()
		}
	})()
	if _, err := io.WriteString(tty, "\nexeckit: "+q.Target+" asks\n"+q.Text+": "); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(tty).ReadString('\n')
	if err != nil {
		return "", err
	}
	// Spaces are part of a secret.
	return strings.TrimRight(line, "\r\n"), nil
}
