"""Recycled memory: fresh pages cost more than the arithmetic done on them.

The first touch of a new page goes through the kernel at a few GB/s; memory that was
used before is several times faster. So the memory of an array that nobody holds any
more is kept for the next one. Nothing is ever handed out twice: an array owns its block
until it and all views of it are gone.
"""

from __future__ import annotations

import ctypes
import math
import os
import threading
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from .shelf import LARGEST, Block, Shelf

ALIGNMENT = 64  # a cache line, and the widest vector
SMALLEST = 1 << 15  # below, NumPy's own allocator is as good


class Usage(NamedTuple):
    """Bytes lent out now, kept for reuse now, and most ever held together."""

    lent: int
    kept: int
    peak: int


def machine_memory() -> int:
    """Physical memory in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return 8 << 30


@cache
def _lease(size: int) -> Any:
    """What arrays on blocks of this size are based on; the memory comes back with it.

    Of all that NumPy takes as a buffer, ctypes' arrays are made the soonest.
    """
    give_back = _give_back  # the module's names may be gone before the last array is

    class Lease(ctypes.c_ubyte * size):  # type: ignore[misc]
        __slots__ = ("block",)

        def __del__(self) -> None:
            give_back(self.block)

    return Lease


class _Store:
    """Free blocks by size, and the shelf with small ones."""

    def __init__(self, limit: int):
        self.lock = threading.RLock()  # a collection inside may give back a block
        self.free: dict[int, list[Block]] = {}
        self.limit, self.kept, self.lent, self.peak = limit, 0, 0, 0
        self.shelf = Shelf(self.lock)

    def note_peak(self) -> None:
        """To be called whenever more is held."""
        self.peak = max(self.peak, self.lent + self.kept + self.shelf.held)

    def trim(self) -> None:
        """Keep no more than the limit."""
        if self.kept + self.shelf.held > self.limit:
            self.free.clear()
            self.kept = 0


_store = _Store(machine_memory() // 4)


@lru_cache(4096)
def _size_class(nbytes: int) -> tuple[int, Any]:
    """Next size in steps of an eighth of a power of two, so that blocks fit again, and
    the kind of lease."""
    step = max(4096, 1 << max(0, nbytes.bit_length() - 4))
    size = -(-nbytes // step) * step
    return size, _lease(size)


def take(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """A C-contiguous array like ``np.empty``'s, on recycled memory."""
    nbytes = math.prod(shape) * np.dtype(dtype).itemsize
    if nbytes < SMALLEST:
        return np.empty(shape, dtype)
    size, kind = _size_class(nbytes + ALIGNMENT)
    store, block = _store, None
    if size <= LARGEST:
        array = store.shelf.take(shape, dtype, size)
        if array is not None:
            return array
        if store.shelf.wants(size):
            block = _fresh(size)
            array = np.ndarray(shape, dtype, *block)  # first: it is in use when added
            with store.lock:
                store.shelf.add(block)
                store.note_peak()
                store.trim()
            return array
    with store.lock:
        blocks = store.free.get(size)
        if blocks:
            block = blocks.pop()
            store.kept -= size
        store.lent += size
        store.note_peak()
    if block is None:
        try:
            block = _fresh(size)
        except MemoryError:
            with store.lock:
                store.lent -= size
            raise
    lease = kind.from_buffer(block.memory)
    lease.block = block
    return np.ndarray(shape, dtype, lease, block.first)


def _fresh(size: int) -> Block:
    try:
        memory = np.empty(size, np.uint8)
    except MemoryError:
        release()  # what is kept for later may be what is missing now
        memory = np.empty(size, np.uint8)
    return Block(memory, -memory.ctypes.data % ALIGNMENT)


def _give_back(block: Block) -> None:
    if _store is None:  # the interpreter is shutting down
        return
    size = block.memory.nbytes
    with _store.lock:
        _store.lent -= size
        if _store.kept + _store.shelf.held + size <= _store.limit:
            _store.free.setdefault(size, []).append(block)
            _store.kept += size


def usage() -> Usage:
    """What the arena holds."""
    with _store.lock:
        small = _store.shelf.lent()
        kept = _store.kept + _store.shelf.held - small
        return Usage(_store.lent + small, kept, _store.peak)


def release() -> None:
    """Return everything that is kept for reuse to the system."""
    with _store.lock:
        _store.free.clear()
        _store.shelf.clear()
        _store.kept = 0
        _store.peak = _store.lent


def limit(nbytes: int) -> None:
    """Keep at most that many bytes for reuse (a quarter of the machine at first)."""
    with _store.lock:
        _store.limit = nbytes
        _store.shelf.allow(nbytes)
        _store.trim()


def _after_fork() -> None:
    _store.lock = _store.shelf.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
