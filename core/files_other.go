//go:build !linux

package execkit

import (
	"context"

	"github.com/execkit/execkit/core/errdefs"
	"github.com/execkit/execkit/core/wire"
)

// An openFile is never made here: file operations need openat2, which only Linux has.
type openFile struct{ real string }

func noFiles() error {
	return errdefs.New(errdefs.Unsupported, "file operations need Linux").WithHint("use commands such as cat")
}

func openNamed(string) (*openFile, error) { return nil, noFiles() }

func openParent(string, bool) (dir *openFile, missing []string, err error) {
	return nil, nil, noFiles()
}

func (*openFile) close() {}

func (*openFile) stream(context.Context, func(p []byte) bool) (int64, error) { return 0, noFiles() }

func (*openFile) small(string) ([]byte, error) { return nil, noFiles() }

func (*openFile) stat(string) (*wire.FileInfo, error) { return nil, noFiles() }

func (*openFile) list(int) (entries []wire.FileInfo, truncated bool, err error) {
	return nil, false, noFiles()
}

func (*openFile) write([]string, string, []byte, int64, bool) (created bool, err error) {
	return false, noFiles()
}
