"""The verdict on a kernel's output: every element against its own bound."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import is_bfloat16
from .call import Array
from .error_bound import Bound

VERDICTS = ("PASS", "WARN", "FAIL")
BIASED = 6.0  # standard deviations of a mean error
LEANING = 0.1  # a mean error, as a share of the statistical bound
ENOUGH = 64  # elements for a mean error to mean anything
LONG = 8  # terms below which errors of one input show in many elements


@dataclass(frozen=True)
class BoundReport:
    """What became of one output.

    ``verdict`` is FAIL for an element beyond its hard bound (or the wrong special
    value, shape or dtype), WARN for one beyond its soft bound or errors of one sign,
    else PASS. ``worst_hard`` and ``worst_soft`` are the largest ``error / H`` and
    ``error / P``; at ``index``, the first bad element or else the worst, the kernel
    gave ``got`` where ``want`` is true and an error of ``allowed`` would do. Of
    ``checked`` elements ``bad`` failed; ``skipped`` are those on which correct kernels
    differ. ``bias`` is the mean of the signed errors in standard deviations.
    """

    op: str
    output: str
    verdict: str
    reason: str
    checked: int
    skipped: int
    bad: int
    worst_hard: float
    worst_soft: float
    bias: float
    index: tuple[int, ...] | None = None
    got: float | None = None
    want: float | None = None
    allowed: float | None = None
    precision: str | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return self.verdict != "FAIL"

    @property
    def explanation(self) -> str:
        """What is wrong, and which precision its errors suggest."""
        if not self.precision or self.verdict == "PASS":
            return self.reason
        return f"{self.reason}; the errors are consistent with {self.precision}"

    def __str__(self) -> str:
        line = (
            f"{self.op}: output {self.output!r}: {self.verdict}: {self.reason} "
            f"({self.checked} elements judged, {self.skipped} left open, worst "
            f"{self.worst_hard:.3g} of the hard bound and {self.worst_soft:.3g} of the "
            "statistical one)"
        )
        if self.precision and self.verdict != "PASS":
            line += f"; the errors are consistent with {self.precision}"
        return line


def judge(
    got: Any,
    bound: Bound,
    *,
    op: str = "output",
    output: str = "y",
    accepted: Array | None = None,
    strict: bool = False,
    strict_sign: bool = False,
    leaning: bool = True,
) -> BoundReport:
    """Judge ``got`` by its bound, element by element.

    Where the truth is NaN or infinite the same is demanded, where no error is allowed
    the very number; an infinite bound is not judged. ``accepted`` marks elements that
    are right though they differ (a switch to another of several NaN). With ``strict``
    what would be WARN is FAIL, with ``strict_sign`` zeros must have the right sign.
    Unless ``leaning`` is false, errors that are mostly of one sign are suspicious.
    """
    array = np.asarray(got)
    if array.shape != bound.y.shape:
        reason = f"it has shape {array.shape}, not {bound.y.shape}"
        return _refused(op, output, reason)
    if not (array.dtype.kind in "fiub" or is_bfloat16(array.dtype)):
        return _refused(op, output, f"its dtype is {array.dtype}")
    values = array.astype(bound.y.dtype if array.dtype.kind in "iub" else np.float64)
    verdicts = _verdicts(values, bound, accepted, strict_sign)
    return _report(op, output, values, bound, verdicts, strict, leaning)


def _refused(op: str, output: str, reason: str) -> BoundReport:
    return BoundReport(
        op, output, "FAIL", reason, 0, 0, 0, float("inf"), float("inf"), 0.0
    )


@dataclass(frozen=True)
class _Verdicts:
    """Masks and ratios of every element; ``open`` None if all are judged."""

    open: Array | None
    bad: Array
    special: Array  # the wrong NaN, infinity or sign
    hard: Array
    soft: Array
    error: Array


def _verdicts(
    values: Array, bound: Bound, accepted: Array | None, strict_sign: bool
) -> _Verdicts:
    y, H, P = bound.y, bound.H, bound.P
    with np.errstate(all="ignore"):
        error = np.subtract(values, y, dtype=np.float64)
        size = np.abs(error)
        is_open = np.inf == H
        if accepted is not None:
            is_open = is_open | accepted & (size > 0)
        some_open = bool(is_open.any())
        special = np.zeros((), bool)
        finite = bool(np.isfinite(size.sum())) or bool(np.isfinite(size).all())
        if not finite:
            same = (values == y) | ((values != values) & (y != y))
            special = ~np.isfinite(size) & ~same
            error = np.where(np.isfinite(size), error, 0.0)
            size = np.abs(error)
        if strict_sign and y.dtype.kind == "f":
            wrong_sign = (
                (values == 0) & (y == 0) & (np.signbit(values) != np.signbit(y))
            )
            special = special | wrong_sign
        bad = special | (size > H)
        hard = np.divide(size, H, out=np.zeros(size.shape), where=size > 0)
        soft = hard
        if P is not H:
            soft = np.divide(size, P, out=np.zeros(size.shape), where=size > 0)
        if some_open:
            bad, special = bad & ~is_open, special & ~is_open
            hard, soft = (np.where(is_open, 0.0, ratio) for ratio in (hard, soft))
    special = np.broadcast_to(special, y.shape)
    return _Verdicts(is_open if some_open else None, bad, special, hard, soft, error)


def _report(
    op: str,
    output: str,
    values: Array,
    bound: Bound,
    v: _Verdicts,
    strict: bool,
    leaning: bool,
) -> BoundReport:
    size, skipped = v.bad.size, 0 if v.open is None else int(v.open.sum())
    worst_hard = float(np.max(v.hard, initial=0.0))
    worst_soft = float(np.max(v.soft, initial=0.0))
    bad = int(v.bad.sum())
    bias = bias_of(v.error, bound, v.open) if leaning else 0.0
    at = _where(v)
    verdict, reason = "PASS", "within its bounds"
    if bad and at is not None:
        verdict, reason = "FAIL", _describe(at, values, bound, v, bad, size)
    elif worst_soft > 1:
        verdict = "WARN"
        reason = "errors larger than rounding in the declared precision explains"
    elif abs(bias) > BIASED:
        verdict = "WARN"
        reason = "errors lean to one side, as of truncation instead of rounding"
    if strict and verdict == "WARN":
        verdict = "FAIL"
    report = BoundReport(
        op,
        output,
        verdict,
        reason,
        size - skipped,
        skipped,
        bad,
        float("inf") if v.special.any() else worst_hard,
        worst_soft,
        bias,
    )
    if at is None:
        return report
    return replace(
        report,
        index=at,
        got=values[at].item(),
        want=bound.y[at].item(),
        allowed=float(bound.H[at]),
    )


def _where(v: _Verdicts) -> tuple[int, ...] | None:
    """The first bad element, or else the one with the largest share of its bound."""
    if not v.bad.size:
        return None
    flat = v.bad.argmax() if v.bad.any() else v.hard.argmax()
    return tuple(int(i) for i in np.unravel_index(flat, v.bad.shape))


def _describe(
    at: tuple[int, ...], values: Array, bound: Bound, v: _Verdicts, bad: int, size: int
) -> str:
    got, want, allowed = values[at].item(), bound.y[at].item(), float(bound.H[at])
    share = f"{bad} of {size} elements are wrong, the first at {at}: got {got!r}, "
    if v.special[at]:
        return share + f"must be {want!r}"
    if allowed == 0:
        return share + f"must be exactly {want!r}"
    return share + (
        f"truth {want!r}, off by {abs(v.error[at]):.3g} where rounding explains at "
        f"most {allowed:.3g}"
    )


def bias_of(error: Array, bound: Bound, is_open: Array | None) -> float:
    """Mean of the signed errors in units of its standard deviation.

    0 where it says nothing: too few elements or terms, or a mean far below what
    truncation leaves behind. Elements with equal truths are taken once, for their
    errors are one error.
    """
    if bound.y.dtype.kind != "f" or bound.y.size < ENOUGH or not _is_long(bound):
        return 0.0
    judged = (bound.P > 0) & np.isfinite(bound.P) & np.isfinite(bound.y)
    judged &= bound.n >= LONG
    if is_open is not None:
        judged &= ~is_open
    ratio = error[judged] / bound.P[judged]
    if not ratio.size or abs(float(ratio.mean())) < LEANING / 2:
        return 0.0
    _, once = np.unique(bound.y[judged], return_index=True)
    ratio = ratio[once]
    total, squares = float(np.sum(ratio)), float(np.sum(np.square(ratio)))
    if len(ratio) < ENOUGH or abs(total) < LEANING * len(ratio):
        return 0.0
    return total / squares**0.5


def _is_long(bound: Bound) -> bool:
    return float(np.max(bound.n, initial=0.0)) >= LONG
