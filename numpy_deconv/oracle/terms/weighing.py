"""Elements of a line weighed against each other: softmax and its logarithm, the losses.

With ``m`` the largest of a line, ``S = Σ exp(x - m)`` and ``l = m + log S``: the error
of ``exp(x - m)`` is an exponential's and ``|x - m|`` units for its argument's rounding,
so S has ``Σ y |x - m|`` of those (Blanchard, Higham & Higham 2021, Accurately computing
the log-sum-exp and softmax functions). That mean is the line's entropy less ``log S``,
and an entropy is at most the logarithm of the number of elements.
"""

from __future__ import annotations

import math

import numpy as np

from ..call import Array, Call
from .elementary import EXP, LOG
from .terms import Results, Terms, terms_of

DEEPEST = 800.0
"""Distance from the largest beyond which an exponential is 0 in any precision."""
LEVEL = 8192.0
"""Roundings of which one number may stand for all elements'."""
LARGE = 1e30
"""Sizes below which nothing overflows in what is done to them."""


class _Line:
    """The lines of ``x`` along an axis: what each adds up to, and costs."""

    def __init__(self, x: Array, axis: int) -> None:
        self.x, self.axis = x, axis
        self.count = x.shape[axis] if x.ndim else 1
        self.top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
        self.below: Array | None = None

    def powers(self) -> Array:
        """``exp(x - m)``; leaves ``total``, their sum, behind."""
        self.below = np.asarray(self.x - self.top)
        powers = np.asarray(np.exp(self.below))
        self.found(powers.sum(axis=self.axis, keepdims=True))
        return powers

    def found(self, total: Array) -> None:
        """Take the sum S, and what it costs."""
        self.total, self.log = total, np.log(total)
        entropy = math.log(max(self.count, 1))
        self.sum_rounds = EXP + self.count + np.maximum(entropy - self.log, 0)

    def depth(self, more: Array | float = 0.0) -> Array:
        """``|x - m|``, and more; after ``powers`` in the place of their arguments."""
        depth = self.below
        if depth is None:
            depth = np.asarray(self.x - self.top)
        if not np.min(depth, initial=0.0) > -DEEPEST:
            np.maximum(depth, -DEEPEST, out=depth)
        np.subtract(more, depth, out=depth)
        return depth

    def sum(self, values: Array) -> Array:
        """Of each line."""
        return np.asarray(values.sum(axis=self.axis, keepdims=True))

    def log_rounds(self, y: Array) -> Array:
        """Units of the error of ``log y = x - l`` from its magnitude ``y``.

        ``(x - m) - log S``, ``x - (m + log S)``, or without m: two differences, S's
        own error, and the logarithm's, of S or of the whole sum.
        """
        whole = np.abs(self.top + self.log)
        inner = LOG * self.log
        # |x - m| = |log y| - log S
        size = y + (inner - self.log)
        np.maximum(size, np.maximum(whole + inner, LOG * whole), out=size)
        size += y
        size += self.sum_rounds
        return np.asarray(size)


def _plain(value: float) -> Array:
    return np.full((), value)


def _peak(size: Array) -> Array | None:
    """Sizes met on the way, if any is so large that its sums may overflow."""
    # NaN is not below it either
    return None if np.max(size, initial=0.0) < LARGE else 2 * size


def _spent(
    units: Array,
    rounds: Array,
    count: float,
    floor: Array | float,
    peak: Array | None = None,
) -> tuple[Terms]:
    """Terms for an error of so many units, which are the sizes of what is rounded times
    at most ``rounds``: one number for all elements if it is not large, for speed."""
    most = float(np.max(rounds, initial=1.0))
    if most < LEVEL:
        units /= most
        return (Terms(units, _plain(count), _plain(most), floor=floor, peak=peak),)
    return (Terms(units / rounds, _plain(count), rounds, floor=floor, peak=peak),)


