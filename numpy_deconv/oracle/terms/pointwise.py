"""Functions of one element: their magnitudes and roundings, value and slope.

``A`` takes the absolute value of everything that is added or subtracted on the usual
ways to compute the function, so a cancellation such as ``1 + erf`` shows in it. An
exponential's argument ``z`` adds ``|z|`` roundings, for its own rounding is magnified
that much. Vendors' exp, tanh and erf are taken to be good to 2 units.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...reference.activations import ACTIVATIONS
from ..call import Array, Call
from .sums import moved
from .terms import Results, Terms, terms_of


class Shape(NamedTuple):
    """Magnitude and roundings of a function of one element, or of its slope."""

    A: Array
    rounds: Array | float
    jump: Array | float = 0.0
    bent: Array | float = 0.0


Analysis = Callable[..., Shape]


def _logistic(z: Array) -> Array:
    return np.asarray(ACTIVATIONS["sigmoid"].value(z))


def _line(x: Array, y: Array, slope: float) -> Shape:
    """One product with a constant, and the rounding of the constant."""
    return Shape(np.abs(y), 2.0 * (x <= 0))


def _line_slope(x: Array, slope: float) -> Shape:
    """The slope's own rounding, and the product with the gradient."""
    return Shape(np.where(x > 0, 1.0, abs(slope)), np.where(x > 0, 0.0, 2.0))


def _elu(x: Array, y: Array, alpha: float) -> Shape:
    # expm1 by way of exp loses what cancels: exp(z) and 1 are its terms
    return Shape(np.where(x > 0, x, np.abs(y + 2 * alpha)), 6.0 * (x <= 0))


def _elu_slope(x: Array, alpha: float) -> Shape:
    z = np.minimum(x, 0)
    # some form it from the value, as alpha * (exp(x) - 1) + alpha
    A = np.where(x > 0, 1.0, abs(alpha) * (2 + np.exp(z)))
    return Shape(A, np.where(x > 0, 1.0, 8.0))


def _sigmoid(x: Array, y: Array) -> Shape:
    return Shape(y, 8.0, bent=1.0)


def _sigmoid_slope(x: Array) -> Shape:
    y = _logistic(x)
    return Shape(y * (1 + y), 18.0, bent=1.0)


def _tanh(x: Array, y: Array) -> Shape:
    return Shape(np.abs(y), 6.0, bent=1.0)


def _tanh_slope(x: Array) -> Shape:
    return Shape(1 + np.square(np.tanh(x)), 14.0, bent=2.0)


def _silu(x: Array, y: Array) -> Shape:
    return Shape(np.abs(y), 10.0, bent=np.abs(x))


def _silu_slope(x: Array) -> Shape:
    y = _logistic(x)
    return Shape(y * (1 + np.abs(x) * (1 + y)), 22.0)


def _gelu(x: Array, y: Array, approximate: str) -> Shape:
    # (1 + erf) and (1 + tanh) cancel for negative x
    inner = 8.0 if approximate == "none" else 10.0 + 3 * _bent(x)
    return Shape(np.abs(x), inner)


def _bent(x: Array) -> Array:
    """Twice the argument of GELU's tanh, up to where it is saturated."""
    return np.minimum(2 * np.abs(x) + 0.1 * np.abs(x) ** 3, 40.0)


def _gelu_slope(x: Array, approximate: str) -> Shape:
    if approximate == "none":
        density = np.exp(-np.minimum(np.square(x) / 2, 700)) / math.sqrt(2 * math.pi)
        return Shape(1 + np.abs(x) * density, 12 + np.minimum(np.square(x), 200))
    bend = np.minimum(1 + 0.134145 * np.square(x), 1e4)
    t = np.tanh(np.minimum(_bent(x) / 2, 20))
    return Shape(1 + np.abs(x) * bend * (1 + t * t), 20 + 4 * _bent(x))


def _hard_sigmoid(x: Array, y: Array) -> Shape:
    inside = np.abs(x) < 3
    return Shape(np.where(inside, (np.abs(x) + 3) / 6, y), 4.0)


def _hard_sigmoid_slope(x: Array) -> Shape:
    inside = np.abs(x) < 3
    return Shape(np.where(inside, 1 / 6, 0.0), 3.0)


