// Package kubebed starts the Kubernetes cluster of tests/k8sbed for tests. The variable K8SBED names its program;
// ./build.sh test builds it.
package kubebed

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

// A Bed is a running cluster with the pods pod-plain and pod-ws in the namespace default, each with the containers main
// and side.
type Bed struct {
	// Kubeconfigs are the paths of the files of its users: admin, nobody, getter, creator and both, named by the verbs
	// that they have on pods/exec.
	Kubeconfigs map[string]string `json:"kubeconfigs"`
	// URL is the API server's.
	URL string `json:"url"`

	mu      sync.Mutex // one order at a time
	process *exec.Cmd
	orders  io.WriteCloser
	answers *bufio.Reader
}

// Start starts a cluster with its files in dir, and more arguments for the program.
func Start(dir string, args ...string) (*Bed, error) {
	program := os.Getenv("K8SBED")
	if program == "" {
		return nil, fmt.Errorf("K8SBED names no program; ./build.sh test builds and names it")
	}
	b := &Bed{process: exec.Command(program, append([]string{"-dir", dir, "-log", filepath.Join(dir, "log")}, args...)...)}
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
		b.Stop()
		return nil, fmt.Errorf("the bed did not start: %w", err)
	}
	return b, nil
}

// Do gives the cluster an order and waits until it is done.
func (b *Bed) Do(t testing.TB, words ...string) {
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

// PID is the process of the cluster, whose children are the programs in its pods.
func (b *Bed) PID() int { return b.process.Process.Pid }

// Kill ends the cluster without a farewell.
func (b *Bed) Kill() { _ = b.process.Process.Kill() }

// Stop ends the cluster.
func (b *Bed) Stop() {
	_ = b.orders.Close()
	_ = b.process.Wait()
}
