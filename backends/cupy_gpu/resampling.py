"""Upsampling and its adjoint."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...arrays import Array
from ...per_axis import Sizes
from ...reference.resampling import upsampled_length
from .device import Device
from .geometry import DIVISOR, divisors, frozen
from .launching import contiguous, empty, run

SCALES = np.dtype(
    [
        ("size", DIVISOR, 3),
        ("outputs", DIVISOR, 3),
        ("scale", "f8", 3),
        ("linear", "i4", 3),
    ],
    align=True,
)


@lru_cache(1024)
def _scales(size: Sizes, outputs: Sizes, scale: tuple[float, ...], mode: str) -> Any:
    """The struct ``Scales``. An axis that keeps its length keeps its samples."""
    absent = 3 - len(size)
    struct = np.zeros((), SCALES)
    struct["size"], struct["outputs"] = divisors(size), divisors(outputs)
    linear = [
        int(mode != "nearest" and a != b) for a, b in zip(size, outputs, strict=True)
    ]
    kept = [
        1.0 if mode != "nearest" and a == b else s
        for s, a, b in zip(scale, size, outputs, strict=True)
    ]
    struct["scale"] = [1.0] * absent + kept
    struct["linear"] = [0] * absent + linear
    return frozen(struct)


def upsample(device: Device, x: Array, scale: tuple[float, ...], mode: str) -> Array:
    x = contiguous(device, x)
    size = x.shape[2:]
    outputs = tuple(upsampled_length(n, s) for n, s in zip(size, scale, strict=True))
    y = empty(device, (*x.shape[:2], *outputs), x.dtype)
    scales = _scales(size, outputs, scale, mode)
    copies = np.int32(not scales["linear"].any())
    arguments = (x, y, ..., scales, copies)
    run(device, "resampling.cu", "upsample", x.dtype, y.size, *arguments)
    return y


def upsample_grad(
    device: Device, grad: Array, input_size: Sizes, scale: tuple[float, ...], mode: str
) -> Array:
    grad = contiguous(device, grad)
    size = tuple(input_size)
    image = empty(device, (*grad.shape[:2], *size), grad.dtype)
    scales = _scales(size, grad.shape[2:], scale, mode)
    arguments = (grad, image, ..., scales)
    run(device, "resampling.cu", "upsample_grad", grad.dtype, image.size, *arguments)
    return image
