"""Functions in which elements are weighed against each other, or against statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.oracle.definition.exact import (
    Array,
    Index,
    entries,
    exp,
    indices,
    is_nan,
    power,
    zeros,
)
from numpy_deconv.oracle.definition.geometry import axis_of


def lines(shape: Index, axis: int) -> Iterator[list[Index]]:
    """The indices of every line of an array along ``axis``."""
    axis = axis_of(axis, len(shape))
    for rest in indices(shape[:axis] + shape[axis + 1 :]):
        yield [(*rest[:axis], i, *rest[axis:]) for i in range(shape[axis])]


def log_sum_exp(values: list[float]) -> float:
    """``log(sum(exp(values)))``; NaN, as in PyTorch, if the largest is infinite."""
    if not values:
        return -math.inf
    top = max(values)
    if any(is_nan(v) for v in values) or math.isinf(top):
        return math.nan
    return top + math.log(math.fsum(exp(v - top) for v in values))


def log_softmax(x: Array, axis: int = 1) -> Array:
    """``x - log(sum(exp(x)))`` along ``axis``."""
    y, xs = zeros(x.shape), entries(x)
    for line in lines(x.shape, axis):
        total = log_sum_exp([xs[at] for at in line])
        for at in line:
            y[at] = xs[at] - total
    return y.astype(float)


def softmax(x: Array, axis: int = 1) -> Array:
    """``exp(x) / sum(exp(x))`` along ``axis``."""
    y, logs = zeros(x.shape), entries(log_softmax(x, axis))
    for at in indices(x.shape):
        y[at] = exp(logs[at])
    return y.astype(float)


def softmax_grad(grad: Array, x: Array, axis: int = 1) -> tuple[Array]:
    """The gradient for softmax's ``x``, by the Jacobian
    ``dy[i] / dx[j] = y[i] * ((i == j) - y[j])``."""
    gx, gs, ys = zeros(x.shape), entries(grad), entries(softmax(x, axis))
    for line in lines(x.shape, axis):
        for j in line:
            gx[j] = math.fsum(gs[i] * ys[i] * ((i == j) - ys[j]) for i in line)
    return (gx.astype(float),)


def log_softmax_grad(grad: Array, x: Array, axis: int = 1) -> tuple[Array]:
    """The gradient for log_softmax's ``x``, by the Jacobian
    ``dy[i] / dx[j] = (i == j) - softmax(x)[j]``."""
    gx, gs, ys = zeros(x.shape), entries(grad), entries(softmax(x, axis))
    for line in lines(x.shape, axis):
        for j in line:
            gx[j] = math.fsum(gs[i] * ((i == j) - ys[j]) for i in line)
    return (gx.astype(float),)


def batch_norm(
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """``(x - mean) / sqrt(var + eps) * weight + bias``, one of each per channel."""
    given = {"mean": mean, "var": var, "weight": weight, "bias": bias}
    for name, each in given.items():
        if each is not None and np.shape(each) != (x.shape[1],):
            raise ShapeError(f"{name} must have shape ({x.shape[1]},).")
    y, xs, means, variances = zeros(x.shape), entries(x), entries(mean), entries(var)
    scales = entries(np.ones(x.shape[1]) if weight is None else weight)
    shifts = entries(np.zeros(x.shape[1]) if bias is None else bias)
    for at in indices(x.shape):
        c = at[1]
        deviation = math.sqrt(variances[c] + eps)
        y[at] = (xs[at] - means[c]) / deviation * scales[c] + shifts[c]
    return y.astype(float)


def batch_norm_grad(
    grad: Array,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> tuple[Array | None, ...]:
    """The gradients for batch_norm's five arrays; None for one that is absent."""
    channels = (x.shape[1],)
    gx, gmean, gvar = zeros(x.shape), zeros(channels), zeros(channels)
    gweight, gbias = zeros(channels), zeros(channels)
    gs, xs, means, variances = entries(grad), entries(x), entries(mean), entries(var)
    scales = entries(np.ones(channels) if weight is None else weight)
    for at in indices(x.shape):
        c = at[1]
        deviation = math.sqrt(variances[c] + eps)
        centred = xs[at] - means[c]
        gx[at] = gs[at] * scales[c] / deviation
        gmean[c] -= gs[at] * scales[c] / deviation
        gvar[c] -= gs[at] * scales[c] * centred / (2 * deviation**3)
        gweight[c] += gs[at] * centred / deviation
        gbias[c] += gs[at]
    return (
        gx.astype(float),
        gmean.astype(float),
        gvar.astype(float),
        None if weight is None else gweight.astype(float),
        None if bias is None else gbias.astype(float),
    )


def _neighbours(at: Index, channels: int, size: int) -> list[Index]:
    """The indices whose squares weigh on ``at``: channels c - size//2 and up."""
    first = at[1] - size // 2
    near = range(max(0, first), min(channels, first + size))
    return [(at[0], c, *at[2:]) for c in near]


def _check_size(size: int) -> None:
    if size < 1:
        raise OptionError(f"size {size} must be at least 1.")


def local_response_norm(
    x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """``x / (k + alpha / size * sum of squares of the neighbours) ** beta``.

    The neighbours of channel c are c - size // 2 to c + (size - 1) // 2.
    """
    _check_size(size)
    y, xs = zeros(x.shape), entries(x)
    for at in indices(x.shape):
        near = _neighbours(at, x.shape[1], size)
        total = k + alpha / size * sum(xs[i] * xs[i] for i in near)
        y[at] = xs[at] / power(total, beta)
    return y.astype(float)


def local_response_norm_grad(
    grad: Array,
    x: Array,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> tuple[Array]:
    """The gradient for local_response_norm's ``x``."""
    _check_size(size)
    gx, gs, xs = zeros(x.shape), entries(grad), entries(x)
    for at in indices(x.shape):
        near = _neighbours(at, x.shape[1], size)
        total = k + alpha / size * sum(xs[i] * xs[i] for i in near)
        gx[at] += gs[at] / power(total, beta)
        for i in near:
            shrink = beta * power(total, -beta - 1) * alpha / size * 2 * xs[i]
            gx[i] -= gs[at] * xs[at] * shrink
    return (gx.astype(float),)
