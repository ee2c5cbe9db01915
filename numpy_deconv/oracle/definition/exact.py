"""Numbers without surprises: Python ints and floats, in arrays of objects.

A Python int never overflows and a Python float is an IEEE double whose ``+`` and
``*`` never warn, so the loops of this package need no care about either.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Index = tuple[int, ...]


def is_integer(x: npt.ArrayLike) -> bool:
    """Tell whether ``x`` holds integers (or booleans), which stay exact."""
    return np.asarray(x).dtype.kind in "iub"


def entries(x: npt.ArrayLike) -> Array:
    """``x`` as an object array of Python ints (integers) or floats (all else)."""
    array = np.asarray(x)
    if array.dtype.kind == "b":
        array = array.astype(np.int64)
    elif not is_integer(array):
        array = array.astype(np.float64)
    return array.astype(object)


def zeros(shape: Index) -> Array:
    """An object array of the integer 0, which adds to ints and floats alike."""
    return np.full(shape, 0, dtype=object)


def settle(y: Array, *sources: npt.ArrayLike) -> Array:
    """``y`` as int64 if every source holds integers, else as float64.

    An integer beyond int64 leaves the array as objects, because a wrapped value would
    be wrong.
    """
    if not all(is_integer(source) for source in sources):
        return y.astype(np.float64)
    try:
        return y.astype(np.int64)
    except OverflowError:
        return y


def indices(shape: Index) -> Iterator[Index]:
    """Every index of an array of ``shape``, in row-major (C) order."""
    return itertools.product(*(range(size) for size in shape))


def flat(index: Index, shape: Index) -> int:
    """The row-major position of ``index`` in an array of ``shape``."""
    position = 0
    for i, size in zip(index, shape, strict=True):
        position = position * size + i
    return position


def unflat(position: int, shape: Index) -> Index:
    """The index at row-major ``position``: the inverse of :func:`flat`."""
    index: list[int] = []
    for size in reversed(shape):
        position, i = divmod(position, size)
        index.append(i)
    return tuple(reversed(index))


def is_nan(value: float) -> bool:
    """Tell NaN, the only number that differs from itself."""
    return value != value


def beats(challenger: float, champion: float) -> bool:
    """Tell whether ``challenger``, met later, replaces ``champion`` as the maximum.

    NaN beats every number and nothing beats NaN; an equal value does not replace.
    """
    if is_nan(champion):
        return False
    return is_nan(challenger) or challenger > champion


def quotient(total: float, count: int) -> float:
    """``total / count``; of an integer, truncated towards zero as in C."""
    if isinstance(total, int):
        return abs(total) // count * (1 if total >= 0 else -1)
    return total / count


def power(base: float, exponent: float) -> float:
    """``base ** exponent`` by IEEE's rules, where Python would raise: inf."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.inf if base == 0 else math.nan


def exp(value: float) -> float:
    """``e ** value``, inf where Python would raise."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
