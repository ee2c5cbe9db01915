"""Makes a failing call as small as it stays failing."""

from __future__ import annotations

import time

from ..drawing.drafts import AWKWARD, SIZES, SMALL
from .circumstances import numbers_of
from .engine import Engine
from .features import features_of
from .trial import Trial

RUNS = 400
REPEATED = ("second call", "stale")
"""Failures that show only when a kernel is called again."""
LAST = ("seed",)
SIZED = ("batch", "groups", "depth", "width", "channels", "in", "out", "classes")
CHOICES = 12
OTHERS = (*range(len(SMALL)), *range(len(SIZES) - len(AWKWARD), len(SIZES)))
"""Every size there is to draw, once."""
FIRST = ("rank", "batch", "groups", "depth", "width", "channels", "dtype")


def shrunk(engine: Engine, trial: Trial, seconds: float) -> Trial:
    """The simplest failing trial of the same kind that was found in the time.

    Works on the record of choices, each of which has 0 as its simplest: every one is
    set to 0, halved, or made one less, as long as the kernel goes on failing.
    """
    if not trial.case.choices:
        return trial
    until, runs = time.monotonic() + seconds, 0
    best = trial
    if trial.mode != "exact" and "exact" in engine.request.modes:
        found = _attempt(engine, dict(trial.case.choices), "exact", trial)
        if found is not None:
            best = found
    improved = True
    while improved and runs < RUNS and time.monotonic() < until:
        improved = False
        for label in _ordered(best.case.choices):
            value = best.case.choices.get(label, 0)
            for less in _lesser(value):
                if runs >= RUNS or time.monotonic() > until:
                    return best
                runs += 1
                choices = {**best.case.choices, label: less}
                found = _attempt(engine, choices, best.mode, best)
                if found is not None and _is_simpler(found, best):
                    best, improved = found, True
                    break
    return best


def explore(engine: Engine, trial: Trial, seconds: float) -> None:
    """Try the failing call in other sizes, so that a rule for when it fails shows."""
    until = time.monotonic() + seconds
    for label in trial.case.choices:
        if label.startswith("size") or label in SIZED:
            for other in OTHERS if label.startswith("size") else range(CHOICES):
                if time.monotonic() > until:
                    return
                _attempt(
                    engine, {**trial.case.choices, label: other}, trial.mode, trial
                )


def _ordered(choices: object) -> list[str]:
    labels = list(choices)  # type: ignore[call-overload]
    early = [label for label in FIRST if label in labels]
    late = [label for label in LAST if label in labels]
    return early + [n for n in labels if n not in (*early, *late)] + late


def _lesser(value: int) -> list[int]:
    """Simpler choices to try in place of ``value``, the simplest first."""
    found = {0, value // 2, value - 1} if value else set()
    return sorted(n for n in found if 0 <= n < value)


def _attempt(
    engine: Engine, choices: dict[str, int], mode: str, like: Trial
) -> Trial | None:
    """The trial of a record, if it fails in the same way."""
    case = engine.redrawn(choices, mode)
    if case is None or not case.size:
        return None
    found = engine.trial(case, mode, like.kind in REPEATED)
    if found is None or (found.failed and found.kind != like.kind):
        return None
    # what passes and fails so near to each other tells when it fails
    engine.tally.explored.append((features_of(case), found.failed))
    engine.tally.numbers.append((numbers_of(found), found.failed))
    return found if found.failed else None


def _is_simpler(found: Trial, best: Trial) -> bool:
    return _cost(found) < _cost(best)


def _cost(trial: Trial) -> tuple[int, int]:
    choices = trial.case.choices
    plain = sum(value for label, value in choices.items() if label not in LAST)
    return (trial.case.size + 2 * plain, choices.get("seed", 0))
