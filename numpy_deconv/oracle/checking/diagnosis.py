"""Says in words what a wrong kernel looks like it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..drawing.layouts import laid_out
from ..mutation import mutants
from .circumstances import number_rule
from .declarations import undeclared_flushing, undeclared_precision
from .engine import Engine
from .features import rule_of
from .patterns import common_factor, common_places, sums_of_terms, wrong_places
from .shrinking import REPEATED
from .trial import Trial

LOOKED_AT = 12
AGREEING = 3
TIMES = 5
LEANING = 8
"""Errors from which it says something that all have one sign."""


def diagnosis(engine: Engine, trial: Trial) -> tuple[str, ...]:
    """What is known about a failure, the most telling first."""
    failures = [t for t in engine.tally.failures if t.kind == trial.kind]
    said = _by_repetition(engine, trial) or _by_history(engine, trial)
    if said:
        return tuple(said)
    if trial.kind in ("value", "shape", "adjoint", "raises", "second call"):
        said += _by_mutants(engine, [*failures[:LOOKED_AT], trial])
    said += _by_layout(engine, trial)
    if trial.kind == "value":
        flushing = undeclared_flushing(engine.request, failures)
        if flushing is not None:
            return (flushing,)
        said += _by_values(engine, trial, failures)
    rule = number_rule(engine.tally.numbers)
    if rule is None:
        rule = rule_of([*engine.tally.features, *engine.tally.explored])
    if rule is not None:
        said.append(f"it fails only where {rule}")
    return tuple(dict.fromkeys(said))


def _by_repetition(engine: Engine, trial: Trial) -> list[str]:
    """Whether it fails only sometimes on the very same call."""
    if trial.kind in ("hangs", "dies", *REPEATED) or trial.case.op != (
        engine.request.operation.name
    ):
        return []
    again = [engine.trial(trial.case, trial.mode) for _ in range(TIMES)]
    right = sum(each is not None and not each.failed for each in again)
    if not right:
        return []
    return [
        f"it fails only sometimes: {right} of {TIMES} more calls with the same numbers "
        "were right, as with a race or with memory that was never written"
    ]


def _by_history(engine: Engine, trial: Trial) -> list[str]:
    """Whether what it gives depends on what it was called with before."""
    others = [t for t in engine.tally.passed if t.case.op == trial.case.op]
    if trial.kind != "value" or trial.case.op != engine.request.operation.name:
        return []
    seen = set()
    for other in [None, *others[:TIMES]]:
        if other is not None:
            engine.trial(other.case, other.mode)
        again = engine.trial(trial.case, trial.mode)
        if again is None or not again.outputs:
            return []
        seen.add(tuple(again.outputs[n].tobytes() for n in sorted(again.outputs)))
    if len(seen) == 1:
        return []
    return [
        "what it gives depends on the call before: something of an earlier call is "
        "left in its memory"
    ]


def _by_mutants(engine: Engine, trials: list[Trial]) -> list[str]:
    """Mutants that give what the kernel gave, wherever it was wrong."""
    name = trials[0].case.op
    trials = [t for t in trials if t.outputs and t.case.op == name]
    if not trials:
        return []
    passed = [t for t in engine.tally.passed if t.case.op == name][:LOOKED_AT]
    found = []
    for mutant in mutants(name):
        if all(agrees(mutant, t) for t in (*trials, *passed)):
            found.append(mutant.description)
    if not found:
        return []
    return [f"it looks like this: {' or '.join(found[:AGREEING])}"]


def agrees(mutant: Any, trial: Trial) -> bool:
    """Whether a mutant's outputs are the kernel's, up to rounding."""
    case = trial.case
    names = list(case.arrays)
    arrays = [
        None if a is None else laid_out(a, case.layouts.get(name, "C"))
        for name, a in zip(names, case.inputs, strict=False)
    ]
    try:
        made = mutant(*arrays, **case.attrs)
    except Exception:
        return False
    names = list(trial.bounds)
    if isinstance(made, Mapping):
        pairs = dict(made)
    else:
        parts = made if isinstance(made, tuple) else (made,)
        pairs = dict(zip(names, parts, strict=False))
    seen, wrong = False, False
    for name, got in trial.outputs.items():
        other = pairs.get(name)
        if other is None or np.shape(other) != got.shape:
            return False
        bound = trial.bounds[name]
        with np.errstate(all="ignore"):
            ours, theirs = got.astype(np.float64), np.asarray(other, np.float64)
            near = np.abs(ours - theirs) <= _slack(bound, ours.shape)
            same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
            wrong |= is_wrong(theirs, bound)
        if not np.all(near | same):
            return False
        seen = True
    # one that is right here explains nothing
    return seen and (wrong or not trial.failed)


def is_wrong(values: Any, bound: Any) -> bool:
    """Whether an output is beyond its bound somewhere, or of another shape."""
    if values.shape != bound.y.shape:
        return True
    same = (values == bound.y) | (np.isnan(values) & np.isnan(bound.y))
    return bool(np.any(~same & ~(np.abs(values - bound.y) <= bound.H)))


def _slack(bound: Any, shape: tuple[int, ...]) -> Any:
    """Two kernels of the same mistake may round differently."""
    if bound.H.shape != shape:
        return float(np.max(bound.H, initial=0.0, where=np.isfinite(bound.H)))
    return np.where(np.isfinite(bound.H), 2 * bound.H, np.inf)


def _by_layout(engine: Engine, trial: Trial) -> list[str]:
    """Whether the kernel is right on contiguous copies of the same values."""
    odd = {n: how for n, how in trial.case.layouts.items() if how != "C"}
    if not odd or trial.kind in ("hangs", "dies"):
        return []
    other = engine.trial(replace(trial.case, layouts={}), trial.mode)
    if other is None or other.failed:
        return []
    names = " and ".join(odd)
    return [f"right on contiguous copies: it does not follow the strides of {names}"]


def _by_values(engine: Engine, trial: Trial, failures: list[Trial]) -> list[str]:
    said: list[str] = []
    tap = sums_of_terms(trial)
    if tap is not None:
        said.append(tap)
    for name in trial.outputs:
        masks = [wrong_places(each, name) for each in [trial, *failures[:LOOKED_AT]]]
        seen = [mask for mask in masks if mask is not None and mask.any()]
        prefix = "" if len(trial.outputs) == 1 else f"output {name!r}: "
        said += [prefix + text for text in common_places(seen)]
    factor = common_factor([trial, *failures[:LOOKED_AT]])
    if factor is not None:
        said.append(f"every wrong element is {factor:.4g} times the truth")
    said += _by_previous(trial)
    said += _by_size(failures)
    modes = {each.mode for each in failures}
    if modes == {"specials"}:
        said.append("only special values (NaN, infinities, extremes) come out wrong")
    tiny = all(each.case.kind == "subnormal" for each in failures)
    if (
        "bound" in modes
        and not tiny
        and "exact" not in modes
        and engine.tally.examples["exact"]
    ):
        precision = undeclared_precision(engine.request, failures)
        if precision is not None:
            said.insert(0, precision)
    return said


def _by_size(failures: list[Trial]) -> list[str]:
    """How large the errors are, where they are small; and whether all lean to zero."""
    ratios, leaning, number = [0.0], 0, 0
    for each in failures[:LOOKED_AT]:
        for name, got in each.outputs.items():
            bound = each.bounds.get(name)
            if bound is None or bound.y.dtype.kind != "f" or got.shape != bound.y.shape:
                return []
            with np.errstate(all="ignore"):
                error = got.astype(np.float64) - bound.y
                off = (np.abs(error) > bound.H) & (bound.A > 0)
                ratios.append(float(np.max(np.abs(error / bound.A)[off], initial=0.0)))
                number += int(np.sum(off))
                leaning += int(np.sum(off & (np.sign(error) == -np.sign(bound.y))))
    worst = max(ratios)
    said = []
    if number >= LEANING and leaning == number and worst < 2.0**-20:
        said.append("every error points towards zero: results are cut, not rounded")
    if 0 < worst < 2.0**-6:
        digits = int(-np.log2(worst))
        said.append(
            f"the errors are small: right to about {digits} binary digits (half "
            "precision and TF32 have 11, bfloat16 8, float32 24)"
        )
    return said


def _by_previous(trial: Trial) -> list[str]:
    for name, got in trial.outputs.items():
        wrong = wrong_places(trial, name)
        if wrong is not None and wrong.any():
            values = got[wrong].astype(np.float64)
            given = [a for a in trial.case.inputs if a is not None]
            finite = all(np.isfinite(a.astype(np.float64)).all() for a in given)
            if finite and np.isnan(values).all():
                return [
                    "the wrong elements are NaN, as in memory that was never written "
                    "or lies outside of the input"
                ]
            if got.size > 1 and not values.any():
                return ["the wrong elements are all 0"]
    return []
