"""Ways for the same values to lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays import Array

Allocate = Callable[[tuple[int, ...], "np.dtype[Any]"], Array]
Place = Callable[[tuple[int, ...], "np.dtype[Any]", Allocate], Array]


def _c(shape: tuple[int, ...], dtype: np.dtype[Any], new: Allocate) -> Array:
    return new(shape, dtype)


def _channels_last(
    shape: tuple[int, ...], dtype: np.dtype[Any], new: Allocate
) -> Array:
    if len(shape) < 3:
        return new(shape[::-1], dtype).T
    return np.moveaxis(new((shape[0], *shape[2:], shape[1]), dtype), -1, 1)


def _strided(shape: tuple[int, ...], dtype: np.dtype[Any], new: Allocate) -> Array:
    wider = tuple(2 * n + 1 for n in shape)
    inner = tuple(slice(1, None, 2) for _ in shape)
    return _filled(new(wider, dtype))[inner]


def _neg_step(shape: tuple[int, ...], dtype: np.dtype[Any], new: Allocate) -> Array:
    # along one element, or none, a negative step is allowed, and refused by many
    turned = 0 not in shape
    steps = tuple(slice(None, None, -1 if n > 1 and turned else 1) for n in shape)
    return new(shape, dtype)[steps]


def _offset(shape: tuple[int, ...], dtype: np.dtype[Any], new: Allocate) -> Array:
    wider = tuple(n + 1 + i % 2 for i, n in enumerate(shape))
    inner = tuple(slice(1, 1 + n) for n in shape)
    return _filled(new(wider, dtype))[inner]


def _filled(array: Array) -> Array:
    """Between the elements lies what no kernel may read unnoticed."""
    array[...] = poison_of(array.dtype)
    return array


def poison_of(dtype: np.dtype[Any]) -> Any:
    """NaN, or of integers a number that sticks out."""
    if dtype.kind in "iub":
        return np.iinfo(dtype).max - 7 if dtype.kind in "iu" else True
    return np.nan


LAYOUTS: dict[str, Place] = {
    "C": _c,
    "channels_last": _channels_last,
    "strided": _strided,
    "neg_step": _neg_step,
    "offset": _offset,
}


def laid_out(array: Array, how: str, new: Allocate = np.empty) -> Array:
    """A copy of the array that lies in memory like that, in memory from ``new``."""
    place = LAYOUTS[how](array.shape, array.dtype, new)
    place[...] = array
    return place
