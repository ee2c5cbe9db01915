"""Shifting, scaling and turning inputs about their middle, linearly interpolated."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..arrays import Array
from ..errors import ShapeError

Matrix = tuple[tuple[float, float], tuple[float, float]]
Warp = Callable[[Array, float, Array], Array]


def shifted(x: Array, rows: float, fill: Array) -> Array:
    """Moved down by so many pixels, which need not be whole."""
    return _warped(x, ((1, 0), (0, 1)), rows, fill)


def scaled(x: Array, factor: float, fill: Array) -> Array:
    """Enlarged by a factor."""
    return _warped(x, ((1 / factor, 0), (0, 1 / factor)), 0, fill)


def rotated(x: Array, degrees: float, fill: Array) -> Array:
    """Turned anticlockwise."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _warped(x, ((cos, sin), (-sin, cos)), 0, fill)


WARPS: dict[str, Warp] = {"shift": shifted, "scale": scaled, "rotate": rotated}


def _warped(x: Array, matrix: Matrix, down: float, fill: Array) -> Array:
    """``y[p] = x[matrix @ (p - middle) + middle - down]``, ``fill`` outside of x."""
    if x.ndim != 4:
        raise ShapeError(
            f"x has shape {x.shape}: only pictures (N, C, H, W) are warped"
        )
    height, width = x.shape[2:]
    middle = (height - 1) / 2, (width - 1) / 2
    rows, columns = np.meshgrid(
        np.arange(height) - middle[0], np.arange(width) - middle[1], indexing="ij"
    )
    (a, b), (c, d) = matrix
    at = a * rows + b * columns + middle[0] - down, c * rows + d * columns + middle[1]
    low = [np.floor(each).astype(int) for each in at]
    share = [each - first for each, first in zip(at, low, strict=True)]
    padded = np.zeros_like(x, shape=(*x.shape[:2], height + 2, width + 2)) + fill
    padded[:, :, 1:-1, 1:-1] = x
    total = np.zeros_like(x)
    for row in (0, 1):
        for column in (0, 1):
            weight = (share[0] if row else 1 - share[0]) * (
                share[1] if column else 1 - share[1]
            )
            i = np.clip(low[0] + row + 1, 0, height + 1)
            j = np.clip(low[1] + column + 1, 0, width + 1)
            index = np.asarray(i, like=x), np.asarray(j, like=x)
            part = padded[:, :, index[0], index[1]]
            total += part * np.asarray(weight.astype(x.dtype), like=x)
    return total
