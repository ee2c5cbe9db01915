"""Arguments that are one number per spatial axis, and what they may look like."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from .errors import OptionError, ShapeError

Sizes = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


def per_axis(value: Any, rank: int, name: str, minimum: int = 0) -> Sizes:
    """One integer per spatial axis, from one number or from a tuple of ``rank``."""
    entries = tuple(value) if isinstance(value, Sequence | np.ndarray) else None
    if entries is None:
        entries = (value,) * rank
    elif len(entries) != rank:
        raise ShapeError(
            f"{name}={value!r} has {len(entries)} entries, but the arrays have {rank} "
            f"spatial axes: give one number, or {rank} of them"
        )
    return tuple(_integer(entry, name, minimum) for entry in entries)


def _integer(value: Any, name: str, minimum: int) -> int:
    try:
        number = index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool | np.bool_):
        raise OptionError(f"{name} must be whole numbers, got {value!r}")
    if number < minimum:
        raise OptionError(f"{name} must be at least {minimum}, got {number}")
    return number


def begin_end_pairs(padding: Any, rank: int) -> Pairs:
    """``(begin, end)`` per axis from a number, numbers, or pairs."""
    if isinstance(padding, Sequence | np.ndarray) and len(padding) == rank:
        entries = tuple(padding)
    elif isinstance(padding, Sequence | np.ndarray):
        hint = " (a begin/end pair is written ((1, 2),))" if rank == 1 else ""
        raise ShapeError(
            f"padding={padding!r} has {len(padding)} entries, but the arrays have "
            f"{rank} spatial axes: give one number, {rank} numbers, or {rank} "
            f"(begin, end) pairs{hint}"
        )
    else:
        entries = (padding,) * rank
    pairs = []
    for entry in entries:
        if isinstance(entry, Sequence | np.ndarray):
            begin, end = per_axis(entry, 2, "padding")
            pairs.append((begin, end))
        else:
            both = _integer(entry, "padding", 0)
            pairs.append((both, both))
    return tuple(pairs)
