"""Upsampling: copies, or blends whose weights are themselves rounded."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...reference.resampling import linear_sources
from ..call import Array, Call
from .sums import linear, moved
from .terms import Results, Terms, terms_of


@terms_of("upsample", "upsample.backward")
def upsample(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Nearest moves (its gradient sums); linear has ``γ_r`` times the corners' sizes.

    A weight is the fraction of a position that is computed in the kernel's precision:
    a rounded scale, a product and a difference, so its error grows with the position,
    whatever the weight itself is. The other weight, a product and a sum are one each.
    """
    backward = call.operation.is_backward
    (y,) = results
    if y is None:
        return (None,)
    if call.attributes["mode"] == "nearest":
        return _summed(call, results) if backward else (moved(y),)
    size = call["x"].shape[2:]
    scale = call.attributes["scale"]
    several = isinstance(scale, Sequence) or np.ndim(scale)
    scales = tuple(scale) if several else (scale,) * len(size)
    if backward:
        return (_linear_slope(call, y, size, scales),)
    A, odd = np.abs(call["x"]), ~np.isfinite(call["x"])
    rounds: Array = np.zeros(())
    for axis, (length, factor) in enumerate(zip(size, scales, strict=True), start=2):
        low, high, _ = linear_sources(length, float(factor))
        odd = np.take(odd, low, axis) | np.take(odd, high, axis)
        if len(low) != length:
            A = np.take(A, low, axis) + np.take(A, high, axis)
        rounds = rounds[..., None] + _roundings(low, length)
    # a corner of weight 0 is multiplied, or left out
    skip = odd if odd.any() else None
    return (Terms(A, np.full((), 2.0 ** len(size)), rounds, floor=4.0, skip=skip),)


def _roundings(low: Array, length: int) -> Array:
    if len(low) == length:
        return np.zeros(length)
    return 3.0 * low + 7


def _linear_slope(
    call: Call, y: Array, size: tuple[int, ...], scales: tuple[float, ...]
) -> Terms:
    grad = np.abs(call["grad"])
    rounds: Array = np.zeros(())
    tables = []
    for length, factor in zip(size, scales, strict=True):
        low, high, _ = linear_sources(length, float(factor))
        tables.append((low, high, length))
        rounds = rounds[..., None] + _roundings(low, length)
    worst = float(np.max(rounds, initial=0.0))
    A, n = grad, np.ones((1, 1, *grad.shape[2:]))
    for axis, (low, high, length) in enumerate(tables, start=2):
        if len(low) != length:
            A, n = (_added(v, low, high, length, axis) for v in (A, n))
    return Terms(A, n, n + worst, floor=4.0 + math.prod(size))


def _added(values: Array, low: Array, high: Array, length: int, axis: int) -> Array:
    rows = np.moveaxis(values, axis, 0)
    total = np.zeros((length, *rows.shape[1:]))
    np.add.at(total, low, rows)
    np.add.at(total, high, rows)
    return np.moveaxis(total, 0, axis)


def _summed(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """The gradient of copying: a sum over the copies."""
    (found,) = linear(call, results)
    if found is None:
        return (None,)
    n = np.asarray(found.n)
    return (Terms(found.A, n, np.maximum(n - 1, 0)),)
