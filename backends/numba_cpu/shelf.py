"""Small recycled memory: blocks that are lent again once nobody refers to them.

Giving an array a lease that brings its memory back (:mod:`.arena`) takes longer than a
small layer. Here nothing comes back: a block stays on the shelf, arrays are views of
it, and it is free when the shelf's is the only reference to it that is left. So it is
for blocks that are small, and few of a size: whoever looks for a free one passes over
those in use.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

LARGEST = 1 << 20
"""Bytes of a block, beyond which what a lease takes does not show."""
MOST = 32
"""Blocks of one size."""
ROOM = 1 << 26
"""Bytes of all blocks together."""


class Block(NamedTuple):
    """Bytes, and the first aligned one."""

    memory: Array
    first: int


def _unused() -> int:
    """What Python counts for the memory of a block that only the shelf refers to."""
    for memory, _ in [Block(np.empty(1, np.uint8), 0)]:
        return sys.getrefcount(memory)
    raise AssertionError


UNUSED = _unused()


class Shelf:
    """Blocks by size; whoever looks through them holds ``lock``."""

    def __init__(self, lock: threading.RLock) -> None:
        self.lock = lock
        self.blocks: dict[int, list[Block]] = {}
        self.held = 0
        self.room = 0
        self.allow(ROOM)

    def allow(self, room: int) -> None:
        """Hold at most so many bytes; none where no global lock keeps counts true."""
        counted = getattr(sys, "_is_gil_enabled", None)
        self.room = min(ROOM, room) if counted is None or counted() else 0
        if self.held > self.room:
            self.clear()

    def take(self, shape: tuple[int, ...], dtype: Any, size: int) -> Array | None:
        """An array on a block of ``size`` bytes that is free, if one is."""
        with self.lock:
            for memory, first in self.blocks.get(size, ()):
                if sys.getrefcount(memory) == UNUSED:
                    return np.ndarray(shape, dtype, memory, first)
        return None

    def wants(self, size: int) -> bool:
        """Whether there is room for another block."""
        few = len(self.blocks.get(size, ())) < MOST
        return size <= LARGEST and few and self.held + size <= self.room

    def add(self, block: Block) -> None:
        """Lend this one from now on, whoever uses it first."""
        size = block.memory.nbytes
        with self.lock:
            self.blocks.setdefault(size, []).append(block)
            self.held += size

    def lent(self) -> int:
        """Bytes of the blocks in use."""
        with self.lock:
            return sum(
                size
                for size, blocks in self.blocks.items()
                for memory, _ in blocks
                if sys.getrefcount(memory) != UNUSED
            )

    def clear(self) -> None:
        """Forget all blocks; the memory of those in use goes when their arrays do."""
        with self.lock:
            self.blocks.clear()
            self.held = 0
