package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"

	execkit "github.com/execkit/execkit/core"
)

// errNoTerminal says that there is nobody to ask.
var errNoTerminal = errors.New("there is no terminal to ask at")

// openTerminal opens the controlling terminal and not standard input, which may be a pipe that an agent feeds. What was
// typed or pasted before the question is no answer to it and is dropped.
func openTerminal() (io.ReadWriteCloser, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := prepareTerminal(tty); err != nil {
		_ = tty.Close()
		return nil, err
	}
	return tty, nil
}

// ask is the approver of the command line: it asks at the terminal.
func (a *app) ask(ctx context.Context, r execkit.ApprovalRequest) (execkit.Approval, error) {
	tty, err := a.terminal()
	if err != nil {
		return execkit.Approval{}, errNoTerminal
	}
	defer tty.Close()
	// The end of the question or an interrupt ends the read.
	defer context.AfterFunc(ctx, func() { _ = tty.Close() })()
	if _, err := io.WriteString(tty, describe(r)); err != nil {
		return execkit.Approval{}, err
	}
	in := bufio.NewReader(tty)
	answer, err := readAnswer(in)
	if err != nil {
		return execkit.Approval{}, err
	}
	yes := execkit.Approval{Approve: true, Who: whoAmI()}
	switch {
	case answer == "yes", answer == "y" && !r.Severe:
		return yes, nil
	case answer == "e" || answer == "edit":
		if _, err := io.WriteString(tty, "command: "); err != nil {
			return execkit.Approval{}, err
		}
		// An empty line must not stand for the command as it was.
		if yes.Command, err = readAnswer(in); err != nil || yes.Command == "" {
			return execkit.Approval{}, err
		}
		return yes, nil
	}
	return execkit.Approval{Who: yes.Who}, nil
}

// readAnswer reads a line that was ended with Enter; what the end of the input cut off is no answer.
func readAnswer(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("reading the terminal: %w", err)
	}
	return strings.TrimSpace(line), nil
}

func describe(r execkit.ApprovalRequest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nexeckit: a person has to approve this: %s\n  command    %s\n  directory  %s on %s\n", r.Decision.Reason, r.Command, r.Cwd, r.Target)
	for _, entry := range r.Env {
		fmt.Fprintf(&b, "  variable   %s\n", entry)
	}
	if r.Stdin != "" {
		fmt.Fprintf(&b, "  input      %s\n", r.Stdin)
	}
	if r.Severe {
		b.WriteString("It may not be possible to take back. Type yes to run it, e to edit it, anything else to refuse: ")
	} else {
		b.WriteString("Run it? y, e to edit it, anything else to refuse: ")
	}
	return b.String()
}

func whoAmI() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username + " at the terminal"
	}
	return "a person at the terminal"
}
