//go:build !linux

package engine

func (*Shell) Type([]byte, bool) error    { return ErrNoTerminal }
func (*Shell) Resize(TTY) error           { return ErrNoTerminal }
func (*Shell) Signal(string) (int, error) { return 0, ErrNoTerminal }
func (*Shell) Waiting() (Wait, bool)      { return Wait{}, false }

// Processes needs Linux's /proc.
func (Group) Processes() []ProcessInfo { return nil }

// Signal needs Linux's /proc.
func (Group) Signal(string) int { return 0 }

// StartOf needs Linux's /proc.
func StartOf(int) uint64 { return 0 }
