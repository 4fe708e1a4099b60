package enforce

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// x32Bit: there is one set of numbers; above this bit none is used.
const x32Bit = 0x40000000

var archDenied, archAttributes []uint32
