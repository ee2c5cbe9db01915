"""Elements weighed against each other: softmax, batch normalisation and the losses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..call import Array, Call
from .terms import Results, Terms, terms_of

ONE = np.ones(())
DEEPEST = 800.0
"""Distance from the largest beyond which an exponential is 0 in any precision."""
LARGE = 1e30
"""Numbers below which single precision cannot overflow in what is done to them."""


class _Line:
    """Softmax along an axis: its value, and its roundings.

    ``exp(x - m)`` carries the rounding of its argument, so an element has ``|x - m|``
    roundings of its own, and through the sum the mean of all others' (Blanchard,
    Higham & Higham 2021, Accurately computing the log-sum-exp and softmax functions).
    """

    def __init__(self, x: Array, axis: int, y: Array | None = None) -> None:
        self.count = x.shape[axis] if x.ndim else 1
        self.axis = axis
        with np.errstate(all="ignore"):
            self.top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
            self.depth = self.top - x
            if not np.max(self.depth, initial=0.0) < DEEPEST:
                self.depth = np.minimum(self.depth, DEEPEST)
            if y is None:
                powers = np.exp(-self.depth)
                self.total = powers.sum(axis=axis, keepdims=True)
                y = powers / self.total
            self.y = y
            self.mean_depth = (y * self.depth).sum(axis=axis, keepdims=True)
        self.sum_rounds = self.count + 8 + self.mean_depth

    @property
    def rounds(self) -> Array:
        """Roundings of each element."""
        return self.sum_rounds + self.depth


@terms_of("softmax")
def softmax(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_r · y`` with ``r = C + 8 + |x - max| + mean|x - max|``."""
    line = _Line(call["x"], call.attributes["axis"], results[0])
    return (Terms(line.y, _count(line), line.rounds, floor=4.0),)


def _count(line: _Line) -> Array:
    return np.full((), line.count)


@terms_of("softmax.backward")
def softmax_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_r · y (|g| + Σ |g| y)``, with twice the roundings of the line's worst y."""
    line, grad = _Line(call["x"], call.attributes["axis"]), np.abs(call["grad"])
    with np.errstate(all="ignore"):
        mean = (grad * line.y).sum(axis=line.axis, keepdims=True)
        # of the sum's terms y, each carries its own depth
        weighted = (grad * line.y * line.rounds).sum(axis=line.axis, keepdims=True)
        depth = weighted / np.maximum(mean, 1e-300)
    rounds = 2 * line.rounds + depth + line.count + 6
    floor = 4 * (line.count + 1) * (1 + _top(grad, line.axis))
    return (Terms(line.y * (grad + mean), _count(line), rounds, floor=floor),)


def _top(x: Array, axis: int) -> Array:
    return np.max(x, axis=axis, keepdims=True, initial=0.0)


def _log_magnitude(line: _Line, x: Array) -> Array:
    """What is added on the ways to log-softmax, with the error of the logarithm's
    argument in units of four roundings."""
    logarithm = np.abs(np.log(line.total))
    return np.abs(x) + np.abs(line.top) + logarithm + line.sum_rounds / 4


@terms_of("log_softmax")
def log_softmax(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_4 · (|x| + |max| + |log Σ| + (C + 8 + mean|x - max|) / 4)``."""
    line = _Line(call["x"], call.attributes["axis"])
    with np.errstate(all="ignore"):
        A = _log_magnitude(line, call["x"])
    return (Terms(A, _count(line), np.full((), 4.0), floor=4.0),)


@terms_of("log_softmax.backward")
def log_softmax_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_r · (|g| + y Σ |g|)``; y is the exponential of a rounded logarithm."""
    x = call["x"]
    line, grad = _Line(x, call.attributes["axis"]), np.abs(call["grad"])
    with np.errstate(all="ignore"):
        total = grad.sum(axis=line.axis, keepdims=True)
        rounds = 4 * _log_magnitude(line, x) + line.count + 6
    floor = 4 * (1 + total)
    A = grad + line.y * total
    return (Terms(A, _count(line), rounds, floor=floor),)


@terms_of("cross_entropy")
def cross_entropy(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """The mean of log-softmax's magnitudes at the labels."""
    x, labels = call["logits"], call["labels"][:, None]
    line = _Line(x, 1)
    with np.errstate(all="ignore"):
        A = np.take_along_axis(_log_magnitude(line, x), labels, axis=1)
        mean = np.asarray(A.mean())
    n = labels.size
    return (Terms(mean, np.full((), n), np.full((), n + 6.0), floor=4.0),)


@terms_of("cross_entropy.backward")
def cross_entropy_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_r · |g| (y + [label]) / N``."""
    x, labels = call["logits"], call["labels"][:, None]
    line = _Line(x, 1)
    hit = np.arange(x.shape[1]).reshape(1, -1, *(1,) * (x.ndim - 2)) == labels
    grad = np.abs(call["grad"])
    with np.errstate(all="ignore"):
        rounds = 4 * _log_magnitude(line, x) + 2 * line.rounds + 6
    A = grad * (line.y + hit) / labels.size
    return (Terms(A, ONE, rounds, floor=4 * (1 + grad)),)


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
    """Seven roundings of ``(|x| + |mean|) r |weight| + |bias|``, folded or not."""
    x = call["x"]
    shape, axes = (1, -1, *(1,) * (x.ndim - 2)), (0, *range(2, x.ndim))

    def column(name: str, default: float) -> Array:
        given = call.arrays[name]
        values = np.full(x.shape[1], default) if given is None else np.abs(given)
        return values.reshape(shape)

    with np.errstate(all="ignore"):
        mean, weight, bias = column("mean", 0), column("weight", 1), column("bias", 0)
        r = 1 / np.sqrt(call["var"].reshape(shape) + call.attributes["eps"])
        size = np.abs(x) + mean
        if not call.operation.is_backward:
            A = size * r * weight + bias
            tame = Terms(A, np.full((), 2), np.full((), 7.0))
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
        grad = np.abs(call["grad"])
        n = grad.size // max(1, x.shape[1])
        parts = [
            (grad * weight * r, 5.0),
            ((grad * weight * r).sum(axis=axes), n + 6.0),
            ((grad * size * weight * r**3).sum(axis=axes) / 2, n + 16.0),
            ((grad * size * r).sum(axis=axes), n + 8.0),
            (grad.sum(axis=axes), n - 1.0),
        ]
    return tuple(
        None if y is None else Terms(A, np.full((), n), np.full((), max(rounds, 0)))
        for (A, rounds), y in zip(parts, results, strict=True)
    )


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
