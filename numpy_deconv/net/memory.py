"""How much memory a method may take, where the arrays lie that it works on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from ..arrays import Array, family
from ..errors import OptionError
from ..functional.options import whole

Result = TypeVar("Result")

UNKNOWN = 8 * 2**30  # taken for the machine's memory where it does not say

CHUNK_BYTES = {"numpy": 2**28, "cupy": 2**30}
"""Under way at a time: every batch reads the weights again, and a GPU wants to be
filled. Much more brings nothing, and is not always to be had."""


def memory_limit(memory: Any = None, like: Any = None) -> int:
    """``memory`` in bytes; None is a quarter of what there is where ``like`` lies.

    That is the machine's memory or, for an array on a GPU, what is free there now.
    """
    if memory is None:
        on_device = family(like) == "cupy"
        return (device_memory() if on_device else machine_memory()) // 4
    try:
        return whole(memory, "memory", 1)
    except OptionError as error:
        raise OptionError(
            f"memory must be a whole number of bytes above 0, or None, got {memory!r}"
        ) from error


def chunk_limit(memory: int, like: Any) -> int:
    """Bytes of one batch of windows: no more than ``memory``, nor than is useful."""
    return min(memory, CHUNK_BYTES[family(like)])


def device_memory() -> int:
    """Bytes that are free on the current GPU, those among them that CuPy keeps."""
    cupy = sys.modules["cupy"]
    free, _ = cupy.cuda.runtime.memGetInfo()
    return int(free) + int(cupy.get_default_memory_pool().free_bytes())


def machine_memory() -> int:
    """Bytes of physical memory."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return UNKNOWN


def free_memory(like: Any) -> None:
    """Give back what CuPy keeps for later, where ``like`` lies on a GPU."""
    if family(like) == "cupy":
        sys.modules["cupy"].get_default_memory_pool().free_all_blocks()


def in_halves(x: Array, compute: Callable[[slice], Result]) -> list[Result]:
    """What ``compute`` makes of all samples of ``x``, or, where memory runs out, of
    halves of them, and halves of those, in their order.

    Raises MemoryError, and says what was too large, if a single one does not fit.
    """
    waiting, found = [slice(0, len(x))], []
    while waiting:
        part = waiting.pop()
        try:
            found.append(compute(part))
        except MemoryError as error:
            if part.stop - part.start < 2:
                raise too_large(
                    f"a single sample of shape {x.shape[1:]}", error
                ) from error
            middle = (part.start + part.stop) // 2
            waiting += [slice(middle, part.stop), slice(part.start, middle)]
            free_memory(x)
    return found


def joined(parts: list[Array]) -> Array:
    """The results of all samples in one array."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def too_large(what: str, error: MemoryError) -> MemoryError:
    """The error for something that does not even fit by itself."""
    return MemoryError(
        f"{what} does not fit into memory ({error}): use a smaller input or a layer "
        "further down, or leave more memory free"
    )
