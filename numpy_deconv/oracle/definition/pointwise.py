"""Functions of one element that are made of straight pieces.

Where two pieces meet, the slope is the left piece's, except at the bounds of
:func:`clip`, which pass the gradient: PyTorch's choices, all of them. A slope's
comparison is written so that NaN falls where PyTorch lets it fall.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from numpy_deconv.errors import ShapeError
from numpy_deconv.oracle.definition.exact import (
    Array,
    entries,
    indices,
    is_nan,
    settle,
    zeros,
)

Scalar = Callable[[float], float]


def each(x: Array, value: Scalar) -> Array:
    """``value`` of every element of ``x``, as objects."""
    y, xs = zeros(x.shape), entries(x)
    for at in indices(x.shape):
        y[at] = value(xs[at])
    return y


def along(grad: Array, x: Array, slope: Scalar) -> Array:
    """``grad`` times the slope at every element of ``x``; a zero slope stops it."""
    gx, gs, xs = zeros(x.shape), entries(grad), entries(x)
    for at in indices(x.shape):
        here = slope(xs[at])
        gx[at] = 0 if here == 0 else gs[at] * here
    return gx


def relu(x: Array) -> Array:
    """``max(x, 0)``; NaN stays NaN."""
    return settle(each(x, lambda v: v if v > 0 or is_nan(v) else 0), x)


def relu_grad(grad: Array, x: Array) -> tuple[Array]:
    """The gradient for relu's ``x``: nothing at 0 and below."""
    return (settle(along(grad, x, lambda v: 0 if v <= 0 else 1), grad),)


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """``x`` above 0, ``slope * x`` elsewhere."""
    return each(x, lambda v: v if v > 0 else slope * v).astype(float)


def leaky_relu_grad(grad: Array, x: Array, slope: float = 0.01) -> tuple[Array]:
    """The gradient for leaky_relu's ``x``."""
    return (along(grad, x, lambda v: 1 if v > 0 else slope).astype(float),)


def _check_slopes(x: Array, weight: Array) -> None:
    if np.shape(weight) not in ((1,), (x.shape[1],)):
        raise ShapeError(
            f"prelu's weight has shape {np.shape(weight)}, but must have (1,) or "
            f"({x.shape[1]},)."
        )


def prelu(x: Array, weight: Array) -> Array:
    """``x`` above 0, ``weight[channel] * x`` elsewhere; ``weight (C,)`` or ``(1,)``."""
    _check_slopes(x, weight)
    y, xs, ws = zeros(x.shape), entries(x), entries(weight)
    for at in indices(x.shape):
        y[at] = xs[at] if xs[at] > 0 else ws[at[1] % len(ws)] * xs[at]
    return settle(y, x, weight)


def prelu_grad(grad: Array, x: Array, weight: Array) -> tuple[Array, Array]:
    """The gradients for prelu's ``x`` and ``weight``."""
    _check_slopes(x, weight)
    gx, gw = zeros(x.shape), zeros(weight.shape)
    gs, xs, ws = entries(grad), entries(x), entries(weight)
    for at in indices(x.shape):
        channel = at[1] % len(ws)
        if xs[at] > 0:
            gx[at] = gs[at]
        else:
            gx[at] = gs[at] * ws[channel]
            gw[channel] += gs[at] * xs[at]
    return settle(gx, grad, weight), settle(gw, grad, x)


def clip(x: Array, low: float | None = None, high: float | None = None) -> Array:
    """``min(max(x, low), high)``, open on a side that is None; NaN stays NaN."""

    def value(v: float) -> float:
        if low is not None and v < low:
            v = low
        return high if high is not None and v > high else v

    return settle(each(x, value), x)


def clip_grad(
    grad: Array, x: Array, low: float | None = None, high: float | None = None
) -> tuple[Array]:
    """The gradient for clip's ``x``: passes within and *at* the bounds."""

    def slope(v: float) -> float:
        return (low is None or v >= low) and (high is None or v <= high)

    return (settle(along(grad, x, slope), grad),)


def hard_sigmoid(x: Array) -> Array:
    """``(x + 3) / 6``, held within 0 and 1."""
    return clip(each(x, lambda v: (v + 3) / 6).astype(float), 0, 1)


def hard_sigmoid_grad(grad: Array, x: Array) -> tuple[Array]:
    """The gradient for hard_sigmoid's ``x``."""
    return (along(grad, x, lambda v: 1 / 6 if -3 < v < 3 else 0).astype(float),)


def hard_swish(x: Array) -> Array:
    """``x * hard_sigmoid(x)``."""
    y, xs, gates = zeros(x.shape), entries(x), entries(hard_sigmoid(x))
    for at in indices(x.shape):
        y[at] = xs[at] * gates[at]
    return y.astype(float)


def hard_swish_grad(grad: Array, x: Array) -> tuple[Array]:
    """The gradient for hard_swish's ``x``."""

    def slope(v: float) -> float:
        if v <= -3:
            return 0
        return v / 3 + 0.5 if v < 3 else 1

    return (along(grad, x, slope).astype(float),)
