package execkit_test

import (
	"errors"
	"testing"

	execkit "github.com/execkit/execkit/core"
	"github.com/execkit/execkit/core/errdefs"
)

func TestEveryClassHasASentinel(t *testing.T) {
	sentinels := []error{
		execkit.ErrInvalidArgument, execkit.ErrSyntaxError, execkit.ErrBlocked, execkit.ErrApprovalRequired, execkit.ErrCancelled,
		execkit.ErrSessionNotFound, execkit.ErrSessionClosed, execkit.ErrSessionBusy, execkit.ErrUnavailable, execkit.ErrUnauthenticated,
		execkit.ErrHostKeyUnknown, execkit.ErrHostKeyChanged, execkit.ErrTargetNotFound, execkit.ErrShellNotFound, execkit.ErrConnectionLost,
		execkit.ErrStdinNotAttached, execkit.ErrLimitExceeded, execkit.ErrQuotaExceeded, execkit.ErrUnsupported, execkit.ErrCheckpointNotFound,
		execkit.ErrSnapshotInvalid, execkit.ErrAuditFailed, execkit.ErrForkedProcess, execkit.ErrInternal,
	}
	for i, class := range errdefs.Table {
		var err error = errdefs.New(class.Code, "x")
		for j, sentinel := range sentinels {
			parent := class.Parent != "" && errors.Is(errdefs.New(class.Parent, "x"), sentinel)
			if errors.Is(err, sentinel) != (i == j || parent) {
				t.Errorf("%s and sentinel %d", class.Code, j)
			}
		}
	}
}
