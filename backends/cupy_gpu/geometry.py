"""Geometry as the kernels take it: windows on three axes, and divisors."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ...per_axis import Sizes
from ...window import Window

DIVISOR = np.dtype([("value", "i8"), ("magic", "u4"), ("shift", "u4")])
WINDOW = np.dtype(
    [
        ("size", DIVISOR, 3),
        ("outputs", DIVISOR, 3),
        ("kernel", "i4", 3),
        ("stride", "i4", 3),
        ("begin", "i4", 3),
        ("end", "i4", 3),
        ("dilation", "i4", 3),
    ],
    align=True,
)


@lru_cache(4096)
def divisor(value: int) -> tuple[int, int, int]:
    """``value``, and the product and shift that divide numbers below 2^31 by it.

    With ``shift = ceil(log2(value))``, ``magic = 2^32 (2^shift - value) / value + 1``
    the quotient is ``(high32(n*magic) + n) >> shift`` (Granlund & Montgomery 1994).
    """
    value = max(1, value)
    shift = (value - 1).bit_length()
    magic = ((1 << 32) * ((1 << shift) - value)) // value + 1 if shift < 32 else 0
    return value, magic, shift


def frozen(struct: Any) -> Any:
    """The struct as one that never changes: it goes to kernels the shorter way."""
    struct.setflags(write=False)
    return struct


def divisors(sizes: Sizes) -> list[tuple[int, int, int]]:
    """One for each of three axes; those that are not there have size 1."""
    return [divisor(n) for n in three(sizes, 1)]


def three(values: Sizes, missing: int) -> tuple[int, ...]:
    """Values of three axes, the missing ones first."""
    return (missing,) * (3 - len(values)) + tuple(map(int, values))


@lru_cache(4096)
def packed(window: Window, size: Sizes, outputs: Sizes) -> Any:
    """The struct ``Window`` of ``window.cuh``."""
    struct = np.zeros((), WINDOW)
    struct["size"], struct["outputs"] = divisors(size), divisors(outputs)
    struct["kernel"] = three(window.kernel, 1)
    struct["stride"] = three(window.stride, 1)
    struct["begin"] = three(tuple(b for b, _ in window.padding), 0)
    struct["end"] = three(tuple(e for _, e in window.padding), 0)
    struct["dilation"] = three(window.dilation, 1)
    return frozen(struct)


def between(size: Sizes, outputs: Sizes) -> Any:
    """The struct for kernels that look at no more than the two sizes."""
    ones = (1,) * len(size)
    still = Window(ones, ones, ((0, 0),) * len(size), ones)
    return packed(still, tuple(size), tuple(outputs))


@lru_cache(1024)
def fixed(window: Window) -> dict[str, str]:
    """Macros that tell the compiler how the window moves."""
    named = {
        "KERNEL": window.kernel,
        "STRIDE": window.stride,
        "DILATION": window.dilation,
    }
    return {
        name: "{" + ",".join(map(str, three(values, 1))) + "}"
        for name, values in named.items()
    }


def prod(sizes: Sizes) -> int:
    """The product of sizes, as a plain number."""
    return math.prod(map(int, sizes))
