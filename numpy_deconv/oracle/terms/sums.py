"""Sums, sums of products, means, and what only moves: all that is linear."""

from __future__ import annotations

import math
from functools import cache, partial

import numpy as np

from ...per_axis import entries_of
from ..call import Array, Call
from ..evaluation import evaluate
from ..numerics import FORMATS, format_of
from ..operations import Output
from .counts import counts
from .magnitudes import finite_magnitudes, magnitudes, squares
from .terms import Results, Terms

SCATTERED = (("conv_transpose", "y"), ("conv_input_grad", "y"), ("conv", "x"))
"""Outputs to which each sample is spread, as (function, output)."""


def linear(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Terms of operations that are linear in each of their outputs' factors."""
    outputs = call.operation.outputs
    if all(output.kind == "moves" for output in outputs):
        return tuple(None if y is None else moved(y) for y in results)
    sizes = magnitudes(call)
    numbers = counts(call)

    # a sum of magnitudes is finite if, and only if, all that is read is, in effect
    finite = all(y is None or is_finite(y) for y in sizes)
    peaks = sizes if finite else finite_magnitudes(call)

    @cache
    def squared() -> Results:
        return squares(call)

    def root(index: int) -> Array:
        return np.sqrt(np.asarray(squared()[index]))

    axes = call.given[-1].ndim - 2
    found: list[Terms | None] = []
    for index, (output, y) in enumerate(zip(outputs, results, strict=True)):
        if y is None:
            found.append(None)
            continue
        n = np.asarray(numbers[index], np.float64)
        terms = Terms(
            np.asarray(sizes[index], np.float64),
            n,
            roundings(output, n, axes),
            products=2 if output.kind == "products" else 0,
            S=partial(root, index) if output.kind == "products" else None,
            peak=_peak(call, output, peaks[index], n, finite),
            skip=_padding_times_infinity(call, output),
        )
        found.append(terms)
    return tuple(found)


def moved(y: Array) -> Terms:
    """Terms of an element that was copied."""
    zero = np.zeros(())
    return Terms(np.abs(y.astype(np.float64, copy=False)), np.ones(()), zero)


def roundings(output: Output, n: Array, axes: int = 1) -> Array:
    """How many roundings a sum of ``n`` terms has on its longest path.

    A mean may be divided at once, or multiplied by a rounded reciprocal on each axis.
    """
    extra = {"sum": -1, "products": 0, "mean": 2 * axes - 1}.get(output.kind, -1)
    return np.maximum(n + extra, 0) * (n > 0)


def _peak(
    call: Call, output: Output, size: Array, n: Array, finite: bool
) -> Array | None:
    """The largest number met on the way, where it can be more than the result: beside
    an infinity, and the sum of a mean."""
    size = np.asarray(size, np.float64)
    if output.kind == "mean" and not call.operation.is_backward:
        total = sum_of_mean(call, size, n)
        if total is not None:
            return total
    # of finite factors: an infinite one has overflowed
    return None if finite else np.minimum(size, FORMATS["f64"].largest)


def is_finite(values: Array) -> bool:
    """Whether all of some magnitudes are finite."""
    return bool(np.isfinite(np.max(values, initial=0)))


def sum_of_mean(call: Call, size: Array, n: Array) -> Array | None:
    """The sum that is divided, where it may overflow though the mean does not."""
    kernel, rank = call.attributes.get("kernel_size"), call["x"].ndim - 2
    count = n if kernel is None else math.prod(entries_of(kernel, rank, "kernel_size"))
    limit = format_of(call.dtype) or FORMATS["f64"]
    with np.errstate(all="ignore"):
        top = float(np.max(size, initial=0.0)) * float(np.max(count, initial=0.0))
        if top < limit.largest / 4:
            return None
        total = np.broadcast_to(size * count, size.shape)
    return total if np.any(total >= limit.largest / 4) else None


def _padding_times_infinity(call: Call, output: Output) -> Array | None:
    """Elements in which a non-finite factor meets padding, or a zero between strided
    samples: 0 · inf, or nothing."""
    if call.semantics.strict_padding:
        return None
    name = (call.operation.forward, output.name)
    by_signal = name in (("conv_weight_grad", "y"), ("conv", "weight"))
    factor = "grad" if by_signal else "weight"
    if not by_signal and name != ("conv", "y") and name not in SCATTERED:
        return None
    odd = (~np.isfinite(call[factor])).astype(np.float64)
    if not odd.any():
        return None
    ones = {n: np.ones(call[n].shape) for n in ("x", "grad") if n in call.arrays}
    seen = call.with_arrays(**{**ones, factor: odd})
    if "bias" in call.arrays:
        seen = seen.with_arrays(bias=None)
    index = [each.name for each in call.operation.outputs].index(output.name)
    met = np.asarray(evaluate(seen)[index])
    rest = (1,) * (met.ndim - 2)
    if by_signal:
        total = odd.sum(axis=(0, *range(2, odd.ndim)))
        return np.asarray(met < total.reshape(-1, 1, *rest))
    if name not in SCATTERED:
        total = odd.sum(axis=tuple(range(1, odd.ndim)))
        return np.asarray(met < total.reshape(1, -1, *rest))
    taps = odd.sum(axis=tuple(range(2, odd.ndim)))
    grouped = taps.reshape(max(1, int(call.attributes["groups"])), -1, odd.shape[1])
    return np.asarray(met < grouped.sum(axis=1).reshape(1, -1, *rest))
