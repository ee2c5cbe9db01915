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
from .normalisation import as_planes, finite_size, unlike_folded
from .terms import Results, Terms, terms_of

LARGE = 1e30
SMALL = 1e-2
"""Part of ``v + eps`` up to which an error of the variance is one of first order."""


class _Spread:
    """Magnitudes that every result is made of, shaped ``(1, C, 1 ...)``."""

    def __init__(self, call: Call) -> None:
        x = call["x"]
        column = (1, -1, *(1,) * (x.ndim - 2))
        self.axes = (0, *range(2, x.ndim))
        mean = x.mean(axis=self.axes).reshape(column)
        self.d = np.asarray(x - mean)
        planes = as_planes(self.d)
        count = max(1, planes.shape[0] * planes.shape[2])
        var = (np.einsum("ncl,ncl->c", planes, planes) / count).reshape(column)
        np.abs(self.d, out=self.d)
        batch = batch_of(call, (mean.reshape(-1), var.reshape(-1)))
        self.batch: Batch = batch
        self.size = np.abs(x)
        self.m = self.size.mean(axis=self.axes, keepdims=True)
        self.r = 1 / np.sqrt(var + call.attributes["eps"])
        self.weight = np.abs(batch.weight).reshape(column)
        self.bias = np.abs(batch.bias).reshape(column)
        self.mean = np.abs(mean)
        welford = np.sqrt(var * (var + np.square(mean)))
        self.var_size = var + welford
        self.spread = 1 + self.var_size * np.square(self.r)
        native = format_of(call.dtype) or FORMATS["f64"]
        u = max(native.u, FORMATS["f64"].u) if native.digits >= 24 else FORMATS["f32"].u
        self.u, n = u, np.asarray(float(batch.size))
        self.delta = gamma(n + 1, u) * self.m
        lost = np.square(self.delta) + gamma(n, u) * welford
        self.lost = lost * np.square(self.r)
        most = self.size.max(axis=self.axes, keepdims=True)
        self.peak = n * (np.square(most) + self.m)

    def wide(
        self,
        scale: Array | float = 1.0,
        more: Array | float = 0.0,
        extra: Array | float = 0.0,
    ) -> Array:
        """``scale`` times the magnitude of the normalised value, and more: its own
        size ``extra`` times once more, its mean's and its deviation's errors. Takes
        ``d`` for it."""
        r = self.r * scale
        wide = self.d
        wide *= r * (self.spread + extra)
        wide += self.size * r
        wide += r * (self.mean + self.m) + more
        return wide

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
        # of second order, but with many terms more than a rounding
        second = np.minimum(1, np.square(s.delta * s.r))
        A = s.wide(s.weight, s.bias, second / gamma(n + 13, s.u))
        over = s.lost > SMALL
        old = abs(1 - b.new)
        share = abs(b.new) * b.grown
        mean = old * np.abs(call["mean"]) + abs(b.new) * s.flat(s.m)
        var = old * np.abs(call["var"]) + share * s.flat(s.var_size)
        second = share * s.flat(np.square(s.delta))
        weight, bias = (call.arrays[name] for name in ("weight", "bias"))
        peaks, flat, folded = s.peaks(), None, np.zeros((), bool)
        if peaks is not None:
            flat = s.flat(s.peak)
            folded = unlike_folded(call, results[0], s.r, b.mean, weight, bias)
        skip = _where(over | folded, A)
        return (
            Terms(A, n, n + 13, peak=peaks, skip=skip),
            Terms(mean, n, n + 4, peak=flat, skip=_infinite(results[1])),
            Terms(var, n, n + 10, jump=second, peak=flat),
        )


@terms_of("batch_norm_training.backward")
def slopes(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Each product in absolute values, with ``2n + 30`` roundings."""
    with np.errstate(all="ignore"):
        s, grad = _Spread(call), np.abs(call["grad"])
        n = np.full((), float(s.batch.size))
        shift = grad.mean(axis=s.axes, keepdims=True)
        wide = s.wide()
        planes = (as_planes(grad), as_planes(wide))
        weight = np.einsum("ncl,ncl->c", *planes)
        tilt = weight.reshape(s.r.shape) / n
        scale = s.weight * s.r
        A = grad * (scale * s.spread)
        wide *= 2 * scale * tilt
        A += wide
        A += scale * s.spread * shift
        over = _where(s.lost > SMALL, A)
        peak = None if s.peaks() is None else np.broadcast_to(s.peak, A.shape)
        wild = s.flat(s.lost > SMALL)
        parts = (
            Terms(A, n, 2 * n + 30, peak=peak, skip=over),
            Terms(weight, n, n + 14, peak=s.flat(s.peak), skip=wild),
            Terms(grad.sum(axis=s.axes), n, n - 1),
        )
    return tuple(
        None if y is None else each for each, y in zip(parts, results, strict=True)
    )


def _infinite(mean: Array) -> Array | None:
    """Where a mean is infinite: Welford's update then subtracts infinities."""
    infinite = np.isinf(mean)
    return infinite if infinite.any() else None


def _where(over: Array, like: Array) -> Array | None:
    return np.broadcast_to(over, like.shape) if over.any() else None
