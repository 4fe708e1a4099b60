package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"k8s.io/klog/v2"
)

func main() {
	dir := flag.String("dir", "", "an empty folder for state, certificates and kubeconfigs")
	flags := flag.String("apiserver-args", "", "more flags of kube-apiserver, separated by blanks")
	logTo := flag.String("log", os.DevNull, "a file for the servers' logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, *logTo, strings.Fields(*flags)); err != nil {
		fmt.Fprintln(os.Stderr, "k8sbed:", err)
		os.Exit(1)
	}
}

// users of the bed beside admin, with the verbs each has on pods/exec; all may get and list pods.
var users = map[string][]string{"nobody": nil, "getter": {"get"}, "creator": {"create"}, "both": {"get", "create"}}

func run(ctx context.Context, dir, logTo string, flags []string) error {
	if dir == "" {
		return fmt.Errorf("-dir is needed")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := logInto(logTo); err != nil {
		return err
	}
	c, err := startCluster(ctx, dir, flags)
	if err != nil {
		return err
	}
	defer c.stop()
	// The API server hands WebSocket requests to the second node as they are, and translates them for the first.
	nodes := map[string]*node{}
	for name, features := range map[string][]string{"plain": nil, "ws": {"ExtendWebSocketsToKubelet"}} {
		if nodes[name], err = startNode(ctx, c, name, features); err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
		if err := c.runPod(ctx, "pod-"+name, name, ""); err != nil {
			return err
		}
	}
	kubeconfigs := map[string]string{}
	if kubeconfigs["admin"], err = c.kubeconfig("admin", "system:masters"); err != nil {
		return err
	}
	for user, verbs := range users {
		if err := c.grant(ctx, user, verbs); err != nil {
			return err
		}
		if kubeconfigs[user], err = c.kubeconfig(user); err != nil {
			return err
		}
	}
	answer := json.NewEncoder(os.Stdout)
	if err := answer.Encode(map[string]any{"url": c.url, "kubeconfigs": kubeconfigs}); err != nil {
		return err
	}
	return obey(ctx, c, nodes, answer)
}

// obey does what the lines of standard input say, until it ends: "run POD NODE [KIND]", "delete POD",
// "restart POD NODE" and "pending POD"; kinds are in kind.go. Each is answered with a line of JSON.
func obey(ctx context.Context, c *cluster, nodes map[string]*node, answer *json.Encoder) error {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()
	for {
		var line string
		var ok bool
		select {
		case line, ok = <-lines:
		case <-ctx.Done():
		}
		if !ok {
			return nil
		}
		words := append(strings.Fields(line), "", "", "")
		var err error
		switch words[0] {
		case "run":
			err = c.runPod(ctx, words[1], words[2], words[3])
		case "pending":
			err = c.createPod(ctx, words[1], "nowhere", "")
		case "delete":
			err = c.deletePod(ctx, words[1])
		case "restart":
			if n := nodes[words[2]]; n != nil {
				err = n.restart(ctx, words[1])
			} else {
				err = fmt.Errorf("no node %q", words[2])
			}
		default:
			err = fmt.Errorf("no command %q", words[0])
		}
		said := map[string]any{"ok": err == nil}
		if err != nil {
			said["error"] = err.Error()
		}
		if err := answer.Encode(said); err != nil {
			return err
		}
	}
}

func logInto(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	// klog copies errors to stderr whatever the output is, unless its threshold forbids it.
	for name, value := range map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL"} {
		if err := flags.Set(name, value); err != nil {
			return err
		}
	}
	klog.SetOutput(io.Writer(f))
	return nil
}
