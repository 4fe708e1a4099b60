//go:build !linux

package engine

func (*Shell) Type([]byte, bool) error    { return ErrNoTerminal }
func (*Shell) Resize(TTY) error           { return ErrNoTerminal }
func (*Shell) Signal(string) (int, error) { return 0, ErrNoTerminal }
func (*Shell) Waiting() (Wait, bool)      { return Wait{}, false }

// Tree needs Linux's /proc.
func Tree(map[int]uint64) []ProcessInfo { return nil }

// StartOf needs Linux's /proc.
func StartOf(int) uint64 { return 0 }

// SignalTree needs Linux's /proc.
func SignalTree(map[int]uint64, string) int { return 0 }
