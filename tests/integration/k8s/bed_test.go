// Package k8s tests the Kubernetes transport against a real API server, the bed of tests/k8sbed. K8SBED names the
// bed's program; ./build.sh test builds it.
package k8s

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A bed is a running k8sbed.
type bed struct {
	Kubeconfigs map[string]string `json:"kubeconfigs"`

	mu      sync.Mutex // one order at a time
	process *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Reader
}

var shared *bed

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "k8sbed")
		if err == nil {
			defer os.RemoveAll(dir)
			shared, err = startBed(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer shared.stop()
		return m.Run()
	}())
}

func startBed(dir string, args ...string) (*bed, error) {
	program := os.Getenv("K8SBED")
	if program == "" {
		return nil, fmt.Errorf("K8SBED names no program; ./build.sh test builds and names it")
	}
	b := &bed{process: exec.Command(program, append([]string{"-dir", dir, "-log", filepath.Join(dir, "log")}, args...)...)}
	b.process.Stderr = os.Stderr
	var err error
	if b.orders, err = b.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := b.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b.answers = bufio.NewReader(out)
	if err := b.process.Start(); err != nil {
		return nil, err
	}
	line, err := b.answers.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, b)
	}
	if err != nil {
		b.stop()
		return nil, fmt.Errorf("the bed did not start: %w", err)
	}
	return b, nil
}

// do gives the bed an order and waits until it is done.
func (b *bed) do(t *testing.T, words ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := fmt.Fprintln(b.orders, strings.Join(words, " ")); err != nil {
		t.Fatal(err)
	}
	line, err := b.answers.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Error string }
	if err := json.Unmarshal(line, &answer); err != nil || answer.Error != "" {
		t.Fatalf("%s: %s", strings.Join(words, " "), line)
	}
}

func (b *bed) stop() {
	_ = b.orders.Close()
	_ = b.process.Wait()
}
