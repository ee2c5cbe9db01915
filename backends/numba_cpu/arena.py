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


class _Memory(NamedTuple):
    """A block of bytes and its first aligned one."""

    memory: np.ndarray[Any, Any]
    first: int


@cache
def _lease(size: int) -> Any:
    """What arrays on blocks of this size are based on; the memory comes back with it.

    Of all that NumPy takes as a buffer, ctypes' arrays are made the soonest.
    """

    class Lease(ctypes.c_ubyte * size):  # type: ignore[misc]
        __slots__ = ("block",)

        def __del__(self) -> None:
            _give_back(self.block)

    return Lease


class _Store:
    """Free blocks by size, the longest unused dropped first."""

    def __init__(self, limit: int):
        self.lock = threading.RLock()  # a collection inside may give back a block
        self.free: dict[int, list[_Memory]] = {}
        self.limit, self.kept, self.lent, self.peak = limit, 0, 0, 0


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
    with store.lock:
        blocks = store.free.get(size)
        if blocks:
            block = blocks.pop()
            store.kept -= size
        store.lent += size
        held = store.lent + store.kept
        if held > store.peak:
            store.peak = held
    if block is None:
        block = _fresh(size)
    lease = kind.from_buffer(block.memory)
    lease.block = block
    return np.ndarray(shape, dtype, lease, block.first)


def _fresh(size: int) -> _Memory:
    try:
        memory = np.empty(size, np.uint8)
    except MemoryError:
        release()  # what is kept for later may be what is missing now
        try:
            memory = np.empty(size, np.uint8)
        except MemoryError:
            with _store.lock:
                _store.lent -= size
            raise
    return _Memory(memory, -memory.ctypes.data % ALIGNMENT)


def _give_back(block: _Memory) -> None:
    if _store is None:  # the interpreter is shutting down
        return
    size = block.memory.nbytes
    with _store.lock:
        _store.lent -= size
        if _store.kept + size <= _store.limit:
            _store.free.setdefault(size, []).append(block)
            _store.kept += size


def usage() -> Usage:
    """What the arena holds."""
    with _store.lock:
        return Usage(_store.lent, _store.kept, _store.peak)


def release() -> None:
    """Return everything that is kept for reuse to the system."""
    with _store.lock:
        _store.free.clear()
        _store.kept = 0
        _store.peak = _store.lent


def limit(nbytes: int) -> None:
    """Keep at most that many bytes for reuse (a quarter of the machine at first)."""
    with _store.lock:
        _store.limit = nbytes
        if _store.kept > nbytes:
            release()


def _after_fork() -> None:
    _store.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
