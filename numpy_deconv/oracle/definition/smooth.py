"""Smooth functions of one element, with their derivatives in closed form."""

from __future__ import annotations

import math

from numpy_deconv.errors import OptionError
from numpy_deconv.oracle.definition.exact import Array, exp
from numpy_deconv.oracle.definition.pointwise import Scalar, along, each

# tanh form of GELU: Hendrycks & Gimpel 2016, section 2
GELU_SCALE = math.sqrt(2 / math.pi)
GELU_CUBE = 0.044715


def logistic(v: float) -> float:
    """``1 / (1 + e**-v)`` without overflow."""
    return 1 / (1 + exp(-v)) if v >= 0 else exp(v) / (1 + exp(v))


def sigmoid(x: Array) -> Array:
    """``1 / (1 + exp(-x))``."""
    return each(x, logistic).astype(float)


def sigmoid_grad(grad: Array, x: Array) -> tuple[Array]:
    """The gradient for sigmoid's ``x``."""
    return (along(grad, x, lambda v: logistic(v) * logistic(-v)).astype(float),)


def tanh(x: Array) -> Array:
    """The hyperbolic tangent."""
    return each(x, math.tanh).astype(float)


def tanh_grad(grad: Array, x: Array) -> tuple[Array]:
    """The gradient for tanh's ``x``."""
    return (along(grad, x, lambda v: 1 - math.tanh(v) ** 2).astype(float),)


def silu(x: Array) -> Array:
    """``x * sigmoid(x)``."""
    return each(x, lambda v: v * logistic(v)).astype(float)


def silu_grad(grad: Array, x: Array) -> tuple[Array]:
    """The gradient for silu's ``x``."""

    def slope(v: float) -> float:
        return logistic(v) * (1 + v * logistic(-v))

    return (along(grad, x, slope).astype(float),)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """``x`` above 0, ``alpha * (exp(x) - 1)`` elsewhere."""
    return each(x, lambda v: v if v > 0 else alpha * math.expm1(v)).astype(float)


def elu_grad(grad: Array, x: Array, alpha: float = 1.0) -> tuple[Array]:
    """The gradient for elu's ``x``."""

    def slope(v: float) -> float:
        return alpha * math.exp(v) if v <= 0 else 1

    return (along(grad, x, slope).astype(float),)


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """``log(1 + exp(beta * x)) / beta``, or ``x`` where ``beta * x > threshold``."""

    def value(v: float) -> float:
        if beta * v > threshold:
            return v
        # log(1 + e**z) = max(z, 0) + log(1 + e**-|z|) never overflows
        return (max(beta * v, 0) + math.log1p(exp(-abs(beta * v)))) / beta

    return each(x, value).astype(float)


def softplus_grad(
    grad: Array, x: Array, beta: float = 1.0, threshold: float = 20.0
) -> tuple[Array]:
    """The gradient for softplus's ``x``."""

    def slope(v: float) -> float:
        return 1 if beta * v > threshold else logistic(beta * v)

    return (along(grad, x, slope).astype(float),)


def gelu(x: Array, approximate: str = "none") -> Array:
    """``x * P(Z <= x)`` for a standard normal Z, or its tanh approximation."""
    return each(x, _gelu(approximate)[0]).astype(float)


def gelu_grad(grad: Array, x: Array, approximate: str = "none") -> tuple[Array]:
    """The gradient for gelu's ``x``."""
    return (along(grad, x, _gelu(approximate)[1]).astype(float),)


def _gelu(approximate: str) -> tuple[Scalar, Scalar]:
    if approximate == "none":
        return (
            lambda v: v * _normal_below(v),
            lambda v: _normal_below(v) + v * exp(-v * v / 2) / math.sqrt(2 * math.pi),
        )
    if approximate == "tanh":
        return lambda v: v * (1 + math.tanh(_bent(v))) / 2, _gelu_tanh_slope
    raise OptionError(f"approximate {approximate!r} must be 'none' or 'tanh'.")


def _normal_below(v: float) -> float:
    # erfc keeps its digits in the lower tail, where 1 + erf would cancel
    return math.erfc(-v / math.sqrt(2)) / 2


def _bent(v: float) -> float:
    return GELU_SCALE * (v + GELU_CUBE * v * v * v)


def _gelu_tanh_slope(v: float) -> float:
    bent_slope = GELU_SCALE * (1 + 3 * GELU_CUBE * v * v)
    t = math.tanh(_bent(v))
    return (1 + t) / 2 + v * (1 - t * t) * bent_slope / 2
