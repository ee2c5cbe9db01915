"""Flat positions and coordinates, one from the other, in arrays of any shape.

``np.unravel_index`` of NumPy 2.4 answers wrongly from the 8193rd element on if the last
of several axes has length one, which is why arithmetic does it here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def coordinates(flat: Array, size: Sequence[int]) -> tuple[Array, ...]:
    """Where each flat position lies in planes of that size, an array per axis."""
    at: list[Array] = []
    for length in reversed(size):
        flat, place = np.divmod(flat, max(length, 1))
        at.append(place)
    return tuple(reversed(at))


def flattened(at: Sequence[Array], size: Sequence[int]) -> Array:
    """The flat positions of coordinates; the inverse of :func:`coordinates`."""
    flat: Array = np.zeros((), np.int64)
    for place, length in zip(at, size, strict=True):
        flat = flat * length + place
    return flat
