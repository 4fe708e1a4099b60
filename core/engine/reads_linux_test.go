package engine

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestReads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ran")
	for _, name := range []string{"bash", "dash", "busybox"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]bool{
			"f() { :; }": true, "fi": false, "echo 'a": false, "": true, "touch " + file: true, "echo $(touch " + file + ")": true,
			": <<E\n$(touch " + file + ")\nE": true, "set +n; touch " + file: true, "trap 'touch " + file + "' EXIT": true, "x=`touch " + file + "`": true,
		} {
			if reads, known := Reads(context.Background(), path, text); reads != want || !known {
				t.Errorf("%s: %q: %t, %t", name, text, reads, known)
			}
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a shell that was to read ran something")
	}
	if _, known := Reads(context.Background(), "/nonexistent/bash", ":"); known {
		t.Error("a shell that is not there has answered")
	}
}
