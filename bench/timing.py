"""What the scripts that time rivals share."""

import statistics
import time


def times(n, call):
    """Call once without looking and then n times; returns the seconds of each, sorted."""
    call()
    taken = []
    for _ in range(n):
        begin = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begin)
    return sorted(taken)


def report(name, taken):
    """Print a name, a tab and the median in microseconds, which the benchmarks in Go read."""
    print(f"{name}\t{statistics.median(taken) * 1e6:.0f}", flush=True)