@terms_of("softmax")
def softmax(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_r · y``: the exponential's units, the sum's, and two of the quotient."""
    y = results[0]
    with np.errstate(all="ignore"):
        line = _Line(call["x"], call.attributes["axis"])
        line.found(1 / np.max(y, axis=line.axis, keepdims=True, initial=0.0))
        rounds = line.depth(line.sum_rounds + EXP + 1)
        return _spent(y * rounds, rounds, line.count, 4.0)


@terms_of("softmax.backward")
def softmax_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``y (g - Σ g y)``: y's units of ``|g|`` and of ``M = Σ |g| y``, and of M those
    that its terms have, and its sum."""
    grad = np.abs(call["grad"])
    with np.errstate(all="ignore"):
        line = _Line(call["x"], call.attributes["axis"])
        y = line.powers()
        y /= line.total
        # y's own, a product and a difference
        rounds = line.depth(line.sum_rounds + EXP + 3)
        y_grad = grad * y
        mean = line.sum(y_grad)
        y_grad *= rounds
        of_mean = line.sum(y_grad)
        of_mean += (line.count - 2) * mean
        top, units = _top(grad, line.axis), grad
        units += mean
        units *= rounds
        units += of_mean
        units *= y
        # of the mean's terms each has the roundings of another element
        most = float(np.max(rounds, initial=0.0))
        if most != most:  # a line with NaN says nothing about the others
            most = float(np.fmax.reduce(rounds, axis=None, initial=0.0))
        if 2 * most + line.count < LEVEL:
            rounds = _plain(2 * most + line.count)
        else:
            rounds += most + line.count
        floor = 4 * (line.count + 1) * (1 + top)
        peak = _peak(top + mean)
        if peak is not None:
            peak = np.broadcast_to(peak, y.shape)
        return _spent(units, rounds, line.count, floor, peak)


def _top(x: Array, axis: int) -> Array:
    return np.max(x, axis=axis, keepdims=True, initial=0.0)


@terms_of("log_softmax")
def log_softmax(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Every difference and logarithm on the ways to ``x - l``."""
    y = np.abs(results[0])
    with np.errstate(all="ignore"):
        line = _Line(call["x"], call.attributes["axis"])
        # of the largest element x is m, and y = -log S
        low = np.min(y, axis=line.axis, keepdims=True, initial=np.inf)
        line.found(np.exp(low))
        most = line.count + 20.0
        A = line.log_rounds(y)
        peak = _peak(A)
        A /= most
    return (Terms(A, _plain(line.count), _plain(most), floor=4.0, peak=peak),)


@terms_of("log_softmax.backward")
def log_softmax_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``g - y Σ g``: y is the exponential of a rounded logarithm."""
    grad = np.abs(call["grad"])
    with np.errstate(all="ignore"):
        line = _Line(call["x"], call.attributes["axis"])
        y = line.powers()
        depth = line.depth(line.log)
        y /= line.total
        total = line.sum(grad)
        rounds = line.log_rounds(depth)
        rounds += EXP + line.count + 1
        units = y
        units *= rounds
        units *= total
        units += np.abs(results[0], out=depth)
        peak = _peak(total)
        if peak is not None:
            peak = np.broadcast_to(peak, y.shape)
        return _spent(units, rounds, line.count, 4 * (1 + total), peak)


@terms_of("cross_entropy")
def cross_entropy(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """The mean of log-softmax's errors at the labels, and of its sum of N terms."""
    labels = call["labels"][:, None]
    n = float(labels.size)
    with np.errstate(all="ignore"):
        line = _Line(call["logits"], 1)
        line.powers()
        found = np.take_along_axis(call["logits"], labels, axis=1)
        y = np.abs(found - (line.top + line.log))
        most = n + line.count + 20.0
        units = line.log_rounds(y)
        units += (n + 1) * y
        peak = _peak(np.asarray(units.sum()))
        A = np.asarray(units.mean() / most)
    return (Terms(A, _plain(n), _plain(most), floor=4.0, peak=peak),)


@terms_of("cross_entropy.backward")
def cross_entropy_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``g (y - [label]) / N``, in any order."""
    labels = call["labels"][:, None]
    grad = float(np.abs(call["grad"]))
    with np.errstate(all="ignore"):
        line = _Line(call["logits"], 1)
        y = line.powers()
        depth = line.depth(line.log)
        y /= line.total
        rounds = line.log_rounds(depth)
        rounds += EXP + 3
        units = y
        units *= rounds
        if labels.size:
            here = np.take_along_axis(units, labels, axis=1)
            np.put_along_axis(units, labels, here + 3, axis=1)
        units *= grad / max(labels.size, 1)
        units += np.abs(results[0])
        return _spent(units, rounds, 1.0, 4 * (1 + grad))
