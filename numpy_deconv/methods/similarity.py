"""How alike two heat maps are: by rank, by structure, by direction."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import ShapeError

Numbers = np.ndarray[Any, np.dtype[np.float64]]

WINDOW = 7  # of the structural similarity, as Wang et al. 2004 in most libraries
STABLE = (0.01, 0.03)


def ranks(values: Array) -> Numbers:
    """Rank of each value from 1 up, equal ones sharing their mean rank; flat."""
    flat = to_numpy(values).reshape(-1)
    _, place, counts = np.unique(flat, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    shared = ends - (counts - 1) / 2
    return np.asarray(shared[place.reshape(-1)], np.float64)


def correlation(a: Array, b: Array) -> float:
    """Pearson's; NaN if one of them is constant."""
    x, y = (_flat(values) - _flat(values).mean() for values in _alike(a, b))
    length = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / length) if length > 0 else float("nan")


def spearman(a: Array, b: Array) -> float:
    """The correlation of their ranks, from -1 to 1; NaN if one of them is constant."""
    return correlation(*map(ranks, _alike(a, b)))


def cosine(a: Array, b: Array) -> float:
    """Of the angle between them, from -1 to 1; NaN if one of them is 0."""
    x, y = map(_flat, _alike(a, b))
    length = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / length) if length > 0 else float("nan")


def ssim(a: Array, b: Array) -> float:
    """Structural similarity of two maps ``(*size)``, each stretched to 0..1 first.

    Wang et al. 2004, with windows of 7 samples along each axis and unbiased variances:
    the mean over all windows that lie inside. Raises ShapeError for smaller maps.
    """
    x, y = (_stretched(values) for values in _alike(a, b))
    if min(x.shape) < WINDOW:
        raise ShapeError(
            f"maps of shape {x.shape} are too small for windows of {WINDOW} along each "
            "axis: compare them by rank instead"
        )
    count = WINDOW**x.ndim
    unbiased = count / (count - 1)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    var_x = unbiased * (_window_mean(x * x) - mean_x**2)
    var_y = unbiased * (_window_mean(y * y) - mean_y**2)
    both = unbiased * (_window_mean(x * y) - mean_x * mean_y)
    c1, c2 = (k**2 for k in STABLE)
    above = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float((above / below).mean())


def _alike(a: Array, b: Array) -> tuple[Array, Array]:
    if a.shape != b.shape:
        raise ShapeError(f"maps of shapes {a.shape} and {b.shape} cannot be compared")
    return a, b


def _flat(values: Array) -> Numbers:
    return to_numpy(values).astype(np.float64).reshape(-1)


def _stretched(values: Array) -> Numbers:
    wide = to_numpy(values).astype(np.float64)
    low, high = wide.min(), wide.max()
    return (wide - low) / ((high - low) or 1)


def _window_mean(values: Numbers) -> Numbers:
    """The mean of every window that lies inside."""
    for axis in range(values.ndim):
        sums = np.cumsum(values, axis=axis)
        ends = np.take(sums, np.arange(WINDOW - 1, values.shape[axis]), axis)
        before = np.take(sums, np.arange(values.shape[axis] - WINDOW), axis)
        rest = (slice(None),) * axis
        ends[(*rest, slice(1, None))] -= before
        values = ends / WINDOW
    return values
