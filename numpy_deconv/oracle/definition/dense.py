"""The fully connected layer and the losses."""

from __future__ import annotations

import math

import numpy as np

from numpy_deconv.errors import ShapeError
from numpy_deconv.oracle.definition.exact import (
    Array,
    Index,
    entries,
    indices,
    settle,
    zeros,
)
from numpy_deconv.oracle.definition.normalisation import log_softmax, softmax


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """``y[..., o] = sum over i of x[..., i] * weight[o, i]  + bias[o]``."""
    if weight.ndim != 2 or x.shape[-1] != weight.shape[1]:
        raise ShapeError(f"weight {weight.shape} must be (out, {x.shape[-1]}).")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"bias {bias.shape} must be ({weight.shape[0]},).")
    y = zeros((*x.shape[:-1], weight.shape[0]))
    xs, ws = entries(x), entries(weight)
    for at in indices(y.shape):
        row, o = at[:-1], at[-1]
        y[at] = sum(xs[(*row, i)] * ws[o, i] for i in range(x.shape[-1]))
        if bias is not None:
            y[at] += entries(bias)[o]
    sources = (x, weight) if bias is None else (x, weight, bias)
    return settle(y, *sources)


def linear_grad(
    grad: Array, x: Array, weight: Array, bias: Array | None = None
) -> tuple[Array | None, ...]:
    """The gradients for linear's ``x``, ``weight`` and ``bias``."""
    gx, gw, gb = zeros(x.shape), zeros(weight.shape), zeros(weight.shape[:1])
    gs, xs, ws = entries(grad), entries(x), entries(weight)
    for at in indices(grad.shape):
        row, o = at[:-1], at[-1]
        gb[o] += gs[at]
        for i in range(x.shape[-1]):
            gx[(*row, i)] += gs[at] * ws[o, i]
            gw[o, i] += gs[at] * xs[(*row, i)]
    return (
        settle(gx, grad, weight),
        settle(gw, grad, x),
        None if bias is None else settle(gb, grad),
    )


def _labelled(logits: Array, labels: Array) -> dict[Index, Index]:
    """For each label's index, the index of its logit."""
    if np.shape(labels) != logits.shape[:1] + logits.shape[2:]:
        raise ShapeError(
            f"labels {np.shape(labels)} must have the shape of logits {logits.shape} "
            f"without axis 1."
        )
    values = entries(labels)
    chosen = {}
    for at in indices(np.shape(labels)):
        if not 0 <= values[at] < logits.shape[1]:
            raise ShapeError(f"label {values[at]} is not one of {logits.shape[1]}.")
        chosen[at] = (at[0], values[at], *at[1:])
    return chosen


def cross_entropy(logits: Array, labels: Array) -> Array:
    """The mean of ``-log_softmax(logits)`` at the labels; NaN if there are none."""
    chosen, logs = _labelled(logits, labels), entries(log_softmax(logits))
    losses = [-logs[at] for at in chosen.values()]
    return np.asarray(math.fsum(losses) / len(losses) if losses else math.nan)


def cross_entropy_grad(grad: Array, logits: Array, labels: Array) -> tuple[Array, None]:
    """The gradient for cross_entropy's ``logits``: ``softmax - one-hot``, averaged."""
    chosen, ys = _labelled(logits, labels), entries(softmax(logits))
    winners, gx = set(chosen.values()), zeros(logits.shape)
    for at in indices(logits.shape):
        gx[at] = float(grad) * (ys[at] - (at in winners)) / len(chosen)
    return gx.astype(float), None


def mse(x: Array, target: Array) -> Array:
    """The mean of ``(x - target) ** 2``; NaN if there are no elements."""
    if x.shape != target.shape:
        raise ShapeError(f"target {target.shape} must have x's shape {x.shape}.")
    xs, ts = entries(x), entries(target)
    differences = [float(xs[at] - ts[at]) for at in indices(x.shape)]
    squares = [each * each for each in differences]
    return np.asarray(math.fsum(squares) / len(squares) if squares else math.nan)


def mse_grad(grad: Array, x: Array, target: Array) -> tuple[Array, Array]:
    """The gradients for mse's ``x`` and ``target``."""
    gx, gt, xs, ts = zeros(x.shape), zeros(x.shape), entries(x), entries(target)
    for at in indices(x.shape):
        gx[at] = float(grad) * 2 * (xs[at] - ts[at]) / x.size
        gt[at] = -gx[at]
    return gx.astype(float), gt.astype(float)
