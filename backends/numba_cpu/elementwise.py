"""Functions of one element at a time, in whatever order the elements lie.

An array that is contiguous in any order of its axes is one flat row of numbers, and so
is the result, which gets the same order. Chunks of it are the tasks: short enough to
stay in the cache through a function of several steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import arena
from .team import spread

Array = np.ndarray[Any, Any]

#: Elements that a task works on together.
CHUNK = 1 << 14
ALONE = 1 << 19


def memory_order(x: Array) -> list[int]:
    """The axes from the outermost in memory to the innermost."""
    if x.flags.c_contiguous:
        return list(range(x.ndim))
    return sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))


def elementwise(
    kernel: Callable[..., Any], x: Array, *others: Array, numbers: tuple[Any, ...] = ()
) -> Array:
    """``kernel(start, stop, sizes, y, x, *others, *numbers)`` over chunks of elements.

    Arrays arrive flat and in one order, that of ``x``; an array with a batch of one
    serves every sample. ``sizes`` are the chunks of a sample, the elements of a sample
    and of a chunk, and for each array the step from one sample to the next.
    """
    order = memory_order(x)
    shared = any(len(other) != len(x) for other in others)
    if shared and order[0] != 0:
        order = list(range(x.ndim))
    laid = [np.ascontiguousarray(a.transpose(order)) for a in (x, *others)]
    y = arena.take(laid[0].shape, x.dtype)
    samples = len(x) if shared else 1
    each = x.size // samples
    chunks = -(-each // CHUNK)
    steps = [0 if len(a) != len(x) else each for a in (x, *others)]
    spread(
        kernel,
        samples * chunks,
        np.array([chunks, each, CHUNK, *steps], np.int64),
        y.reshape(-1),
        *(a.reshape(-1) for a in laid),
        *numbers,
        alone=x.nbytes < ALONE,
    )
    return y.transpose(np.argsort(order))


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
