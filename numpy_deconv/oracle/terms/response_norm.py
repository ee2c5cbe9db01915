"""Local response normalisation: a power of a sum over neighbouring channels."""

from __future__ import annotations

import math

import numpy as np

from ..call import Array, Call
from ..growth import gamma
from ..numerics import Resolved
from .elementary import POW
from .terms import Results, Terms, terms_of

WIDE = 1e6
"""Sizes up to which what vanishes stays below the smallest normal numbers."""
LAST = 2.0**-22
"""Four steps between subnormal numbers in units of the smallest normal one."""
MOST = 0.5
"""Part of a response norm's sum that may be lost for its power to have a bound."""


class _Neighbours:
    """LRN's denominators ``d = k + alpha/size Σ x²`` and what they cost."""

    def __init__(self, call: Call) -> None:
        a, x = call.attributes, call["x"]
        self.size, self.beta = a["size"], abs(a["beta"])
        self.alpha = abs(a["alpha"])
        if call.semantics.lrn_alpha == "mean":
            self.alpha = self.alpha / self.size
        after = self.size // 2, (self.size - 1) // 2
        self.reach = after if call.semantics.lrn_centre == "before" else after[::-1]
        with np.errstate(all="ignore"):
            squares = self.across(np.square(x))
            cancelled: Array = np.ones(())
            if a["k"] < 0 or a["alpha"] < 0:
                whole = abs(a["k"]) + self.alpha * squares
                squares *= math.copysign(self.alpha, a["alpha"])
                self.d = np.abs(squares + a["k"])
                cancelled = whole / self.d
            else:
                squares *= self.alpha
                squares += a["k"]
                self.d = squares
            self.logarithm = np.log(self.d)
            np.abs(self.logarithm, out=self.logarithm)
            # for speed, where it is less than a rounding
            most = float(np.max(self.logarithm, initial=0.0))
            if 3 * self.beta * most < 1:
                self.logarithm = np.full((), most)
        # of d, and of the power: its exponent's rounding and its own
        self.inside = (self.size + 5) * cancelled
        self.rounds = self.of_power(self.beta) + POW + 2

    @property
    def is_wild(self) -> bool:
        """Whether a denominator overflows in single precision, or nearly vanishes."""
        low, high = (
            (float(f(self.d)) for f in (np.min, np.max)) if self.d.size else (1.0, 1.0)
        )
        return not 1e-30 < low <= high < 1e30

    def of_power(self, exponent: float) -> Array:
        """Roundings of the denominator to a power."""
        return self.inside * exponent + 3 * exponent * self.logarithm

    def across(self, values: Array, backwards: bool = False) -> Array:
        """Sum over each channel's neighbours, or over those whose neighbour it is."""
        before, past = self.reach[::-1] if backwards else self.reach
        total = np.zeros_like(values)
        channels = values.shape[1]
        for offset in range(-min(before, channels - 1), min(past, channels - 1) + 1):
            low, high = max(0, -offset), min(channels, channels - offset)
            total[:, low:high] += values[:, low + offset : high + offset]
        return total


@terms_of("local_response_norm")
def local_response_norm(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """``γ_r · |y|`` with ``r = beta (size + 5 + 3 |log d|) + 10``."""
    near = _Neighbours(call)
    A, n = np.abs(np.asarray(results[0])), np.full((), near.size)
    wild = near.d if near.is_wild else None
    return (Terms(A, n, near.rounds, floor=4.0, peak=wild, trough=wild),)


def running_bound(call: Call, numerics: Resolved) -> Array:
    """The bound of a response norm whose sum slides over the channels.

    What was added is taken off again, but its rounding errors stay: they are those of
    a sum over all channels up to the last neighbour. A NaN stays as well.
    """
    near, x = _Neighbours(call), call["x"]
    channels = x.shape[1]
    with np.errstate(all="ignore"):
        total = np.cumsum(np.square(x), axis=1)
        last = np.minimum(np.arange(channels) + near.reach[1], channels - 1)
        reached = total[:, last]
        lost = gamma(np.full((), 2.0 * channels + 4), numerics.acc.u) * reached
        share = 2 * near.alpha * lost / near.d
        own = gamma(near.rounds, numerics.acc.u)
        y = np.abs(x) * near.d**-near.beta
        error = y * ((1 - np.minimum(share, MOST)) ** -near.beta - 1 + own)
        # beyond, nothing is left of the sum, which may even turn negative
        bounded = (share < MOST) & (reached < numerics.acc.largest / 4)
        return np.where(bounded, error, np.inf)


@terms_of("local_response_norm.backward")
def local_response_norm_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Both of its terms in absolute values, by the worst neighbour's roundings."""
    near, x, grad = _Neighbours(call), np.abs(call["x"]), np.abs(call["grad"])
    with np.errstate(all="ignore"):
        own = grad * near.d**-near.beta
        shared = grad * x * near.d ** (-near.beta - 1)
        others = near.across(shared, backwards=True)
        A = own + 2 * near.alpha * near.beta * x * others
        # d ** -(beta + 1), or by automatic differentiation of x / d ** beta: d's own
        # errors count as often, but there are three powers
        rounds = near.of_power(near.beta + 1) + 3 * POW
        worst = rounds
        if rounds.ndim:
            worst = np.max(rounds, axis=1, keepdims=True, initial=0)
    floor: Array | float = 16 * (1 + float(np.max(grad, initial=0.0)))
    if np.max(x, initial=0.0) > WIDE:
        # what vanished in a neighbour's share is multiplied with x
        floor = floor + 2 * near.alpha * near.beta * near.size * LAST * x
    n = np.full((), near.size)
    return (Terms(A, n, worst + near.size + 8, floor=floor, peak=near.d),)
