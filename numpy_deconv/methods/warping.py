"""Shifting, scaling and turning inputs about their middle, linearly interpolated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..arrays import Array
from ..errors import ShapeError
from ..layers.taps import Taps, along
from .bilinear import Matrix, bilinear_taps, turning

Warp = Callable[[Array, float, Array], Array]


def shifted(x: Array, rows: float, fill: Array) -> Array:
    """Moved down by so many pixels, which need not be whole."""
    return _warped(x, ((1, 0), (0, 1)), rows, fill)


def scaled(x: Array, factor: float, fill: Array) -> Array:
    """Enlarged by a factor."""
    return _warped(x, ((1 / factor, 0), (0, 1 / factor)), 0, fill)


def rotated(x: Array, degrees: float, fill: Array) -> Array:
    """Turned anticlockwise."""
    return _warped(x, turning(degrees), 0, fill)


WARPS: dict[str, Warp] = {"shift": shifted, "scale": scaled, "rotate": rotated}


def _warped(x: Array, matrix: Matrix, down: float, fill: Array) -> Array:
    """``y[p] = x[matrix @ (p - middle) + middle - down]``, ``fill`` outside of x."""
    if x.ndim != 4:
        raise ShapeError(
            f"x has shape {x.shape}: only pictures (N, C, H, W) are warped"
        )
    pixels, weights = bilinear_taps(x.shape[2:], matrix, down)
    taps = Taps(pixels.T, weights.T, np.zeros(pixels.shape[1], bool))
    inside = along(x.reshape(*x.shape[:2], -1), 2, taps, 0).reshape(x.shape)
    beyond = (1 - weights.sum(axis=0)).clip(0).reshape(x.shape[2:])
    return inside + fill * np.asarray(beyond.astype(x.dtype), like=x)
