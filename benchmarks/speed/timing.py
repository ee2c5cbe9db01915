"""Timing candidates against each other: warm up, then alternate in rounds.

All run in one process, one after the other within each round, so that whatever else
the machine does meets all of them; each round starts with another one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from .case import Candidate, reason
from .spread import Spread

Clock = Callable[[], float]

SAMPLE = 2e-3
"""Seconds that one timing lasts at least, of as many calls as that takes."""
STEADY = 0.1
"""Warm-up ends when two timings in a row differ by no more than this share."""
WARM_UPS = 6
BEHIND = 2.0
"""Of a team, who warms up this many times slower than its fastest is left out."""
SETTLED = 0.05
"""Seconds of a run above which what another left behind no longer matters."""
REST = 15e-3
"""Seconds after which the threads of whoever ran before have stopped waiting busily:
PyTorch's wait for five to eight milliseconds, longer where the clock is slow."""
LEAST_ROUNDS = 3
MOST_ROUNDS = 50


def call(candidate: Candidate, times: int, clock: Clock) -> float:
    """Seconds for the whole case, from ``times`` calls."""
    began = clock()
    for _ in range(times):
        candidate.run()
    return (clock() - began) / times / candidate.share


def warm_up(candidate: Candidate, seconds: float, clock: Clock) -> tuple[float, int]:
    """Run until the time is steady; seconds for the case, and calls per timing."""
    began = clock()
    before = call(candidate, 1, clock)
    for _ in range(WARM_UPS):
        if clock() - began > seconds:
            break
        now = call(candidate, 1, clock)
        steady = abs(now - before) <= STEADY * before
        before = now
        if steady:
            break
    one = max(before * candidate.share, 1e-9)
    return before, max(1, round(SAMPLE / one))


def contenders(
    candidates: Sequence[Candidate], warm: dict[str, float]
) -> list[Candidate]:
    """Those that may be their team's fastest."""
    best = {
        team: min(warm[c.name] for c in candidates if c.team == team)
        for team in {c.team for c in candidates}
    }
    return [c for c in candidates if warm[c.name] <= BEHIND * best[c.team]]


def alternate(
    candidates: Sequence[Candidate],
    calls: dict[str, int],
    settling: Collection[str],
    seconds: float,
    clock: Clock,
) -> dict[str, list[float]]:
    """Times of each candidate, one a round, for about this many seconds.

    Those named in ``settling`` begin after a rest and run twice without the clock:
    another's threads may still wait busily on the cores, its arrays fill the caches,
    and one's own threads sleep.
    """
    times: dict[str, list[float]] = {c.name: [] for c in candidates}
    began = clock()
    for number in range(MOST_ROUNDS):
        if number >= LEAST_ROUNDS and clock() - began >= seconds:
            break
        first = number % len(candidates)
        for candidate in (*candidates[first:], *candidates[:first]):
            if candidate.name in settling:
                time.sleep(REST)
                candidate.run()
                candidate.run()
            took = call(candidate, calls[candidate.name], clock)
            times[candidate.name].append(took)
    return times


def measure(
    candidates: Sequence[Candidate],
    seconds: float,
    clock: Clock = time.perf_counter,
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Times per candidate by rounds, and the warm-up's for those left out after it.

    ``seconds`` bounds warm-up and rounds, each; three rounds are always made.
    """
    warm: dict[str, float] = {}
    calls: dict[str, int] = {}
    for candidate in candidates:
        warm[candidate.name], calls[candidate.name] = warm_up(
            candidate, seconds / len(candidates), clock
        )
    chosen = contenders(candidates, warm)
    settling = {c.name for c in chosen if warm[c.name] * c.share < SETTLED}
    times = alternate(chosen, calls, settling, seconds, clock) if chosen else {}
    return times, {name: t for name, t in warm.items() if name not in times}


def fastest(times: dict[str, list[float]], names: Sequence[str]) -> str:
    """The name with the smallest median; any number of names, but at least one."""
    return min(names, key=lambda name: Spread.of(times[name]).median)


def outcome(run: Callable[[], Any]) -> tuple[Any, str | None]:
    """What a candidate's first run gives, or in a sentence why it gives nothing."""
    try:
        return run(), None
    except Exception as error:  # a rival's failure is a result, not the end
        return None, reason(error)
