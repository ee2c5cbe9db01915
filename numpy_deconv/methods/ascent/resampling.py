"""Linear maps of the spatial axes, each with its exact adjoint.

A map along one axis is a matrix ``(out, in)``, and its adjoint the transposed one; a
rotation mixes two axes, and is four weighted samples for each pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...arrays import Array
from ...layers.taps import Taps, along, transposed
from ...per_axis import Sizes
from ..bilinear import bilinear_taps, turning


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
        return cls(size, *bilinear_taps(size, turning(degrees), edge=edge))

    def apply(self, x: Array) -> Array:
        """``x (N, C, H, W)`` turned."""
        flat = x.reshape(*x.shape[:2], -1)
        return along(flat, 2, self._taps, 0).reshape(x.shape)

    def adjoint(self, g: Array) -> Array:
        """The transposed map: ``<adjoint(g), x> = <g, apply(x)>``."""
        flat = g.reshape(*g.shape[:2], -1)
        back = transposed(self._taps, flat.shape[2])
        return along(flat, 2, back, 0).reshape(g.shape)

    @property
    def _taps(self) -> Taps:
        nowhere = np.zeros(self.indices.shape[1], bool)
        return Taps(self.indices.T, self.weights.T, nowhere)
