//go:build linux && !amd64 && !arm64

package enforce

// auditArch 0: the numbers of this architecture are not known, so no filter can be made.
const (
	auditArch = 0
	x32Bit    = 0x40000000
)

var archDenied, archAttributes []uint32
