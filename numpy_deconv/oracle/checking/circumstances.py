"""From which size on, or at which remainder, a kernel fails: rules made of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .trial import Trial

Numbers = Mapping[str, int]
Seen = Sequence[tuple[Numbers, bool]]

ENOUGH = 4
"""Failures from which a rule is drawn."""
DISTINCT = 3
"""Different numbers that must have the remainder of a rule."""
SURE = 0.75
"""Share of failures among the calls that a rule covers."""
LARGEST = 64
FIRST = 3
"""The smallest number worth a rule: more than one has a plainer word."""


def numbers_of(trial: Trial) -> dict[str, int]:
    """The sizes that loops of a kernel run over, by what they are called."""
    case, found = trial.case, {}
    for name, array in (("input", case.inputs[0]), ("result", _result(trial))):
        shape = () if array is None else np.shape(array)
        if len(shape) > 2:
            found[f"columns of the {name}"] = shape[-1]
        if len(shape) > 3:
            found[f"rows of the {name}"] = shape[-2]
        if len(shape) > 1:
            found[f"channels of the {name}"] = shape[1]
        if shape:
            found["samples"] = shape[0]
    weight = case.arrays.get("weight")
    if weight is not None and weight.ndim > 1:
        found["input channels of a group"] = weight.shape[1]
        found["taps"] = int(np.prod(weight.shape[2:]))
        found["terms of a sum"] = int(np.prod(weight.shape[1:]))
    groups = case.attrs.get("groups")
    if groups is not None:
        found["groups"] = int(groups)
    axis = case.attrs.get("axis")
    if isinstance(axis, int) and case.inputs[0] is not None:
        found["elements along the axis"] = np.shape(case.inputs[0])[axis]
    return found


def _result(trial: Trial) -> Any:
    return next(iter(trial.truths.values()), None)


def number_rule(seen: Seen) -> str | None:
    """A least number, or a remainder, that all failures have and few others."""
    failed = [numbers for numbers, bad in seen if bad]
    passed = [numbers for numbers, bad in seen if not bad]
    if len(failed) < ENOUGH or not passed:
        return None
    shared = set.intersection(*(set(numbers) for numbers in failed))
    best, share = "", SURE
    for name in sorted(shared):
        values = [numbers[name] for numbers in failed]
        others = [numbers[name] for numbers in passed if name in numbers]
        for words, covered in _candidates(name, values, others):
            found = len(values) / (len(values) + covered)
            if found > share and covered < len(others):
                best, share = words, found
    return best or None


def _candidates(
    name: str, values: Sequence[int], others: Sequence[int]
) -> list[tuple[str, int]]:
    """Rules about one number, with how many successes each covers."""
    least = min(values)
    found = []
    if least >= FIRST:
        found.append(
            (f"there are {least} {name} or more", sum(n >= least for n in others))
        )
    if len(set(values)) < DISTINCT:
        return found
    for divisor in range(FIRST, LARGEST + 1):
        rest = values[0] % divisor
        if all(n % divisor == rest for n in values):
            part = f" + {rest}" if rest else ""
            covered = sum(n % divisor == rest for n in others)
            found.append((f"there are {divisor}n{part} {name}", covered))
    return found
