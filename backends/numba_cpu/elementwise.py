"""Functions of one element at a time, in whatever order the elements lie.

An array that is contiguous in any order of its axes is one flat row of numbers, and so
is the result, which gets the same order. Chunks of it are the tasks: short enough to
stay in the cache through a function of several steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from . import arena
from .compiled import Kernel
from .launch import Launch
from .team import spread

Array = np.ndarray[Any, Any]

#: Elements that a task works on together.
CHUNK = 1 << 14
ALONE = 1 << 19


def memory_order(x: Array) -> tuple[int, ...]:
    """The axes from the outermost in memory to the innermost."""
    if x.flags.c_contiguous:
        return tuple(range(x.ndim))
    return _ordered(x.strides)


@lru_cache(1024)
def _ordered(strides: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(strides)), key=lambda axis: -abs(strides[axis])))


def elementwise(
    kernel: Callable[..., Any], x: Array, *others: Array, numbers: tuple[Any, ...] = ()
) -> Array:
    """``kernel(start, stop, y, x, *others, sizes, *numbers)`` over chunks of elements.

    Arrays arrive flat and in one order, that of ``x``; an array with a batch of one
    serves every sample. ``sizes`` are the chunks of a sample, the elements of a sample
    and of a chunk, and for each array the step from one sample to the next.
    """
    order = memory_order(x)
    batches = tuple([len(a) for a in (x, *others)])
    shared = len(set(batches)) > 1
    if shared and order[0] != 0:
        order = tuple(range(x.ndim))
    laid = [np.ascontiguousarray(a.transpose(order)) for a in (x, *others)]
    y = arena.take(laid[0].shape, x.dtype)
    flat = [a.reshape(-1) for a in (y, *laid)]
    dtypes = tuple([a.dtype for a in flat])
    if isinstance(kernel, Kernel):
        _launch(kernel, x.size, batches, dtypes, numbers)(*flat)
    else:
        samples, sizes = _sizes(x.size, batches)
        alone = x.nbytes < ALONE
        spread(kernel, samples * sizes[0], sizes, *flat, *numbers, alone=alone)
    return y.transpose(_back(order))


def _sizes(count: int, batches: tuple[int, ...]) -> tuple[int, Array]:
    """How many samples are gone through one by one, and the sizes."""
    samples = batches[0] if len(set(batches)) > 1 else 1
    each = count // samples
    steps = [0 if batch != batches[0] else each for batch in batches]
    return samples, np.array([-(-each // CHUNK), each, CHUNK, *steps], np.int64)


@lru_cache(1024)
def _launch(
    kernel: Kernel,
    count: int,
    batches: tuple[int, ...],
    dtypes: tuple[np.dtype[Any], ...],
    numbers: tuple[Any, ...],
) -> Launch:
    samples, sizes = _sizes(count, batches)
    alone = count * dtypes[0].itemsize < ALONE
    return Launch(kernel, samples * int(sizes[0]), dtypes, sizes, *numbers, alone=alone)


@lru_cache(256)
def _back(order: tuple[int, ...]) -> tuple[int, ...]:
    """The order of the axes that undoes ``order``."""
    return tuple(map(order.index, range(len(order))))


def mapped(function: Callable[..., Array], x: Array, *others: Array) -> Array:
    """``function(x, *others)`` of NumPy's own, chunk by chunk on all threads."""
    return elementwise(_mapped, x, *others, numbers=(function,))


def _mapped(start: int, stop: int, sizes: Array, y: Array, *rest: Any) -> None:
    *arrays, function = rest
    chunks, each, length, *steps = sizes.tolist()
    with np.errstate(all="ignore"):  # another thread does not know the caller's
        for task in range(start, stop):
            n, chunk = divmod(task, chunks)
            first, last = chunk * length, min((chunk + 1) * length, each)
            parts = [
                a[n * step + first : n * step + last]
                for a, step in zip(arrays, steps, strict=True)
            ]
            y[n * each + first : n * each + last] = function(*parts)
