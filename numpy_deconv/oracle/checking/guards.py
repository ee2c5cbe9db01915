"""Inputs between guard zones, and a heap that shows what was never written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...arrays import Array
from ..drawing.layouts import laid_out, poison_of

GUARD = 64
"""Elements of poison on either side of an array."""


class Guarded(NamedTuple):
    """An array, the memory it lies in, and what both were before the call."""

    array: Array
    memory: Array
    before: Array
    values: Array

    def complaint(self, name: str) -> str | None:
        """What a kernel did to it, if anything."""
        if self.memory.tobytes() == self.before.tobytes():
            return None
        if self.array.tobytes() != self.values.tobytes():
            return f"it writes into its input {name}"
        return f"it writes outside of its input {name}"


def guarded(array: Array, how: str) -> Guarded:
    """A copy in the wanted layout with poison around it."""
    zones: list[Array] = []

    def new(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        count = math.prod(shape)
        zone = np.full(count + 2 * GUARD, poison_of(dtype), dtype)
        zones.append(zone)
        return zone[GUARD : GUARD + count].reshape(shape)

    made = laid_out(array, how, new)
    return Guarded(made, zones[0], zones[0].copy(), made.copy())


def guarded_inputs(
    arrays: list[Array | None], names: list[str], layouts: Mapping[str, str]
) -> list[Guarded | None]:
    """Each array guarded, in its layout."""
    return [
        None if array is None else guarded(array, layouts.get(name, "C"))
        for name, array in zip(names, arrays, strict=True)
    ]


def poison_heap(size: int) -> None:
    """Leave NaN in the memory that ``np.empty`` is likely to be given next."""
    blocks = [np.full(max(size, 1), 0xFF, np.uint8) for _ in range(4)]
    del blocks


def poisoned_output(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Guarded:
    """An output full of poison, between guard zones."""
    return guarded(np.full(shape, poison_of(dtype), dtype), "C")
