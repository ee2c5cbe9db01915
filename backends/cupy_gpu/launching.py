"""One thread per result: what nearly every kernel of this backend is launched with."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...arrays import Array
from .device import Device, over
from .geometry import DIVISOR, divisor, frozen
from .kernel import index_for, kernel_for


def contiguous(device: Device, array: Array) -> Array:
    """The array in C order, as the kernels read it; copied only if it is not."""
    return array if array.flags.c_contiguous else device.xp.ascontiguousarray(array)


def empty(device: Device, shape: tuple[int, ...], dtype: Any) -> Array:
    """Uninitialised memory on the device."""
    return device.xp.empty(shape, dtype)


def index_type(device: Device, *arrays: Any) -> str:
    """The type that numbers the elements of all these arrays (or counts)."""
    return device.index or index_for(*arrays)


def run(
    device: Device,
    file: str,
    function: str,
    dtype: Any,
    total: int,
    *arguments: Any,
    **macros: object,
) -> None:
    """Launch ``function`` with a thread for each of ``total`` results, if any.

    In ``arguments`` arrays and structs stand as they are, and the total as ``...``.
    """
    if not total:
        return
    given = [np.int64(total) if a is ... else a for a in arguments]
    kind = device.xp.ndarray
    index = index_type(device, total, *[a for a in given if type(a) is kind])
    kernel = kernel_for(file, function, dtype, index, **macros)
    device.launch(kernel, *over(total), given)


@lru_cache(4096)
def divisor_of(value: int) -> Any:
    """The struct ``Divisor`` of ``prelude.cuh``."""
    return frozen(np.array(divisor(value), DIVISOR))
