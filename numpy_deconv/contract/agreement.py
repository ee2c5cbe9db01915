"""When a kernel's answer agrees with the reference's.

What moves, chooses or counts must be equal. What is summed may differ by rounding, and
is judged by the oracle, element by element (:mod:`.judgement`). Where the oracle knows
no such operation, or has only the bound of an unknown algorithm, errors are looked at
together: with ``A`` the same operation on absolute values, ``n`` the number of terms
and ``u`` the unit roundoff, any order of summation stays within ``n*u*A``, and the
usual error is ``sqrt(n)*u*A`` (Higham, *Accuracy and Stability*, section 4.2). Allowed
is 16 times the usual one in the L2 norm, which leaves room for Winograd's transforms.
Halves are summed in float32, so they may be off by that and by one rounding of each
element.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, accumulator, is_float
from ..backend import Backend, NumpyBackend
from ..reference.pooling import cells
from ..window import Slices
from .judgement import is_transformable, judged
from .questions import question
from .recipes import Call

REFERENCE = NumpyBackend()
ROOM = 16
SWITCHING = ("max_pool", "adaptive_max_pool")
DIFFERENCES = ("activation_grad", "local_response_norm_grad")
"""Gradients whose terms, of grad's own size, have opposite signs: ``1 - tanh(x)**2``"""


class Finding(NamedTuple):
    """One thing wrong with one answer; ``error`` orders findings of one sort."""

    defect: str
    detail: str
    error: float


def run(backend: Backend, kernel: str, call: Call) -> tuple[Any, ...]:
    """The kernel's results, as a tuple also where it is one array."""
    with np.errstate(all="ignore"):
        result = getattr(backend, kernel)(*call.arguments, **call.options)
    return result if isinstance(result, tuple) else (result,)


def wanted(kernel: str, call: Call) -> tuple[Array, ...]:
    """The reference's results: in the call's own dtype where they are exact, in
    float64 where not."""
    return run(REFERENCE, kernel, call if call.exact else _mapped(call, _double))


def compare(
    kernel: str, call: Call, got: tuple[Array, ...], want: tuple[Array, ...]
) -> Finding | None:
    """What is wrong with ``got``, arrays on the host; None if nothing is."""
    with np.errstate(all="ignore"):  # memory that was never written may hold any NaN
        return _compared(kernel, call, got, want)


def _compared(
    kernel: str, call: Call, got: tuple[Array, ...], want: tuple[Array, ...]
) -> Finding | None:
    dtype = next(a.dtype for a in call.arguments if hasattr(a, "dtype"))
    if len(got) != len(want):
        return Finding("results", f"returned {len(got)}, expected {len(want)}", 0)
    for part, (mine, right) in enumerate(zip(got, want, strict=True)):
        if mine.shape != right.shape:
            return Finding("shape", f"got {mine.shape}, expected {right.shape}", 0)
        expected = right.dtype if call.exact else dtype
        if mine.dtype != expected:
            return Finding("dtype", f"got {mine.dtype}, expected {expected}", 0)
        if not call.exact:
            return _inexact(kernel, call, mine, right)
        wrong = _double(mine) != _double(right)
        wrong &= ~(np.isnan(_double(mine)) & np.isnan(_double(right)))
        if part == 1 and kernel in SWITCHING:
            wrong &= ~_names_a_nan(kernel, call, mine)
        if wrong.any():
            return _unequal("switches" if part else "values", mine, right, wrong)
    return None


def _unequal(what: str, got: Array, want: Array, wrong: Array) -> Finding:
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    count = int(wrong.sum())
    detail = (
        f"{count} of {wrong.size} elements wrong, first at {at}: got {got[at]}, "
        f"expected {want[at]}"
    )
    return Finding(what, detail, count / wrong.size)


def _inexact(kernel: str, call: Call, got: Array, want: Array) -> Finding | None:
    asked = question(kernel, call)
    if asked is not None:
        report = judged(asked, got)
        if not report.ok:
            return Finding("values", report.explanation, report.worst_hard)
        if not is_transformable(asked):
            return None
    return _close(kernel, call, got, want)


def _close(kernel: str, call: Call, got: Array, want: Array) -> Finding | None:
    if not want.size:
        return None
    off = np.abs(_double(got) - want)
    if accumulator(got.dtype) != got.dtype:
        # each element was rounded once, on the way out; near 0 float16 has no digits
        off = np.maximum(off - _roundoff(got.dtype) * np.abs(want) - 2.0**-25, 0)
    scale = float(np.linalg.norm(_magnitude(kernel, call).ravel()))
    error = float(np.linalg.norm(off.ravel()))
    allowed = ROOM * math.sqrt(call.terms) * _roundoff(accumulator(got.dtype)) * scale
    if error <= allowed:
        return None
    scale = scale or 1.0
    detail = f"relative L2 error {error / scale:.2g}, allowed {allowed / scale:.2g}"
    return Finding("values", detail, error / scale)


def _magnitude(kernel: str, call: Call) -> Array:
    """The size of what is added up: the kernel on absolute values."""
    absolute = _mapped(call, lambda a: np.abs(_double(a)))
    if kernel == "batch_norm":
        x, mean, *rest = absolute.arguments
        absolute = Call((x, -mean, *rest))
    (size,) = run(REFERENCE, kernel, absolute)
    if kernel in DIFFERENCES:
        size = np.abs(size) + 2 * absolute.arguments[0]
    return size


def _names_a_nan(kernel: str, call: Call, switches: Array) -> Array:
    """Where a switch names a NaN of its own window: of several, any may win."""
    x, geometry = call.arguments
    named = np.zeros(switches.shape, np.bool_)
    if not is_float(x.dtype) or not np.isnan(x).any():
        return named
    size, outputs = x.shape[2:], switches.shape[2:]
    plane = np.arange(math.prod(size)).reshape(size)
    if kernel == "max_pool":
        reads = [(o, i) for _, o, i in geometry.taps(size, outputs)]
    else:
        reads = [pair for cell in cells(size, outputs) for pair in _samples(*cell)]
    for places, inputs in reads:
        named[(..., *places)] |= np.isnan(x[(..., *inputs)]) & (
            switches[(..., *places)] == plane[inputs]
        )
    return named


def _samples(cell: tuple[int, ...], inputs: Slices) -> list[tuple[Slices, Slices]]:
    place = tuple(slice(i, i + 1) for i in cell)
    axes = [[slice(i, i + 1) for i in range(part.start, part.stop)] for part in inputs]
    return [(place, sample) for sample in product(*axes)]


def _double(a: Array) -> Array:
    """Floats as float64, which holds them all; integers as they are."""
    return a.astype(np.float64) if is_float(a.dtype) else a


def _mapped(call: Call, change: Any) -> Call:
    arguments = tuple(
        change(a) if hasattr(a, "dtype") and is_float(a.dtype) else a
        for a in call.arguments
    )
    return Call(arguments, call.exact, call.terms, call.options)


def _roundoff(dtype: np.dtype[Any]) -> float:
    """Half the distance from 1 to the next number."""
    if dtype.name == "bfloat16":  # NumPy's finfo does not know it
        return 2.0**-8
    return float(np.finfo(dtype).eps) / 2
