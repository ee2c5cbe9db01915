"""Functions of one element: what their usual ways of computation cost, value and slope.

Each analysis gives ``A``, such that ``rounds`` unit roundoffs of it bound the error of
every way named beside it. ``A`` is the sum of the sizes of all that is rounded on the
way, each as often as it is rounded and weighed with how much the result depends on it,
divided by ``rounds``; so a cancellation such as ``1 + erf`` shows in it. An exponential
whose argument was rounded adds as many units as the argument is large.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ...reference.activations import ACTIVATIONS
from ..call import Array
from ..clearing import clear
from .elementary import ERF, EXP, LOG, TANH


class Shape(NamedTuple):
    """Magnitude and roundings of a function of one element, or of its gradient."""

    A: Array
    rounds: Array | float
    jump: Array | float = 0.0
    bent: Array | float = 0.0


Analysis = Callable[..., Shape]
"""``(x, y, **attributes)`` for a value, ``(x, grad, y, **attributes)`` with the
absolute gradient that came in and the absolute result for a slope."""


def _logistic(z: Array) -> Array:
    return np.asarray(ACTIVATIONS["sigmoid"].value(z))


def _line(x: Array, y: Array, slope: float) -> Shape:
    """One product with a constant, and the rounding of the constant."""
    return Shape(clear(np.abs(y), x > 0), 2.0)


def _line_slope(x: Array, grad: Array, y: Array, slope: float) -> Shape:
    """The slope's own rounding, and the product with the gradient."""
    return Shape(clear(y, x > 0), 2.0)


def _elu(x: Array, y: Array, alpha: float) -> Shape:
    """``alpha * (exp(x) - 1)``, by way of exp or of expm1: what cancels is in it."""
    A = np.abs(y)
    A += EXP / 2 * abs(alpha)
    A *= 2 / (EXP + 2)
    return Shape(A, (EXP + 2) * (x <= 0))


def _elu_slope(x: Array, grad: Array, y: Array, alpha: float) -> Shape:
    """``alpha * exp(x)``, or from the value, ``alpha * (exp(x) - 1) + alpha``."""
    # exact above 0, so what A is there does not matter
    A = y * EXP
    A += (3 * abs(alpha)) * grad
    A /= EXP + 3
    return Shape(A, (EXP + 3) * ~(x > 0))


def _sigmoid(x: Array, y: Array) -> Shape:
    """``1 / (1 + exp(-x))`` or ``exp(x) / (1 + exp(x))``: the exponential's error
    counts as far as it is a part of the sum."""
    rounds = y * -EXP
    rounds += EXP + 2
    return Shape(y, rounds, bent=1.0)


def _sigmoid_slope(x: Array, grad: Array, y: Array) -> Shape:
    """``s (1 - s)``, where ``1 - s`` cancels, or ``exp(x) / (1 + exp(x))**2``."""
    s = _logistic(x)
    t = 1 - s
    A = np.abs(t - s)
    A *= EXP * t + 2
    t *= 5
    A += t
    A *= s
    A *= grad
    A /= EXP + 7
    return Shape(A, EXP + 7, bent=grad)


def _tanh(x: Array, y: Array) -> Shape:
    return Shape(np.abs(y), TANH, bent=1.0)


def _tanh_slope(x: Array, grad: Array, y: Array) -> Shape:
    """``1 - t**2`` or ``(1 - t) (1 + t)``: twice tanh's error, the square's and what
    becomes of both."""
    return Shape(grad, 2 * TANH + 1, bent=2 * grad)


def _silu(x: Array, y: Array) -> Shape:
    """``x / (1 + exp(-x))`` or ``x`` times a sigmoid."""
    return Shape(np.abs(y), EXP + 3, bent=np.abs(x))


def _silu_slope(x: Array, grad: Array, y: Array) -> Shape:
    """``s (1 + x (1 - s))``, with ``1 - s`` as a difference or a sigmoid of its own, or
    ``y + s (1 - y)`` with the value ``y``."""
    s = _logistic(x)
    t = 1 - s
    A = np.abs(x)
    A *= (EXP + 4) * t + 4
    A += EXP * t + 6
    A *= s
    A *= grad
    A /= EXP + 8
    return Shape(A, EXP + 8, bent=grad * (1 + np.abs(x)))


def _gelu(x: Array, y: Array, approximate: str) -> Shape:
    # (1 + erf) and (1 + tanh) cancel for negative x
    inner = ERF if approximate == "none" else 10.0 + 3 * _bent(x)
    return Shape(np.abs(x), inner)


def _bent(x: Array) -> Array:
    """Twice the argument of GELU's tanh, up to where it is saturated."""
    return np.minimum(2 * np.abs(x) + 0.1 * np.abs(x) ** 3, 40.0)


