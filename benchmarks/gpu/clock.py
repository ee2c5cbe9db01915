"""Timing on the card: events around calls, warm, in turns, inputs rotating.

A sample lasts at least ``LEAST`` milliseconds of as many calls as that takes; the
candidates of a case alternate, so that clocks and heat meet all of them; the result is
the median of the samples. Inputs rotate through more memory than the cache holds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

LEAST = 2.0
SAMPLES = 15
WARM_UPS = 3
MOST_CALLS = 200
MOST_SECONDS = 6.0  # of all samples of a case, after three of each

Run = Callable[[int], Any]  # the number of the call, which picks its inputs


def elapsed(cupy: Any, run: Run, first: int, calls: int) -> float:
    """Milliseconds of one call, from ``calls`` between two events."""
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    begin.record()
    for number in range(first, first + calls):
        run(number)
    end.record()
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(begin, end)) / calls


def calls_for(cupy: Any, run: Run) -> int:
    """How many calls a sample needs, after warming up."""
    for number in range(WARM_UPS):
        run(number)
    cupy.cuda.runtime.deviceSynchronize()
    once = max(elapsed(cupy, run, 0, 3), 1e-3)
    return max(1, min(MOST_CALLS, round(LEAST / once)))


def medians(cupy: Any, candidates: dict[str, Run]) -> dict[str, float]:
    """Median milliseconds of a call of each candidate."""
    calls = {name: calls_for(cupy, run) for name, run in candidates.items()}
    times: dict[str, list[float]] = {name: [] for name in candidates}
    names = list(candidates)
    begun = time.perf_counter()
    for turn in range(SAMPLES):
        if turn >= 3 and time.perf_counter() - begun > MOST_SECONDS:
            break
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            took = elapsed(cupy, candidates[name], turn, calls[name])
            times[name].append(took)
    return {name: statistics.median(each) for name, each in times.items()}
