"""Arguments that are one number per spatial axis, and what they may look like."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from .errors import OptionError, ShapeError

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


LARGEST = 2**40  # more than any array has along an axis


def is_several(value: Any) -> bool:
    """Whether this is a tuple, a list or an array with axes, and not one number."""
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str)


def entries_of(value: Any, rank: int, name: str, remedy: str = "") -> tuple[Any, ...]:
    """``value`` as one entry per spatial axis; one number stands for all of them."""
    if not is_several(value):
        return (value,) * rank
    entries = tuple(value)
    if len(entries) == 1 and not is_several(entries[0]):
        return entries * rank
    if len(entries) != rank:
        raise ShapeError(
            f"{name}={value!r} has {len(entries)} entries, but the arrays have {rank} "
            f"spatial axes: give one number, {remedy or f'or {rank} of them'}"
        )
    return entries


def per_axis(value: Any, rank: int, name: str, minimum: int = 0) -> Sizes:
    """One integer per spatial axis, from one number or from a tuple of ``rank``."""
    return tuple(_integer(e, name, minimum) for e in entries_of(value, rank, name))


def _integer(value: Any, name: str, minimum: int) -> int:
    try:
        number = index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool | np.bool_):
        raise OptionError(f"{name} must be whole numbers, got {value!r}")
    if number < minimum:
        raise OptionError(f"{name} must be at least {minimum}, got {number}")
    if number > LARGEST:
        raise OptionError(f"{name} is beyond any array: {number}")
    return number


def begin_end_pairs(padding: Any, rank: int) -> Pairs:
    """``(begin, end)`` per axis from a number, numbers, or pairs."""
    remedy = f"{rank} numbers, or {rank} (begin, end) pairs"
    if rank == 1:
        remedy = "or a begin/end pair, which is written ((1, 2),)"
    pairs = []
    for entry in entries_of(padding, rank, "padding", remedy):
        if is_several(entry):
            if len(entry) != 2:
                raise ShapeError(
                    f"padding {entry!r} must be a number or a (begin, end) pair"
                )
            begin, end = (_integer(e, "padding", 0) for e in entry)
        else:
            begin = end = _integer(entry, "padding", 0)
        pairs.append((begin, end))
    return tuple(pairs)