def _gelu_slope(x: Array, grad: Array, y: Array, approximate: str) -> Shape:
    """``Φ(x) + x φ(x)``: half of erf's error and three roundings, and of the density
    an exponential's with its rounded argument."""
    if approximate == "none":
        squares = np.minimum(np.square(x), 1400)
        density = np.exp(squares / -2) * (np.abs(x) / math.sqrt(2 * math.pi))
        A = (ERF / 2 + 3 + density * (EXP + 7 + squares / 2)) / 9
        return Shape(A * grad, 9.0)
    bend = np.minimum(1 + 0.134145 * np.square(x), 1e4)
    t = np.tanh(np.minimum(_bent(x) / 2, 20))
    A = 1 + np.abs(x) * bend * (1 + t * t)
    return Shape(A * grad, 20 + 4 * _bent(x))


def _hard_sigmoid(x: Array, y: Array) -> Shape:
    """``(x + 3) / 6`` or ``x / 6 + 1 / 2``; a sixth may be a rounded constant."""
    # |x| / 3 is 1 - 2 y where it is the larger one
    A = 1 - y
    A *= 1 / 3
    np.maximum(A, y, out=A)
    return Shape(clear(A, y == 0), 3.0)


def _hard_sigmoid_slope(x: Array, grad: Array, y: Array) -> Shape:
    """A product with a rounded sixth."""
    return Shape(y, 2.0)


def _hard_swish(x: Array, y: Array) -> Shape:
    """``x (x + 3) / 6`` or ``x (x / 6 + 1 / 2)``."""
    A = np.abs(x)
    A /= 4
    np.maximum(A, np.abs(y), out=A)
    return Shape(clear(A, y == 0), 4.0)


def _hard_swish_slope(x: Array, grad: Array, y: Array) -> Shape:
    """``x / 3 + 1 / 2`` or ``(2 x + 3) / 6``."""
    A = np.minimum(np.abs(x), 3)
    A *= grad
    A *= 2 / 3
    size = 2 * y
    np.maximum(A, size, out=A)
    A += size
    A *= (x > -3) / 4
    return Shape(A, 4.0)


def _softplus(x: Array, y: Array, beta: float, threshold: float) -> Shape:
    """``log1p(exp(z)) / beta`` or ``max(z, 0) + log1p(exp(-|z|))``, with ``z`` rounded
    unless ``beta`` is 1."""
    z = x if beta == 1 else beta * x
    size = np.abs(y) if beta == 1 else np.abs(beta * y)
    # a logistic is at most log(1 + exp) of the same argument, and at most 1
    A = np.minimum(size, 1)
    if beta != 1:
        A *= (EXP + 2 * np.minimum(np.abs(z), 1e4)) / EXP
        size *= 1 + 2 / EXP
    A += size
    A /= 2 * abs(beta)
    rounds: Array | float = EXP + LOG
    copied = z > threshold
    if copied.any():
        rounds = rounds * ~copied
    return Shape(A, rounds, _jump(z, threshold, lambda at: _step(at, beta)))


def _step(z: Array, beta: float) -> Array:
    """Between the curve and the line, over there."""
    return np.asarray(np.log1p(np.exp(-np.minimum(z, 700))) / abs(beta))


def _softplus_slope(
    x: Array, grad: Array, y: Array, beta: float, threshold: float
) -> Shape:
    """``exp(z) / (1 + exp(z))``, with ``z`` rounded unless ``beta`` is 1."""
    z = x if beta == 1 else beta * x
    rounds: Array | float = EXP + 3
    if beta != 1:
        # beyond 0 the slope hardly depends on z
        rounds = EXP + 4 + 2 * np.clip(-z, 0, 200)
    jump = _jump(z, threshold, lambda at: 1 - _logistic(at))
    return Shape(y, rounds, grad * jump if np.ndim(jump) else jump)


def _jump(z: Array, threshold: float, step: Callable[[Array], Array]) -> Array | float:
    """The step where the rounding of ``z`` decides on which side of the threshold it
    falls."""
    reach = abs(threshold) * 1e-6
    low, high = z >= threshold - reach, z > threshold + reach
    if np.count_nonzero(low) == np.count_nonzero(high):
        return 0.0
    return np.where(low & ~high, step(z), 0.0)


STRAIGHT = ("leaky_relu", "hard_sigmoid", "hard_swish")
"""Functions without an exponential, of which nothing vanishes on the way."""
SHAPES: dict[str, tuple[Analysis, Analysis]] = {
    "leaky_relu": (_line, _line_slope),
    "elu": (_elu, _elu_slope),
    "sigmoid": (_sigmoid, _sigmoid_slope),
    "tanh": (_tanh, _tanh_slope),
    "silu": (_silu, _silu_slope),
    "gelu": (_gelu, _gelu_slope),
    "hard_sigmoid": (_hard_sigmoid, _hard_sigmoid_slope),
    "hard_swish": (_hard_swish, _hard_swish_slope),
    "softplus": (_softplus, _softplus_slope),
}
