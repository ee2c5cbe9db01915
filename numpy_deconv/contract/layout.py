"""The same values in other places: every way an array may lie in memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array

LAYOUTS = (
    "contiguous",
    "Fortran",
    "transposed",
    "reversed",
    "spaced",
    "broadcast",
    "read-only",
)


def laid_out(values: Array, layout: str) -> Array:
    """A view with this layout that reads ``values``.

    ``"broadcast"`` repeats the first slice of the last axis longer than 1 with stride
    0, so it reads other values. ``"spaced"`` lies between NaNs (1 in integers, lest a
    switch read there points out of the plane), which shows who reads or writes beside
    it. CuPy arrays are laid out alike, except that they cannot be read-only.
    """
    axes = range(values.ndim)
    if layout == "Fortran":
        return values.copy(order="F")
    if layout == "transposed" and values.ndim > 1:
        return values.swapaxes(-1, -2).copy(order="C").swapaxes(-1, -2)
    if layout == "reversed":
        backwards = tuple(slice(None, None, -1) for _ in axes)
        return values[backwards].copy(order="C")[backwards]
    if layout == "spaced":
        return _spaced(values)
    if layout == "broadcast":
        return _broadcast(values)
    view = values.copy(order="C")
    if layout == "read-only" and isinstance(view, np.ndarray):
        view.flags.writeable = False
    return view


def _spaced(values: Array) -> Array:
    poison = 1 if values.dtype.kind in "iu" else np.nan
    room = np.full_like(
        values, poison, shape=tuple(2 * n + 2 for n in values.shape), order="C"
    )
    view = room[tuple(slice(1, 2 * n + 1, 2) for n in values.shape)]
    view[...] = values
    return view


def _broadcast(values: Array) -> Array:
    long = [axis for axis, n in enumerate(values.shape) if n > 1]
    if not long:
        return values.copy()
    first = values[(slice(None),) * long[-1] + (slice(0, 1),)].copy()
    return np.broadcast_to(first, values.shape)


def owner(view: Array) -> Array:
    """The array that holds a view's memory, with whatever lies beside it."""
    base: Any = view
    while getattr(base, "base", None) is not None and hasattr(base.base, "dtype"):
        base = base.base
    return base
