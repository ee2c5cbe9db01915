"""Histograms of oriented gradients, by which two maps can be as alike as they look."""

from __future__ import annotations

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import ShapeError
from .similarity import Numbers, correlation

ORIENTATIONS = 9
CELL = 8  # pixels
BLOCK = 3  # cells
LEAST_SIDE = CELL * BLOCK
CLIPPED = 0.2
EPSILON = 1e-5


def oriented_gradients(plane: Array) -> Numbers:
    """The features of a map ``(H, W)``, one row of cells, blocks and angles.

    Nine angles from 0 to 180 degrees, cells of 8 x 8 pixels, overlapping blocks of 3 x
    3 cells whose length becomes 1, clipped at 0.2, and 1 again (Dalal & Triggs 2005).
    Raises ShapeError for a map of fewer than 24 pixels along an axis.

    >>> oriented_gradients(np.zeros((24, 32))).shape
    (162,)
    """
    if plane.ndim != 2 or min(plane.shape) < LEAST_SIDE:
        raise ShapeError(
            f"a map of shape {plane.shape} has no blocks of {BLOCK} x {BLOCK} cells: "
            f"give a plane of at least {LEAST_SIDE} x {LEAST_SIDE}"
        )
    wide = to_numpy(plane).astype(np.float64)
    down, right = np.zeros((2, *wide.shape))
    down[1:-1] = wide[2:] - wide[:-2]
    right[:, 1:-1] = wide[:, 2:] - wide[:, :-2]
    angle = np.degrees(np.arctan2(down, right)) % 180
    turn = np.minimum(angle * ORIENTATIONS / 180, ORIENTATIONS - 1).astype(int)
    strength = np.hypot(down, right)
    cells = np.stack(
        [_cell_means(strength * (turn == k)) for k in range(ORIENTATIONS)], axis=-1
    )
    windows = np.lib.stride_tricks.sliding_window_view(cells, (BLOCK, BLOCK), (0, 1))
    blocks = np.moveaxis(windows, 2, -1).reshape(*windows.shape[:2], -1)
    clipped = np.minimum(_normalised(blocks), CLIPPED)
    return np.asarray(_normalised(clipped).reshape(-1), np.float64)


def hog_correlation(a: Array, b: Array) -> float:
    """Pearson's correlation of two maps' features; NaN if one of them is flat.

    Of :func:`oriented_gradients`: where edges are and how they run, as Adebayo et al.
    2018 compare attributions.
    """
    if a.shape != b.shape:
        raise ShapeError(f"maps of shapes {a.shape} and {b.shape} cannot be compared")
    return correlation(oriented_gradients(a), oriented_gradients(b))


def _cell_means(plane: Numbers) -> Numbers:
    rows, columns = (side // CELL for side in plane.shape)
    whole = plane[: rows * CELL, : columns * CELL]
    means: Numbers = whole.reshape(rows, CELL, columns, CELL).mean(axis=(1, 3))
    return means


def _normalised(blocks: Numbers) -> Numbers:
    squares = np.square(blocks).sum(axis=-1, keepdims=True)
    return np.asarray(blocks / np.sqrt(squares + EPSILON**2), np.float64)
