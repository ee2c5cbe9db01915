"""Planes moved by a matrix: each new pixel is four of the old ones, weighted."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array
from ..errors import OptionError, ShapeError
from ..per_axis import Sizes

Matrix = tuple[tuple[float, float], tuple[float, float]]

EDGES = ("zero", "symmetric")


def turning(degrees: float) -> Matrix:
    """The matrix of an anticlockwise turn, of (row, column)."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (cos, sin), (-sin, cos)


def bilinear_taps(
    size: Sizes, matrix: Matrix, down: float = 0.0, edge: str = "zero"
) -> tuple[Array, Array]:
    """``y[p] = x[matrix @ (p - middle) + middle - down]``: pixels of x and weights.

    Both ``(4, H*W)``, the pixels as indices into the flattened plane. What lies
    outside weighs nothing, or, for the edge ``"symmetric"``, is mirrored. Raises
    ShapeError unless there are two axes, OptionError for another edge.
    """
    if len(size) != 2:
        raise ShapeError(f"only planes can be rotated, not {len(size)} axes {size}")
    if edge not in EDGES:
        raise OptionError(f"edge must be one of {EDGES}, got {edge!r}")
    height, width = size
    rows, columns = np.meshgrid(
        np.arange(height) - (height - 1) / 2,
        np.arange(width) - (width - 1) / 2,
        indexing="ij",
    )
    (a, b), (c, d) = matrix
    y = a * rows + b * columns + (height - 1) / 2 - down
    x = c * rows + d * columns + (width - 1) / 2
    corner_rows, corner_columns = np.floor(y).astype(int), np.floor(x).astype(int)
    taps, weights = [], []
    for below in (0, 1):
        for right in (0, 1):
            row, column = corner_rows + below, corner_columns + right
            share = (1 - np.abs(y - row)) * (1 - np.abs(x - column))
            row, row_seen = _inside(row, height, edge)
            column, column_seen = _inside(column, width, edge)
            taps.append((row * width + column).ravel())
            weights.append((share * row_seen * column_seen).ravel())
    return np.stack(taps), np.stack(weights)


def _inside(index: Array, length: int, edge: str) -> tuple[Array, Array]:
    """Indices moved inside, and whether they count."""
    if edge == "symmetric":
        folded = index % (2 * length)
        return np.minimum(folded, 2 * length - 1 - folded), np.ones_like(index)
    return np.clip(index, 0, length - 1), (index >= 0) & (index < length)
