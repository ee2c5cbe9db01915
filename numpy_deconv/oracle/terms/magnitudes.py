"""The operation on absolute values: what an error is measured against."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..call import Array, Call
from ..evaluation import evaluate
from .terms import Results

PIECE = 2**15
"""Elements whose absolute values the processor's cache still holds."""


def magnitudes(call: Call) -> Results:
    """Each output's sum of absolute terms, in shapes that broadcast to it."""
    if call.operation.name in MAGNITUDES:
        return MAGNITUDES[call.operation.name](call)
    return evaluate(mapped(call, np.abs))


def finite_magnitudes(call: Call) -> Results:
    """Magnitudes without infinite factors: beside an infinity other terms may overflow
    to the opposite one."""
    return evaluate(mapped(call, _finite_size))


def squares(call: Call) -> Results:
    """Each output's sum of squared terms."""
    return evaluate(mapped(call, np.square))


def mapped(call: Call, function: Callable[[Array], Array]) -> Call:
    """The call on ``function`` of all in which its outputs are linear."""
    with np.errstate(all="ignore"):
        return call.with_arrays(**{n: function(call[n]) for n in factors_of(call)})


def factors_of(call: Call) -> list[str]:
    """Every floating array in which some output is linear."""
    names = [name for output in call.operation.outputs for name in output.factors]
    addends = [output.addend for output in call.operation.outputs if output.addend]
    present = [name for name in (*names, *addends) if call.arrays[name] is not None]
    return list(dict.fromkeys(present))


def _finite_size(array: Array) -> Array:
    return np.where(np.isfinite(array), np.abs(array), 0.0)


def _global_avg_pool(call: Call) -> Results:
    """A few planes at a time, for each is read once."""
    x = call["x"]
    size = x.shape[2:]
    planes, axes = x.reshape(-1, *size), tuple(range(1, x.ndim - 1))
    count, step = math.prod(size), max(1, PIECE // math.prod(size))
    sums, sizes = np.empty(len(planes)), np.empty((step, *size))
    for first in range(0, len(planes), step):
        piece = planes[first : first + step]
        absolute = np.abs(piece, out=sizes[: len(piece)])
        absolute.sum(axis=axes, out=sums[first : first + step])
    return (sums.reshape(*x.shape[:2], *(1 for _ in size)) / count,)


def _global_avg_pool_backward(call: Call) -> Results:
    """The same share for every sample of a plane."""
    return (np.abs(call["grad"]) / math.prod(call["x"].shape[2:]),)


MAGNITUDES: dict[str, Callable[[Call], Results]] = {
    "global_avg_pool": _global_avg_pool,
    "global_avg_pool.backward": _global_avg_pool_backward,
}
