// Package execkit runs an agent's shell commands in a session that lasts, and returns one structured result for each.
//
//	s, err := execkit.Open(ctx, "local", execkit.Config{})
//	if err != nil { … }
//	defer s.Close()
//	r, err := s.Exec(ctx, "cd /tmp && ls", execkit.ExecOptions{})
//
// A non-zero exit, a timeout and a shell that ended are results. An error means that the command did not run, or was
// cancelled; test its class with errors.Is(err, execkit.ErrBlocked) and the like.
//
// There is no global state. A Session may be used from several goroutines; its commands run one at a time, and a
// second one gets [ErrSessionBusy].
package execkit
