"""Weights in the order in which tiles read them, packed once.

Panels of ``VECTORS * lanes`` columns, zero beyond the last. A packed weight is found
again by its content, a 64-bit digest of every byte: weights may be changed in place at
any time, at the cost of reading them once per call. Read-only weights, such as
``load_model`` gives, are found by who they are.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from . import arena
from .compiled import compiled
from .microkernel import VECTORS
from .vectors import lanes_of

Packed = np.ndarray[Any, Any]
Key = tuple[Any, ...]
Place = tuple[Any, ...]

_lock = threading.RLock()
_kept: OrderedDict[tuple[Any, ...], Packed] = OrderedDict()
_named: dict[int, weakref.ref[Any]] = {}  # immutable weights seen, by id
_latest: dict[Place, tuple[weakref.ref[Any], Key]] = {}  # of weights that may change
_bytes = 0
LIMIT = arena.machine_memory() // 8


@compiled
def digest(words):  # type: ignore[no-untyped-def]
    """A 64-bit digest of unsigned 64-bit words, each mixed with its place."""
    total = np.uint64(words.size)
    for i in range(words.size):
        mixed = words[i] + np.uint64(i) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
        mixed *= np.uint64(0xD6E8FEB86659FD93)
        mixed ^= mixed >> np.uint64(29)
        total += mixed
    return total


def _fingerprint(weight: np.ndarray[Any, Any]) -> int:
    flat = weight.reshape(-1).view(np.uint8)
    whole = flat.size // 8 * 8
    rest = int.from_bytes(flat[whole:].tobytes(), "little")
    return hash((int(digest(flat[:whole].view(np.uint64))), rest))


def is_immutable(array: np.ndarray[Any, Any]) -> bool:
    """Whether neither this array nor any it is a view of can be written to."""
    if array.flags.writeable:
        return False
    owner: Any = array.base
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return owner is None or isinstance(owner, bytes)


def _identity(weight: np.ndarray[Any, Any]) -> tuple[Any, ...]:
    """What a packed weight is known by."""
    if is_immutable(weight):
        number = id(weight)
        if number not in _named:
            _named[number] = weakref.ref(weight, lambda _: _named.pop(number, None))
            with _lock:  # an earlier array of that number is gone
                for key in [k for k in _kept if k[-1] == ("id", number)]:
                    _let_go(key)
        return "id", number
    layout = weight.shape, weight.strides, weight.dtype.str
    return (*layout, _fingerprint(np.ascontiguousarray(weight)))


def _let_go(key: tuple[Any, ...]) -> None:
    global _bytes
    _bytes -= _kept.pop(key).nbytes


def packed(
    weight: np.ndarray[Any, Any], how: str, pack: Callable[[Any], Packed], *options: Any
) -> Packed:
    """``pack(weight)``, flat, remembered under ``how``, ``options`` and the weight."""
    global _bytes
    key = (how, options, _identity(weight))
    found = _kept.get(key)
    if found is not None:
        if 2 * _bytes > LIMIT:  # else the order does not matter
            with _lock:
                if key in _kept:
                    _kept.move_to_end(key)
        return found
    made = _aligned(pack(np.ascontiguousarray(weight))).reshape(-1)
    with _lock:
        if key not in _kept and made.nbytes <= LIMIT:
            _kept[key] = made
            _bytes += made.nbytes
            while _bytes > LIMIT:
                _let_go(next(iter(_kept)))
    if not is_immutable(weight):
        _supersede((how, options, id(weight)), weight, key)
    return made


def _aligned(made: Packed) -> Packed:
    """The same on a cache line's boundary: no vector lies across two lines."""
    if made.ctypes.data % arena.ALIGNMENT == 0:
        return made
    room = np.empty(made.nbytes + arena.ALIGNMENT, np.uint8)
    first = -room.ctypes.data % arena.ALIGNMENT
    copy = room[first : first + made.nbytes].view(made.dtype).reshape(made.shape)
    copy[...] = made
    return copy


def _supersede(place: Place, weight: np.ndarray[Any, Any], key: Key) -> None:
    """Let go of what this very array was packed to before it was changed.

    Training would otherwise keep the weights of every step until there is no room.
    """
    with _lock:
        before = _latest.get(place)
        same = before is not None and before[0]() is weight
        if before is not None and same and before[1] != key and before[1] in _kept:
            _let_go(before[1])
        gone = weakref.ref(weight, lambda _: _latest.pop(place, None))
        _latest[place] = gone, key


def forget() -> None:
    """Let go of all packed weights."""
    global _bytes
    with _lock:
        _kept.clear()
        _named.clear()
        _latest.clear()
        _bytes = 0


def panel_width(dtype: np.dtype[Any]) -> int:
    """Columns of a panel."""
    return VECTORS * lanes_of(dtype)


def in_panels(matrix: np.ndarray[Any, Any]) -> Packed:
    """``(..., depth, columns)`` as ``(panels, ..., depth, width)``, zero beyond."""
    *lead, columns = matrix.shape
    width = panel_width(matrix.dtype)
    panels = -(-columns // width)
    wide = np.zeros((panels, *lead, width), matrix.dtype)
    for p in range(panels):
        part = matrix[..., p * width : (p + 1) * width]
        wide[p, ..., : part.shape[-1]] = part
    return wide


def row(vector: np.ndarray[Any, Any] | None, columns: int, dtype: Any) -> Packed:
    """A bias, or zeros, padded to whole panels."""
    width = panel_width(np.dtype(dtype))
    wide = np.zeros(-(-columns // width) * width, dtype)
    if vector is not None:
        wide[:columns] = vector
    return wide


def _after_fork() -> None:
    """The lock may have been held by a thread that the child does not have."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
