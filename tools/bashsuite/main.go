//go:build linux

// Command bashsuite runs the test scripts of bash's own source twice, directly and as the command of a session, and
// compares both streams and the exit code byte by byte.
//
//	bashsuite build/bash-source/source         // what ./build.sh bash-suite does
//	bashsuite -run '^(read|test)$' -keep out DIR // two scripts, with what they said
//
// A script whose outputs differ is run directly again, to see whether it repeats itself, and with a controlling terminal,
// which a session has and a bare process here has not.
package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	var o options
	only := flag.String("run", "", "run the scripts whose name matches this `pattern` alone")
	flag.DurationVar(&o.limit, "limit", 2*time.Minute, "how long one run of a script may take")
	flag.StringVar(&o.keep, "keep", "", "keep the outputs of scripts that differ in this `folder`")
	flag.BoolVar(&o.source, "source", false, "read the scripts into the shell (. ./x.tests) instead of running them")
	flag.Parse()
	if err := begin(*only, o); err != nil {
		fmt.Fprintln(os.Stderr, "bashsuite:", err)
		os.Exit(1)
	}
}

type options struct {
	only   *regexp.Regexp
	limit  time.Duration
	keep   string // a folder, or empty
	source bool
}

// begin checks the arguments before anything runs.
func begin(only string, o options) (err error) {
	if o.only, err = regexp.Compile(only); err != nil {
		return err
	}
	if flag.NArg() != 1 {
		return errors.New("give the folder of bash's source; ./build.sh bash-suite fetches it")
	}
	// A descriptor that this process happened to inherit would reach the direct runs alone: a session's shell gets none.
	if err := unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range: %w", err)
	}
	return run(flag.Arg(0), o)
}

// run compares every script of the source's tests and prints what came of it.
func run(source string, o options) error {
	scripts, err := filepath.Glob(filepath.Join(source, "tests", "*.tests"))
	if err != nil {
		return err
	}
	if len(scripts) == 0 {
		return fmt.Errorf("no scripts in %s", filepath.Join(source, "tests"))
	}
	bed, err := newBed(source)
	if err != nil {
		return err
	}
	defer bed.remove()
	found := map[verdict][]string{}
	begin, compared := time.Now(), 0
	for _, script := range scripts {
		name := strings.TrimSuffix(filepath.Base(script), ".tests")
		if !o.only.MatchString(name) {
			continue
		}
		v, note, err := bed.compare(name, o)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		found[v] = append(found[v], name)
		if v != late {
			compared++
		}
		if v != same {
			fmt.Printf("%s: %s%s\n", name, v, note)
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("-run %s matches none of the %d scripts", o.only, len(scripts))
	}
	fmt.Printf("\n| %d scripts in %v | count | names |\n|---|---|---|\n", compared+len(found[late]), time.Since(begin).Round(time.Second))
	fmt.Printf("| compared | %d | |\n", compared)
	for _, v := range []verdict{same, sameOnTerminal, sameLater, different, late} {
		names := strings.Join(found[v], " ")
		if v == same {
			names = ""
		}
		fmt.Printf("| %s | %d | %s |\n", v, len(found[v]), names)
	}
	return nil
}

// A verdict is what the comparison of one script came to.
type verdict string

const (
	same           verdict = "the same"
	sameOnTerminal verdict = "the same as directly with a controlling terminal"
	sameLater      verdict = "the same as a later direct run: the script does not repeat itself"
	different      verdict = "different"
	late           verdict = "not compared: over time when run directly"
)

// repeats is how often a script that differs is run directly again as before, and how often with a controlling terminal.
const repeats = 3

// compare runs one script each way. note says where the outputs part.
func (b *bed) compare(name string, o options) (v verdict, note string, err error) {
	bare, err := b.direct(name, o, false)
	if err != nil {
		return "", "", err
	}
	if bare.late {
		return late, "", nil
	}
	ours, err := b.session(name, o)
	if err != nil {
		return "", "", err
	}
	if ours == bare {
		return same, "", nil
	}
	keep := func(way string, out outcome) error {
		if o.keep == "" {
			return nil
		}
		return out.write(filepath.Join(o.keep, name+"."+way))
	}
	if err := errors.Join(keep("direct", bare), keep("session", ours)); err != nil {
		return "", "", err
	}
	note = ", " + parting(bare, ours)
	steady := true
	for n := range 2 * repeats {
		terminal := n >= repeats
		direct, err := b.direct(name, o, terminal)
		if err == nil {
			err = keep(fmt.Sprintf("direct-%d", n+1), direct)
		}
		if err != nil {
			return "", "", err
		}
		steady = steady && (terminal || direct == bare)
		if direct == ours {
			if terminal && steady {
				return sameOnTerminal, note, nil
			}
			return sameLater, note, nil
		}
	}
	return different, note, nil
}
