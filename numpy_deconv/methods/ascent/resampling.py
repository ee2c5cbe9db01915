"""Linear maps of the spatial axes, each with its exact adjoint.

A map along one axis is a matrix ``(out, in)``, and its adjoint the transposed one; a
rotation mixes two axes, and is four weighted samples for each pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...arrays import Array
from ...errors import OptionError, ShapeError
from ...per_axis import Sizes

EDGES = ("zero", "symmetric")


def interpolation(length: int, out: int, *, corners: bool = False) -> Array:
    """Matrix ``(out, length)`` that interpolates linearly between samples.

    With ``corners`` the first and last samples stay where they are, as
    ``scipy.ndimage.zoom`` has it; without, sample centres lie at half-integers, as in
    PyTorch's ``align_corners=False``.
    """
    if corners:
        at = np.arange(out) * ((length - 1) / max(1, out - 1))
    else:
        at = np.clip((np.arange(out) + 0.5) * length / out - 0.5, 0, length - 1)
    left = np.minimum(np.floor(at).astype(int), max(0, length - 2))
    right = np.minimum(left + 1, length - 1)
    matrix = np.zeros((out, length))
    np.add.at(matrix, (np.arange(out), left), 1 - (at - left))
    np.add.at(matrix, (np.arange(out), right), at - left)
    return matrix


def along_axes(x: Array, matrices: Sequence[Array]) -> Array:
    """``x (N, C, *size)`` with a matrix ``(out, in)`` applied to each spatial axis."""
    for axis, matrix in enumerate(matrices, start=2):
        weights = np.asarray(matrix, dtype=x.dtype, like=x)
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ weights.T, -1, axis)
    return x


def resized(x: Array, size: Sizes, *, corners: bool = False) -> Array:
    """``x (N, C, *any)`` interpolated linearly to ``(N, C, *size)``."""
    lengths = x.shape[2:]
    matrices = [
        interpolation(length, out, corners=corners)
        for length, out in zip(lengths, size, strict=True)
    ]
    return along_axes(x, matrices)


class Rotation(NamedTuple):
    """A turned plane: each of its pixels is four samples of the plane, weighted.

    ``indices`` and ``weights`` are ``(4, H*W)``, into the flattened plane.
    """

    size: Sizes
    indices: Array
    weights: Array

    @classmethod
    def of(cls, size: Sizes, degrees: float, edge: str = "zero") -> Rotation:
        """Around the centre, counter-clockwise; ``edge`` is what lies outside.

        ``"zero"``, or ``"symmetric"`` for the plane mirrored at its edges. Raises
        ShapeError unless there are two axes, OptionError for another edge.
        """
        if len(size) != 2:
            raise ShapeError(f"only planes can be rotated, not {len(size)} axes {size}")
        if edge not in EDGES:
            raise OptionError(f"edge must be one of {EDGES}, got {edge!r}")
        height, width = size
        cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        rows, columns = np.meshgrid(
            np.arange(height) - (height - 1) / 2,
            np.arange(width) - (width - 1) / 2,
            indexing="ij",
        )
        y = cos * rows + sin * columns + (height - 1) / 2
        x = cos * columns - sin * rows + (width - 1) / 2
        corner_rows, corner_columns = np.floor(y).astype(int), np.floor(x).astype(int)
        taps, weights = [], []
        for down in (0, 1):
            for right in (0, 1):
                row, column = corner_rows + down, corner_columns + right
                share = (1 - np.abs(y - row)) * (1 - np.abs(x - column))
                row, row_seen = _inside(row, height, edge)
                column, column_seen = _inside(column, width, edge)
                taps.append((row * width + column).ravel())
                weights.append((share * row_seen * column_seen).ravel())
        return cls(size, np.stack(taps), np.stack(weights))

    def apply(self, x: Array) -> Array:
        """``x (N, C, H, W)`` turned."""
        flat = x.reshape(*x.shape[:2], -1)
        taps = np.asarray(self.indices, like=x)
        weights = np.asarray(self.weights, dtype=x.dtype, like=x)
        turned = sum(flat[..., taps[k]] * weights[k] for k in range(4))
        return np.asarray(turned).reshape(x.shape)

    def adjoint(self, g: Array) -> Array:
        """The transposed map: ``<adjoint(g), x> = <g, apply(x)>``."""
        flat = g.reshape(g.shape[0] * g.shape[1], -1)
        planes, pixels = flat.shape
        first = pixels * np.arange(planes)[:, None, None]
        taps = np.asarray(first + self.indices, like=g)
        weights = np.asarray(self.weights, dtype=g.dtype, like=g)
        shares = flat[:, None, :] * weights
        sums = np.bincount(taps.ravel(), shares.ravel(), planes * pixels)
        return sums.reshape(g.shape).astype(g.dtype)


def _inside(index: Array, length: int, edge: str) -> tuple[Array, Array]:
    """Indices moved inside, and whether they count."""
    if edge == "symmetric":
        folded = index % (2 * length)
        return np.minimum(folded, 2 * length - 1 - folded), np.ones_like(index)
    return np.clip(index, 0, length - 1), (index >= 0) & (index < length)
