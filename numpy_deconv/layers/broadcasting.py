"""What layers of several operands share: broadcasting, and its way back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import Array, widened
from ..errors import ShapeError


def check_broadcast(xs: tuple[Array, ...]) -> None:
    """Raise ShapeError unless these are as many samples, of shapes that fit."""
    try:
        np.broadcast_shapes(*(x.shape for x in xs))
        fit = len({x.ndim for x in xs}) == len({len(x) for x in xs}) == 1
    except ValueError:
        fit = False
    if not fit:
        shapes = ", ".join(str(x.shape) for x in xs)
        raise ShapeError(f"inputs have shapes {shapes}, which do not fit each other")


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the result; ShapeError where there is none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        named = ", ".join(map(str, shapes))
        raise ShapeError(
            f"operands have shapes {named}, which do not fit each other"
        ) from None


def reduced(gy: Array, shape: tuple[int, ...]) -> Array:
    """Sum over what broadcasting repeated; the batch axis is never broadcast."""
    axes = tuple(a for a in range(1, gy.ndim) if shape[a] == 1 and gy.shape[a] != 1)
    return summed(gy, axes) if axes else gy


@widened
def summed(gy: Array, axes: tuple[int, ...]) -> Array:
    """Sum over these axes, which stay with one entry."""
    return gy.sum(axis=axes, keepdims=True)


def unbroadcast(gy: Array, shape: tuple[int, ...], result: tuple[int, ...]) -> Array:
    """The gradient of an operand of ``shape`` from one of the ``result``'s shape.

    ``gy`` may hold any number of gradients for a result of one sample.
    """
    extra = len(result) - len(shape)
    if extra:
        aligned = summed(gy, tuple(range(extra))).reshape(gy.shape[extra:])
        return total(aligned, shape)
    if shape == result:
        return gy
    repeated = [a for a in range(1, len(shape)) if shape[a] == 1 and result[a] != 1]
    if shape[0] == 1 and result[0] != 1:
        repeated.insert(0, 0)
    return summed(gy, tuple(repeated)) if repeated else gy


def total(gy: Array, shape: tuple[int, ...]) -> Array:
    """The gradient of a constant of ``shape``, which every sample shared."""
    lined = (1,) * (gy.ndim - len(shape)) + tuple(shape)
    axes = tuple(a for a, n in enumerate(lined) if n == 1)
    return (summed(gy, axes) if axes else gy).reshape(shape)


def same_everywhere(value: Any, rank: int) -> bool:
    """Whether a constant has one value for all positions and samples."""
    shape = (1,) * (rank + 2 - value.ndim) + tuple(value.shape)
    return (
        len(shape) == rank + 2 and shape[0] == 1 and math.prod(shape[2:], start=1) == 1
    )
