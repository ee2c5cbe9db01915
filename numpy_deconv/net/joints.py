"""Concatenations that are never made: their parts are written where they belong.

A backend that can write a convolution into some channels of a larger array as fast as
anywhere else (``Backend.joins``) need not copy what is to be joined. Nor need a signal
be taken apart on its way down: what ReLUs below saw lies in one piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..arrays import Array
from ..layers import Concat, Conv
from ..registry import current

if TYPE_CHECKING:
    from .graph import Node


class Place(NamedTuple):
    """Which of a concatenation's inputs something is."""

    joint: str
    slot: int


class Joint:
    """Room for what is joined, and whether all of it was written there."""

    def __init__(self, channels: tuple[int, ...]):
        self.channels = channels
        self._whole: Array | None = None
        self._written = 0

    def part(self, slot: int, x: Array, layer: Conv) -> Array | None:
        """Where to write a convolution of ``x``; None if that has to be elsewhere."""
        weight = layer.weight
        if x.ndim != weight.ndim or x.dtype != weight.dtype or x.dtype.char not in "fd":
            return None
        backend = current(x)
        if not backend.joins:
            return None
        size = layer.window(x.shape[2:]).output_size(x.shape[2:])
        if self._whole is None:
            self._whole = backend.room(x, sum(self.channels), size)
        whole = self._whole
        if (len(whole), *whole.shape[2:], whole.dtype) != (len(x), *size, x.dtype):
            return None
        first = sum(self.channels[:slot])
        self._written += 1
        return whole[:, first : first + self.channels[slot]]

    def whole(self) -> Array | None:
        """All of it; None if a part is missing."""
        return self._whole if self._written == len(self.channels) else None


def joints_of(
    nodes: Mapping[str, Node], made_by: Mapping[str, str]
) -> dict[str, tuple[int, ...]]:
    """Concatenations of nothing but convolutions, and the channels of each.

    ``made_by`` are the convolutions by the name of what comes out of them, only those
    that nobody but one layer reads.
    """
    found = {}
    for name, node in nodes.items():
        several = len(set(node.inputs)) == len(node.inputs) > 1
        joins = type(node.layer) is Concat and node.layer.axis == 1
        if joins and several and all(read in made_by for read in node.inputs):
            layers = [nodes[made_by[read]].layer for read in node.inputs]
            found[name] = tuple(c.weight.shape[0] for c in layers if type(c) is Conv)
    return found
