"""Failures that are none of a kernel which says what its arithmetic is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..numerics import PROFILES
from .options import Request
from .performer import Outcome
from .trial import Trial, judge_of

LOOKED_AT = 12
WORDS = {
    "tf32": "tf32 inputs, f32 accumulation",
    "bf16": "bf16 inputs, f32 accumulation",
    "f16-out": "a result rounded to f16",
    "f16-acc": "accumulation in f16",
    "bf16-acc": "accumulation in bf16",
}


def undeclared_precision(request: Request, failures: Sequence[Trial]) -> str | None:
    """Which lower precision explains failures among which no whole number is."""
    order = [*PROFILES, ""]
    worst = ""
    for each in failures[:LOOKED_AT]:
        judge = judge_of(each.case, request.numerics, False)
        if judge is None:
            continue
        found = judge.precision(each.outputs)
        if found not in order:
            return None
        if not worst or order.index(found) > order.index(worst):
            worst = found
    if not worst or worst in ("f32", "f64"):
        return None
    return (
        "right on whole numbers, but less precise than declared: consistent with "
        f"{WORDS.get(worst, worst)}"
    )


def undeclared_flushing(request: Request, failures: Sequence[Trial]) -> str | None:
    """Whether all failures are right where subnormal numbers may become zero."""
    if request.numerics.ftz:
        return None
    declared = replace(request.numerics, ftz=True)
    for each in failures[:LOOKED_AT]:
        judge = judge_of(each.case, declared, request.strict)
        if judge is None or judge.judged(Outcome(each.outputs), each.mode).failed:
            return None
    return (
        "right if subnormal numbers may be flushed to zero: declare "
        "numerics=Numerics(ftz=True)"
    )
