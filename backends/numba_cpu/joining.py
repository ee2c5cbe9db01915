"""Channels put beside those of others, and taken apart again.

Arrays lie channels last, so this is a copy of each pixel's run of numbers; on the way
back the ReLUs that stand before a concatenation are gone through at the same time.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import arena
from .compiled import compiled
from .ending import beside, mask
from .launch import Launch
from .layout import is_channels_last, logical, turned

Array = np.ndarray[Any, Any]

#: Pixels that a task copies, and bytes that one thread copies as soon as several.
PIXELS = 64
ALONE = 1 << 17


class Part(NamedTuple):
    """Some of the channels: how many, of how many, after how many others."""

    pixels: int
    channels: int
    total: int
    first: int


@lru_cache(1024)
def _launch(kernel: Any, part: Part, dtype: np.dtype[Any], *more: Any) -> Launch:
    nbytes = part.pixels * part.channels * dtype.itemsize
    arrays = (dtype, dtype, dtype) if more else (dtype, dtype)
    tasks = -(-part.pixels // PIXELS)
    return Launch(kernel, tasks, arrays, part, *more, alone=nbytes < ALONE)


def joined(arrays: tuple[Array, ...]) -> Array | None:
    """Arrays ``(N, C, *size)`` beside each other; None if one lies otherwise."""
    if not all(map(is_channels_last, arrays)):
        return None
    batch, _, *size = arrays[0].shape
    total = sum(a.shape[1] for a in arrays)
    y = arena.take((batch, *size, total), arrays[0].dtype)
    flat, first = y.reshape(-1), 0
    for a in arrays:
        part = Part(batch * math.prod(size), a.shape[1], total, first)
        _launch(_put, part, a.dtype)(turned(a).reshape(-1), flat)
        first += a.shape[1]
    return logical(y)


def taken_apart(
    grad: Array, sizes: tuple[int, ...], wheres: tuple[Array | None, ...]
) -> tuple[Array, ...] | None:
    """Runs of so many channels of ``grad``, zero where ``wheres`` are not above zero;
    None if it lies otherwise, or they are not of its dtype and its parts' shapes."""
    batch, total, *size = grad.shape
    alike = all(
        where is None
        or (where.dtype == grad.dtype and where.shape == (batch, channels, *size))
        for where, channels in zip(wheres, sizes, strict=True)
    )
    if not alike or not is_channels_last(grad):
        return None
    source, first, parts = turned(grad).reshape(-1), 0, []
    for channels, where in zip(sizes, wheres, strict=True):
        part = Part(batch * math.prod(size), channels, total, first)
        y = arena.take((batch, *size, channels), grad.dtype)
        launch = _launch(_take, part, grad.dtype, where is not None)
        flat = y.reshape(-1)
        launch(source, flat, beside(where, flat))
        parts.append(logical(y))
        first += channels
    return tuple(parts)


@compiled
def _put(start, stop, x, y, part):  # type: ignore[no-untyped-def]
    for p in range(start * PIXELS, min(stop * PIXELS, part.pixels)):
        source, target = p * part.channels, p * part.total + part.first
        for c in range(part.channels):
            y[np.uintp(target + c)] = x[np.uintp(source + c)]


@compiled
def _take(start, stop, x, y, where, part, masked):  # type: ignore[no-untyped-def]
    for p in range(start * PIXELS, min(stop * PIXELS, part.pixels)):
        source, target = p * part.total + part.first, p * part.channels
        for c in range(part.channels):
            y[np.uintp(target + c)] = x[np.uintp(source + c)]
        if masked:
            mask(y, target, 0, where, 1, part.channels)
