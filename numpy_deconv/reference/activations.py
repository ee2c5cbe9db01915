"""Activations: each one's value and its derivative, side by side, as functions of x.

The derivative at a kink is the one autograd systems take: 0 for ReLU at 0, the inside
value for ``clip`` at its bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, widened


class Activation(NamedTuple):
    """An elementwise function and its derivative; options are passed to both."""

    value: Callable[..., Array]
    derivative: Callable[..., Array]


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


def _relu_slope(x: Array) -> Array:
    return (~(x <= 0)).astype(x.dtype)  # NaN passes a gradient on, as in torch


def _leaky_relu(x: Array, slope: float) -> Array:
    return np.where(x > 0, x, x * x.dtype.type(slope))


def _leaky_relu_slope(x: Array, slope: float) -> Array:
    return np.where(x > 0, x.dtype.type(1), x.dtype.type(slope))


def _clip(x: Array, low: float | None, high: float | None) -> Array:
    if low is None and high is None:
        return x.copy()
    return np.clip(x, low, high)  # takes bounds that an integer dtype cannot hold


def _clip_slope(x: Array, low: float | None, high: float | None) -> Array:
    inside = np.ones_like(x)
    if low is not None:
        inside = inside * (x >= low)
    return inside if high is None else inside * (x <= high)


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _elu_slope(x: Array, alpha: float) -> Array:
    return np.where(x <= 0, alpha * np.exp(np.minimum(x, 0)), x.dtype.type(1))


def _sigmoid(x: Array) -> Array:
    # exp of a negative number only: it may vanish, it cannot overflow
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _sigmoid_slope(x: Array) -> Array:
    y = _sigmoid(x)
    return y * (1 - y)


def _tanh_slope(x: Array) -> Array:
    y = np.tanh(x)
    return 1 - y * y


def _silu(x: Array) -> Array:
    return x * _sigmoid(x)


def _silu_slope(x: Array) -> Array:
    y = _sigmoid(x)
    return y * (1 + x * (1 - y))


_erf_each = np.frompyfunc(math.erf, 1, 1)  # NumPy has no erf, C's own is exact


def _normal_cdf(x: Array) -> Array:
    return (1 + np.asarray(_erf_each(x / math.sqrt(2)), x.dtype)) / 2


def _normal_pdf(x: Array) -> Array:
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


_TANH_SCALE, _TANH_CUBIC = math.sqrt(2 / math.pi), 0.044715


def _gelu(x: Array, approximate: str) -> Array:
    if approximate == "none":
        return x * _normal_cdf(x)
    return x * ((1 + _tanh_of_cubic(x)) / 2)  # halved first: x may be near the largest


def _tanh_of_cubic(x: Array) -> Array:
    with np.errstate(over="ignore"):  # the tanh of an infinity is exact
        return np.tanh(_TANH_SCALE * (x + _TANH_CUBIC * x**3))


def _gelu_slope(x: Array, approximate: str) -> Array:
    if approximate == "none":
        return _normal_cdf(x) + x * _normal_pdf(x)
    t = _tanh_of_cubic(x)
    inner = _TANH_SCALE * (1 + 3 * _TANH_CUBIC * x * x)
    return (1 + t) / 2 + x * (1 - t * t) * inner / 2


def _hard_sigmoid(x: Array) -> Array:
    return np.clip(x + 3, 0, 6) / 6


def _hard_sigmoid_slope(x: Array) -> Array:
    return ((x > -3) & (x < 3)).astype(x.dtype) / 6


def _hard_swish(x: Array) -> Array:
    return x * np.clip(x + 3, 0, 6) / 6


def _hard_swish_slope(x: Array) -> Array:
    inside = x / 3 + x.dtype.type(0.5)
    return np.where(x <= -3, x.dtype.type(0), np.where(x < 3, inside, x.dtype.type(1)))


def _scaled(x: Array, beta: float) -> Array:
    with np.errstate(over="ignore"):  # infinite is as good as very large below
        return x * beta


def _softplus(x: Array, beta: float, threshold: float) -> Array:
    z = _scaled(x, beta)
    bent = np.log1p(np.exp(np.minimum(z, threshold))) / beta
    return np.where(z > threshold, x, bent)


def _softplus_slope(x: Array, beta: float, threshold: float) -> Array:
    z = _scaled(x, beta)
    return np.where(z > threshold, x.dtype.type(1), _sigmoid(z))


ACTIVATIONS = {
    "relu": Activation(_relu, _relu_slope),
    "leaky_relu": Activation(_leaky_relu, _leaky_relu_slope),
    "clip": Activation(_clip, _clip_slope),
    "elu": Activation(_elu, _elu_slope),
    "sigmoid": Activation(_sigmoid, _sigmoid_slope),
    "tanh": Activation(np.tanh, _tanh_slope),
    "silu": Activation(_silu, _silu_slope),
    "gelu": Activation(_gelu, _gelu_slope),
    "hard_sigmoid": Activation(_hard_sigmoid, _hard_sigmoid_slope),
    "hard_swish": Activation(_hard_swish, _hard_swish_slope),
    "softplus": Activation(_softplus, _softplus_slope),
}
EXACT_IN_INTEGERS = ("relu", "clip")


def activation(x: Array, name: str, **options: Any) -> Array:
    """Value of the named activation, in x's dtype."""
    if name in EXACT_IN_INTEGERS:
        return ACTIVATIONS[name].value(x, **options).astype(x.dtype, copy=False)
    return _value(x, name, **options)


@widened
def _value(x: Array, name: str, **options: Any) -> Array:
    return ACTIVATIONS[name].value(x, **options).astype(x.dtype, copy=False)


@widened
def activation_grad(grad: Array, x: Array, name: str, **options: Any) -> Array:
    """``grad`` times the named activation's derivative at x."""
    slope = ACTIVATIONS[name].derivative(x, **options)
    return grad * slope.astype(grad.dtype, copy=False)


@widened
def prelu(x: Array, slope: Array) -> Array:
    """``x`` where positive, ``slope * x`` elsewhere; slope broadcasts against x."""
    return np.where(x > 0, x, slope * x)


@widened
def prelu_grad(grad: Array, x: Array, slope: Array) -> Array:
    """Gradient for x."""
    return np.where(x > 0, grad, grad * slope)


@widened
def prelu_weight_grad(grad: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """Gradient for the slope, summed over the ``axes`` along which it was shared."""
    return np.where(x > 0, 0, grad * x).sum(axis=axes, keepdims=True)


@widened
def softmax(x: Array, axis: int) -> Array:
    """``exp(x) / sum(exp(x))``, shifted by the maximum so that nothing overflows."""
    if not x.size:
        return x.copy()
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


@widened
def softmax_grad(grad: Array, y: Array, axis: int) -> Array:
    """Gradient through softmax, from its value ``y``."""
    return y * (grad - (grad * y).sum(axis=axis, keepdims=True))


@widened
def log_softmax(x: Array, axis: int) -> Array:
    """``x - log(sum(exp(x)))``, shifted by the maximum."""
    if not x.size:
        return x.copy()
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


@widened
def log_softmax_grad(grad: Array, y: Array, axis: int) -> Array:
    """Gradient through log-softmax, from its value ``y``."""
    return grad - np.exp(y) * grad.sum(axis=axis, keepdims=True)
