// Command fencefuzz attacks the fence with commands that it makes up. It judges them by policies, runs every one that is
// allowed in a scratch directory, confined and traced, and tells what started a program that is not granted, or changed
// a file: each is a hole.
//
//	fencefuzz -n 1000000            // judge a million, run what is allowed
//	fencefuzz -n 20000 -seed 7      // the small version that CI runs
//
// EXECKIT_CASES names a directory of case files to mutate; without it the policy's own test data is taken.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

func main() {
	n := flag.Int("n", 100000, "how many commands are judged")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "the seed of what is made up")
	most := flag.Int("run", 0, "run at most so many of the allowed ones; 0 for all")
	keep := flag.String("o", "", "append the finds to this `FILE`")
	flag.Parse()
	if err := run(*n, *seed, *most, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "fencefuzz:", err)
		os.Exit(1)
	}
}

func run(n int, seed uint64, most int, keep string) error {
	corpus, err := readCorpus()
	if err != nil {
		return err
	}
	fmt.Printf("seed %d, %d commands to mutate, %d policies\n", seed, len(corpus.cases), len(corpus.policies))
	begin := time.Now()
	candidates := make(chan candidate, 256)
	var counts counters
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		share := n / workers
		if w == 0 {
			share += n % workers
		}
		wait.Go(func() { generate(corpus, seed+uint64(w), share, &counts, candidates) })
	}
	go func() { wait.Wait(); close(candidates) }()
	finds, err := execute(candidates, most, &counts)
	if err != nil {
		return err
	}
	fmt.Printf("%d commands judged, %d allowed, %d of them different, %d run, %d finds, %v\n",
		counts.judged.Load(), counts.allowed.Load(), counts.different.Load(), counts.ran, len(finds), time.Since(begin).Round(time.Second))
	for _, f := range finds {
		fmt.Printf("FIND %s\n  allow %q\n  text  %q\n  runs  %q\n", f.what, f.allow, f.texts, f.emitted)
	}
	if keep != "" && len(finds) > 0 {
		if err := appendFinds(keep, finds); err != nil {
			return err
		}
	}
	if len(finds) > 0 {
		return fmt.Errorf("%d finds", len(finds))
	}
	return nil
}
