"""Joining and reshaping arrays, and the two losses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array, as_array, require_float, require_same_dtype, widened
from ..errors import DTypeError, ShapeError
from ..reference import activations
from ..registry import beside, current
from .differentiation import Pullback, pullback_of
from .options import whole


def concat(*arrays: Any, axis: int = 1) -> Array:
    """Join arrays (or one list of them) along ``axis``, the channels by default."""
    if len(arrays) == 1 and isinstance(arrays[0], list | tuple):
        arrays = tuple(arrays[0])
    if not arrays:
        raise ShapeError("concat needs at least one array")
    joined = [as_array(a, f"array {i}") for i, a in enumerate(arrays)]
    require_same_dtype(**{f"array {i}": a for i, a in enumerate(joined)})
    first, axis = joined[0], whole(axis, "axis")
    if not -first.ndim <= axis < first.ndim:
        raise ShapeError(
            f"axis {axis} does not exist: the arrays have {first.ndim} axes"
        )
    shapes = [a.shape for a in joined]
    rests = {s[: axis % first.ndim] + s[axis % first.ndim + 1 :] for s in shapes}
    if len(rests) > 1 or len({len(s) for s in shapes}) > 1:
        raise ShapeError(
            f"arrays of shapes {', '.join(map(str, shapes))} cannot be joined along "
            f"axis {axis}: the other axes must agree"
        )
    return current(first).concat(*joined, axis=axis)


@pullback_of(concat, "*arrays")
def _concat_pullback(value: Array, arrays: tuple[Array, ...], axis: int) -> Pullback:
    ends = np.cumsum([a.shape[axis] for a in arrays])[:-1].tolist()
    return lambda grad: tuple(np.split(grad, ends, axis=axis))


def flatten(x: Any, start_axis: int = 1) -> Array:
    """``(N, C, H, W)`` to ``(N, C*H*W)``: all axes from ``start_axis`` become one.

    A view of ``x`` where possible, as ``reshape``.
    """
    x = as_array(x, "x")
    start_axis = whole(start_axis, "start_axis")
    axes = max(x.ndim, 1)  # a scalar flattens to one entry, as in NumPy and torch
    if not -axes <= start_axis < axes:
        raise ShapeError(f"start_axis {start_axis} does not exist: x has {x.ndim} axes")
    kept = x.shape[: start_axis % axes]
    return x.reshape(*kept, math.prod(x.shape[start_axis % axes :]))


@pullback_of(flatten, "x")
def _flatten_pullback(value: Array, x: Array, start_axis: int) -> Pullback:
    return lambda grad: (grad.reshape(x.shape),)


def cross_entropy(logits: Any, labels: Any) -> Array:
    """Mean of ``-log softmax(logits)[label]``, a scalar.

    logits ``(N, C)`` or ``(N, C, *size)``, labels ``(N,)`` or ``(N, *size)``, whole
    numbers in ``[0, C)``.
    """
    logits, labels = _classified(logits, labels)
    return _cross_entropy(logits, labels)[()]


@widened
def _cross_entropy(logits: Array, labels: Array) -> Array:
    logs = activations.log_softmax(logits, 1)
    return -np.take_along_axis(logs, labels[:, None], axis=1).mean(dtype=logits.dtype)


def _classified(logits: Any, labels: Any) -> tuple[Array, Array]:
    logits, labels = as_array(logits, "logits"), as_array(labels, "labels")
    require_float(logits, "logits", "cross_entropy")
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"labels must be integers, got {labels.dtype}")
    if logits.ndim < 2 or labels.shape != logits.shape[:1] + logits.shape[2:]:
        raise ShapeError(
            f"logits has shape {logits.shape} and labels {labels.shape}: expected "
            "(N, C, ...) and (N, ...)"
        )
    if labels.size == 0:
        raise ShapeError("cross_entropy of no labels at all has no mean")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= logits.shape[1]:
        raise ShapeError(
            f"labels reach from {low} to {high}, but there are {logits.shape[1]} "
            f"classes: 0 to {logits.shape[1] - 1}"
        )
    return logits, beside(labels, logits)


@pullback_of(cross_entropy, "logits", "labels")
def _cross_entropy_pullback(value: Array, logits: Array, labels: Array) -> Pullback:
    def pull(grad: Array) -> tuple[Array | None, ...]:
        slope = activations.softmax(logits, 1)
        classes = np.arange(logits.shape[1]).reshape(-1, *(1,) * (logits.ndim - 2))
        hit = beside(labels, logits)[:, None] == np.asarray(classes, like=logits)
        slope = slope - hit.astype(slope.dtype)
        return (slope * (grad / labels.size)).astype(logits.dtype), None

    return pull


def mse(x: Any, target: Any) -> Array:
    """Mean of ``(x - target)**2``, a scalar."""
    x, target = as_array(x, "x"), as_array(target, "target")
    require_float(x, "x", "mse")
    require_same_dtype(x=x, target=target)
    if x.shape != target.shape or x.size == 0:
        raise ShapeError(
            f"x has shape {x.shape} and target {target.shape}: they must be equal and "
            "not empty"
        )
    return _mse(x, target)[()]


@widened
def _mse(x: Array, target: Array) -> Array:
    return np.square(x - target).mean(dtype=x.dtype)


@pullback_of(mse, "x", "target")
def _mse_pullback(value: Array, x: Array, target: Array) -> Pullback:
    def pull(grad: Array) -> tuple[Array | None, ...]:
        slope = ((x - target) * (2 * grad / x.size)).astype(x.dtype)
        return slope, -slope

    return pull
