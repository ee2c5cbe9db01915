"""Local response normalisation, forward and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...arrays import Array, accumulator
from .device import Device
from .geometry import frozen, prod
from .launching import contiguous, divisor_of, empty, run

NEIGHBOURS = np.dtype(
    [
        ("area", "i8"),
        ("channels", "i4"),
        ("size", "i4"),
        ("stretch", "i4"),
        ("before", "i4"),
        ("after", "i4"),
        ("scale", "f8"),
        ("beta", "f8"),
        ("k", "f8"),
    ],
    align=True,
)
FILE = "normalisation.cu"
WANTED = 1 << 17  # threads that fill a large card
USUAL, LONGEST = 5, 8  # a window that is kept in registers


class _Walk:
    """How the channels of each position are shared out among threads."""

    def __init__(
        self, shape: tuple[int, ...], size: int, alpha: float, beta: float, k: float
    ):
        batch, channels = shape[:2]
        area = prod(shape[2:])
        columns = max(1, batch * area)
        stretches = min(max(1, channels // 8), -(-WANTED // columns)) or 1
        stretch = max(1, -(-channels // stretches))
        stretches = -(-channels // stretch)
        # a window wider than the channels on both sides reaches no further
        before, after = min(size // 2, channels), min((size - 1) // 2, channels)
        reach = min(size, 2 * channels + 1)
        each = (area, channels, reach, stretch, before, after)
        self.total = batch * area * stretches
        self.geometry = (
            ...,
            divisor_of(area),
            divisor_of(stretches),
            frozen(np.array((*each, alpha / size, beta, k), NEIGHBOURS)),
        )
        self.size = size

    def macros(self, device: Device) -> dict[str, Any]:
        """A window that is not long is kept in registers."""
        short = self.size <= LONGEST if device.specialises else self.size == USUAL
        return {"SIZE": self.size} if short else {}


_walk = lru_cache(1024)(_Walk)


def local_response_norm(
    device: Device, x: Array, size: int, alpha: float, beta: float, k: float
) -> Array:
    x = contiguous(device, x)
    y = empty(device, x.shape, x.dtype)
    walk = _walk(x.shape, size, alpha, beta, k)
    name = "local_response_norm"
    arguments, macros = (x, y, *walk.geometry), walk.macros(device)
    run(device, FILE, name, x.dtype, walk.total, *arguments, **macros)
    return y


def local_response_norm_grad(
    device: Device,
    grad: Array,
    x: Array,
    size: int,
    alpha: float,
    beta: float,
    k: float,
) -> Array:
    grad, x = contiguous(device, grad), contiguous(device, x)
    result = empty(device, grad.shape, grad.dtype)
    share = empty(device, grad.shape, accumulator(grad.dtype))
    walk = _walk(grad.shape, size, alpha, beta, k)
    period = np.int64(0 if x.size == grad.size else x.size)
    rest = (*walk.geometry, period)
    name = "local_response_share"
    run(device, FILE, name, grad.dtype, walk.total, grad, x, share, *rest)
    name = "local_response_norm_grad"
    run(device, FILE, name, grad.dtype, walk.total, grad, x, share, result, *rest)
    return result