def _hard_swish(x: Array, y: Array) -> Shape:
    grown = np.minimum(np.abs(x) + 3, 6)
    return Shape(np.where(x <= -3, 0.0, np.abs(x) * grown / 6), 5.0)


def _hard_swish_slope(x: Array) -> Shape:
    inside = np.abs(x) < 3
    return Shape(np.where(inside, np.abs(x) / 3 + 0.5, x >= 3), 5.0)


def _softplus(x: Array, y: Array, beta: float, threshold: float) -> Shape:
    z = beta * x
    copied = z > threshold
    # a logistic is at most log(1 + exp) of the same argument, and at most 1
    slope = np.minimum(np.abs(beta * y), 1)
    A = np.abs(y) + slope * (1 + np.minimum(np.abs(z), 1e4)) / abs(beta)
    at, jump = _at(z, threshold), np.zeros(())
    if at.any():
        curve = np.logaddexp(0, np.minimum(z, 700)) / abs(beta)
        jump = np.where(at, np.abs(curve - x), 0.0)
    return Shape(A, np.where(copied, 0.0, 8.0), jump)


def _softplus_slope(x: Array, beta: float, threshold: float) -> Shape:
    z = beta * x
    jump = np.where(_at(z, threshold), 1 - _logistic(z), 0.0)
    return Shape(_logistic(z), 10 + 2 * np.minimum(np.abs(z), 200), jump)


def _at(z: Array, threshold: float) -> Array:
    """Where the rounding of ``z`` decides on which side of the threshold it falls."""
    return np.abs(z - threshold) <= abs(threshold) * 1e-6


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


@terms_of(*SHAPES)
def value(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Terms of an activation."""
    x = call["x"]
    with np.errstate(all="ignore"):
        shape = SHAPES[call.operation.forward][0](x, results[0], **call.attributes)
        floor = 4 * (1 + _reach(x))
    return (_one(shape.A, shape.rounds, floor, shape.jump, shape.bent),)


@terms_of(*(f"{name}.backward" for name in SHAPES))
def slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Terms of an activation's gradient."""
    x, grad = call["x"], np.abs(call["grad"])
    with np.errstate(all="ignore"):
        shape = SHAPES[call.operation.forward][1](x, **call.attributes)
        floor = 4 * (1 + _reach(x)) * (1 + _reach(grad))
        A = grad * shape.A
        if not np.isfinite(A).all():
            A = np.where(grad == 0, 0.0, A)
    return (_one(A, shape.rounds, floor, grad * shape.jump, grad * shape.bent),)


def _reach(values: Array) -> float:
    """The largest finite magnitude, as far as an underflow can be magnified."""
    top = float(np.max(np.abs(values), initial=0.0))
    return min(top, 1e4) if top == top else 1e4


def _one(A: Array, rounds: Any, floor: Any, jump: Any, bent: Any) -> Terms:
    return Terms(
        np.asarray(A, np.float64),
        np.ones(()),
        np.asarray(rounds, np.float64),
        floor=floor,
        jump=jump,
        bent=bent,
    )


@terms_of("relu", "clip", "relu.backward", "clip.backward")
def straight(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """Nothing is computed: the element, zero or a bound."""
    return tuple(None if y is None else moved(y) for y in results)


@terms_of("prelu")
def parametric(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """One product where x is not positive."""
    (y,) = results
    rounds = np.where(call["x"] > 0, 0.0, 1.0)
    return (Terms(np.abs(np.asarray(y)), np.ones(()), rounds),)


@terms_of("prelu.backward")
def parametric_slope(call: Call, results: Results) -> tuple[Terms | None, ...]:
    """One product for x; for the slope a sum of products over what shares it."""
    gx, gslope = results
    x, grad = call["x"], call["grad"]
    with np.errstate(all="ignore"):
        below = np.where(x > 0, 0.0, np.abs(grad * x))
    axes = (0, *range(2, x.ndim)) if np.size(gslope) > 1 else tuple(range(x.ndim))
    shape = np.shape(gslope)
    A = below.sum(axis=axes).reshape(shape)
    n = np.full(shape, below.size // max(1, int(np.size(gslope))))
    rounds = np.where(x > 0, 0.0, 1.0)
    return (
        Terms(np.abs(np.asarray(gx)), np.ones(()), rounds),
        Terms(A, n, n.astype(np.float64)),
    )
