package execkit

import (
	"maps"
	"math"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/execkit/execkit/core/audit"
	"github.com/execkit/execkit/core/budget"
	"github.com/execkit/execkit/core/command"
	"github.com/execkit/execkit/core/enforce"
	"github.com/execkit/execkit/core/engine"
	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/transport"
	"github.com/execkit/execkit/core/wire"
)

// Limits returns what this version accepts and keeps at most. The bounds of a request and of the times in it are the JSON
// API's, which fills them in; a Go caller has none but those of [time.Duration].
func Limits() wire.Limits {
	return wire.Limits{
		TimeoutMS: math.MaxInt64 / int64(time.Millisecond),
		Default: wire.LimitDefaults{
			TimeoutMS: DefaultTimeout.Milliseconds(), ApprovalTimeoutMS: defaultApprovalTimeout.Milliseconds(), OutputChars: budget.DefaultMaxChars,
		},
		Command: wire.CommandLimits{
			Bytes: int64(command.DefaultLimits.MaxBytes), Depth: int64(command.DefaultLimits.MaxDepth),
			Commands: int64(command.DefaultLimits.MaxCommands), Words: int64(command.DefaultLimits.MaxWords),
		},
		Output: wire.OutputLimits{
			KeptStreams: keptSpools, KeptBytes: keptBytes,
			ReadBytes: budget.DefaultReadBytes, MaxReadBytes: budget.MaxReadBytes, ReadLines: budget.DefaultReadLines,
		},
		File:  wire.FileLimits{ReadBytes: defaultReadBytes, MaxReadBytes: maxReadBytes, WriteBytes: maxWriteBytes, ListEntries: maxList},
		Live:  wire.LiveLimits{QueuedInputBytes: maxQueuedInput, QueuedEventBytes: maxQueuedBytes, TTYSize: engine.MaxTTY, EndedJobs: keptEnded},
		Audit: wire.AuditLimits{CommandBytes: audit.MaxText, StdinBytes: maxAuditStdin, OutputBytes: defaultAuditOutput, MaxOutputBytes: maxAuditOutput},
	}
}

// Capabilities returns what this build can do on this machine, with these transports beside the local ones. Methods and
// Telemetry are the JSON API's, which fills them in.
func Capabilities(transports transport.Registry) wire.Capabilities {
	kernel := enforce.Probe()
	c := wire.Capabilities{
		Version: Version, ABI: ABIVersion, Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Transports: append([]string{"local"}, slices.Sorted(maps.Keys(transports))...), Shells: make(map[string]string),
		Options:     wire.FieldNames(wire.SessionCreate{}),
		Enforcement: wire.KernelEnforcement{Kernel: kernel.Enforces(), Landlock: kernel.Landlock, Seccomp: kernel.Seccomp, Missing: append([]string{}, kernel.Missing...)},
	}
	if kernel.Enforces() {
		c.Transports = slices.Insert(c.Transports, 1, "sandbox")
	}
	for _, name := range engine.Shells {
		if path, err := exec.LookPath(name); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				c.Shells[name] = path
			}
		}
	}
	for _, class := range errdefs.Table {
		c.Errors = append(c.Errors, string(class.Code))
	}
	return c
}
