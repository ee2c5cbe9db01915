"""Batch normalisation by given statistics, and the mean squared error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..call import Array, Call
from .elementary import RSQRT
from .terms import Results, Terms, terms_of

ONE = np.ones(())
ROUNDS = RSQRT + 5
LARGE = 1e30
"""Numbers below which single precision cannot overflow in what is done to them."""


@terms_of("mse")
def mse(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_{n+4} · y``: the difference of two given numbers is good to one rounding."""
    (y,) = results
    n = call["x"].size
    return (Terms(np.asarray(y), np.full((), n), np.full((), n + 4.0), floor=n),)


@terms_of("mse.backward")
def mse_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_6 · |y|``."""
    return tuple(
        None if y is None else Terms(np.abs(y), ONE, np.full((), 6.0), floor=4.0)
        for y in results
    )


@terms_of("batch_norm", "batch_norm.backward")
def batch_norm(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``(|x| + |mean|) r |weight|``, folded or not, with nine roundings, and two of the
    bias: one of the variance, a reciprocal root's, and four of products and sums."""
    x = call["x"]
    shape = (1, -1, *(1,) * (x.ndim - 2))

    def column(name: str, default: float) -> Array:
        given = call.arrays[name]
        values = np.full(x.shape[1], default) if given is None else np.abs(given)
        return values.reshape(shape)

    with np.errstate(all="ignore"):
        mean, weight, bias = column("mean", 0), column("weight", 1), column("bias", 0)
        r = 1 / np.sqrt(call["var"].reshape(shape) + call.attributes["eps"])
        size = np.abs(x)
        if call.operation.is_backward:
            parts = _gradients(np.abs(call["grad"]), size, mean, weight, r)
            return tuple(
                None if y is None else p for p, y in zip(parts, results, strict=True)
            )
        size += mean
        A = size * (r * weight)
        A += bias * (2 / ROUNDS)
        tame = Terms(A, np.full((), 2), np.full((), ROUNDS))
        tops = [float(np.max(a, initial=1.0)) for a in (r, weight, size, bias)]
        # NaN is not below it either
        if all(top < LARGE for top in (*tops, tops[0] * tops[1] * tops[2])):
            return (tame,)
        # folded or not, each of these may be computed, and may overflow
        whole, scale = finite_size(x) + finite_size(mean), finite_size(weight)
        folded = np.maximum(whole * np.maximum(1, r), whole * scale)
        peak = np.maximum(folded, np.maximum(scale * r, whole * r * scale))
        own = (call["mean"], call.arrays["weight"], call.arrays["bias"])
        skip = unlike_folded(call, results[0], r, *own)
        return (replace(tame, peak=peak, skip=skip),)


def _gradients(
    grad: Array, size: Array, mean: Array, weight: Array, r: Array
) -> Sequence[Terms]:
    """Of x, mean, var, weight and bias, from magnitudes; columns ``(1, C, 1 ...)``."""
    planes = as_planes(grad)
    total = planes.sum(axis=(0, 2))
    crossed = np.einsum("ncl,ncl->c", planes, as_planes(size))
    mean, weight, flat = (a.reshape(-1) for a in (mean, weight, r))
    crossed += np.where(total == 0, 0, mean * total)
    n = grad.size // max(1, grad.shape[1])
    parts = [
        (grad * (weight * flat).reshape(r.shape), RSQRT + 3),
        (total * weight * flat, n + RSQRT + 2),
        (crossed * weight * flat**3 / 2, n + 3 * RSQRT + 7),
        (crossed * flat, n + RSQRT + 4),
        (total, n - 1.0),
    ]
    return [
        Terms(A, np.full((), n), np.full((), max(rounds, 0.0))) for A, rounds in parts
    ]


def as_planes(x: Array) -> Array:
    """``x`` as ``(N, C, elements)``."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def finite_size(array: Array) -> Array:
    """Magnitudes of what is no infinity: beside one, those may overflow to another."""
    return np.where(np.isfinite(array), np.abs(array), 0.0)


def unlike_folded(
    call: Call,
    y: Array,
    r: Array,
    mean: Array,
    weight: Array | None,
    bias: Array | None,
) -> Array:
    """Where ``x · s + (bias - mean · s)`` is another special value than the formula:
    an infinite weight or mean cancels in the one and not in the other."""
    scale = r if weight is None else weight.reshape(r.shape) * r
    shift = 0.0 if bias is None else bias.reshape(r.shape)
    folded = call["x"] * scale + (shift - mean.reshape(r.shape) * scale)
    same = (folded == y) | (np.isnan(folded) & np.isnan(y))
    return ~same & ~(np.isfinite(folded) & np.isfinite(y))
