"""Batch normalisation in training: what the batch's own statistics cost.

With ``m = mean|x|``, a computed mean is off by ``δ = γ_{n+1} m``. Two passes then give
a variance of ``v (1 + γ_{n+4}) + δ²``, Welford's update one that is off by
``γ_n √(v (v + μ²))`` (Chan, Golub & LeVeque 1983, Algorithms for computing the sample
variance); the difference of mean squares is far worse, and is not a correct kernel.
"""

from __future__ import annotations

import numpy as np

from ..batch_training import Batch, batch_of
from ..call import Array, Call
from ..growth import gamma
from ..numerics import FORMATS, format_of
from .normalisation import finite_size, unlike_folded
from .terms import Results, Terms, terms_of

LARGE = 1e30
TINY = 2.0**-56
SMALL = 1e-2
"""Part of ``v + eps`` up to which an error of the variance is one of first order."""


class _Spread:
    """Magnitudes that every result is made of, shaped ``(1, C, 1 ...)``."""

    def __init__(self, call: Call) -> None:
        x, batch = call["x"], batch_of(call)
        rest = (1,) * (x.ndim - 2)
        self.axes = (0, *range(2, x.ndim))
        self.batch: Batch = batch
        mean, var = (a.reshape(1, -1, *rest) for a in (batch.mean, batch.var))
        self.size = np.abs(x)
        self.m = self.size.mean(axis=self.axes, keepdims=True)
        self.r = 1 / np.sqrt(var + call.attributes["eps"])
        self.weight = np.abs(batch.weight).reshape(1, -1, *rest)
        self.bias = np.abs(batch.bias).reshape(1, -1, *rest)
        welford = np.sqrt(var * (var + np.square(mean)))
        self.var_size = var + welford
        self.d = np.abs(x - mean)
        # of the normalised value: its own size, its mean's and its deviation's errors
        own = self.d * (self.r * (1 + self.var_size * np.square(self.r)))
        self.wide = own + self.r * self.size + self.r * (np.abs(mean) + self.m)
        native = format_of(call.dtype) or FORMATS["f64"]
        u = max(native.u, FORMATS["f64"].u) if native.digits >= 24 else FORMATS["f32"].u
        n = np.asarray(float(batch.size))
        self.delta = gamma(n + 1, u) * self.m
        lost = np.square(self.delta) + gamma(n, u) * welford
        self.lost = lost * np.square(self.r)
        most = self.size.max(axis=self.axes, keepdims=True)
        self.peak = n * (np.square(most) + self.m)

    def peaks(self) -> Array | None:
        """The largest number met on the way to each result, if any is very large."""
        parts = (self.weight * self.r, self.weight, self.peak, self.bias)
        tops = [float(np.max(part, initial=1.0)) for part in parts]
        # NaN is not below it either
        if all(top < LARGE for top in (*tops, tops[0] * tops[1] * tops[2])):
            return None
        scale = finite_size(self.weight * self.r)
        products = finite_size(self.size) * np.maximum(scale, finite_size(self.weight))
        return np.maximum(self.peak, np.maximum(scale, 4 * products))

    def flat(self, values: Array) -> Array:
        """Back to one number for each channel."""
        return np.asarray(values).reshape(-1)


@terms_of("batch_norm_training")
def normalised(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_{n+13} (|w| r (|x| + |μ| + m + |d| (1 + v'/(v + eps))) + |b|)``."""
    with np.errstate(all="ignore"):
        s = _Spread(call)
        b, n = s.batch, np.full((), float(s.batch.size))
        A = s.weight * s.wide + s.bias
        second = np.minimum(1, np.square(s.delta * s.r))
        # where it is below a rounding it is counted as one
        jump = s.d * (s.weight * s.r * second) if np.any(second > TINY) else 0.0
        over = s.lost > SMALL
        old = abs(1 - b.new)
        share = abs(b.new) * b.grown
        mean = old * np.abs(call["mean"]) + abs(b.new) * s.flat(s.m)
        var = old * np.abs(call["var"]) + share * s.flat(s.var_size)
        second = share * s.flat(np.square(s.delta))
        weight, bias = (call.arrays[name] for name in ("weight", "bias"))
        peaks, folded = s.peaks(), np.zeros((), bool)
        if peaks is not None:
            folded = unlike_folded(call, results[0], s.r, b.mean, weight, bias)
        skip = _where(over | folded, A)
        return (
            Terms(A, n, n + 13, jump=jump, peak=peaks, skip=skip),
            Terms(mean, n, n + 4, peak=s.flat(s.peak)),
            Terms(var, n, n + 10, jump=second, peak=s.flat(s.peak)),
        )


@terms_of("batch_norm_training.backward")
def slopes(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Each product in absolute values, with ``2n + 30`` roundings."""
    with np.errstate(all="ignore"):
        s, grad = _Spread(call), np.abs(call["grad"])
        n = np.full((), float(s.batch.size))
        shift = grad.mean(axis=s.axes, keepdims=True)
        tilt = (grad * s.wide).mean(axis=s.axes, keepdims=True)
        spread = 1 + s.var_size * np.square(s.r)
        A = s.weight * s.r * ((grad + shift) * spread + 2 * s.wide * tilt)
        over = _where(s.lost > SMALL, A)
        peak = None if s.peaks() is None else np.broadcast_to(s.peak, A.shape)
        weight = (grad * s.wide).sum(axis=s.axes)
        wild = s.flat(s.lost > SMALL)
        parts = (
            Terms(A, n, 2 * n + 30, peak=peak, skip=over),
            Terms(weight, n, n + 14, peak=s.flat(s.peak), skip=wild),
            Terms(grad.sum(axis=s.axes), n, n - 1),
        )
    return tuple(
        None if y is None else each for each, y in zip(parts, results, strict=True)
    )


def _where(over: Array, like: Array) -> Array | None:
    return np.broadcast_to(over, like.shape) if over.any() else None
