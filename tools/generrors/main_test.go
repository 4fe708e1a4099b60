package main

import (
	"os"
	"testing"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	for path, want := range files() {
		if got, err := os.ReadFile("../../" + path); err != nil || string(got) != want {
			t.Errorf("%s is not what the table says (%v); run go run ./tools/generrors", path, err)
		}
	}
}
