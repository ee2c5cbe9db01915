"""Scattering by switches and back, deterministically: a block per tile of a plane."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...arrays import Array, accumulator, narrowed
from ...per_axis import Sizes
from .device import Device
from .geometry import frozen, prod
from .kernel import THREADS, kernel_for
from .launching import contiguous, divisor_of, empty, index_type, run

PLANES = np.dtype(
    [
        ("area", "i8"),
        ("pooled", "i8"),
        ("shared", "i8"),
        ("tiles", "i8"),
        ("tile", "i4"),
        ("chunks", "i4"),
        ("rule", "i4"),
        ("unused", "i4"),
    ]
)
TILE = 2048  # places of a plane that a block keeps in shared memory
FEW = 4  # tiles of a plane that go through all its switches: a cache has them
RULES = {"sum": 0, "assign": 1, "first": 2, "max": 3, "mean": 4}  # as in switches.cu


@lru_cache(1024)
def _planes(*numbers: int) -> Any:
    return frozen(np.array((*numbers, 0), PLANES))


class _Tiles:
    """How a call's planes are cut up, and what its kernels are launched with."""

    def __init__(
        self, device: Device, values: Array, switches: Array, area: int, overlap: str
    ):
        channels, pooled = values.shape[1], prod(values.shape[2:])
        self.device = device
        self.tile = min(TILE, max(1, area))
        self.tiles = -(-area // self.tile)
        self.chunks = -(-pooled // THREADS)
        self.count = len(values) * channels * self.tiles
        shared = channels if len(switches) != len(values) else 0
        sizes = (area, pooled, shared, self.tiles, self.tile, self.chunks)
        self.planes = _planes(*sizes, RULES[overlap])
        counts = (values, len(values) * channels * area)
        self.index = index_type(device, *counts)
        self.spans = self._spans(switches) if self.tiles > FEW else None

    def _spans(self, switches: Array) -> Array:
        """The smallest and the largest switch of each chunk of values."""
        blocks = switches.shape[0] * switches.shape[1] * self.chunks
        dtype = np.int32 if self.index == "int" else np.int64
        spans = empty(self.device, (blocks, 2), dtype)
        if blocks:
            kernel = kernel_for("switches.cu", "spans", np.float32, self.index)
            arguments = (switches, spans, self.planes)
            self.device.launch(kernel, (blocks,), (THREADS,), arguments)
        return spans

    def launch(self, name: str, dtype: Any, *arguments: Any) -> None:
        """A block for each tile of each plane."""
        if not self.count:
            return
        kernel = kernel_for("switches.cu", name, dtype, self.index)
        wide = accumulator(np.dtype(dtype)).itemsize
        each = wide + 2 * (4 if self.index == "int" else 8)
        shared = each * self.tile
        block = (THREADS,)
        self.device.launch(
            kernel, (self.count,), block, (*arguments, self.planes), shared
        )


def scatter(
    device: Device,
    values: Array,
    switches: Array,
    output_size: Sizes,
    overlap: str,
    where: Array | None = None,
) -> Array:
    values, switches = (contiguous(device, a) for a in (values, switches))
    where = None if where is None else contiguous(device, where)
    dtype = values.dtype
    whole = np.int64 if dtype.kind in "iu" else dtype
    shape = (*values.shape[:2], *output_size)
    image = empty(device, shape, whole)
    tiles = _Tiles(device, values, switches, prod(output_size), overlap)
    tiles.launch("scatter", dtype, values, switches, tiles.spans, where, image)
    return narrowed(image, dtype)


def scatter_grad(
    device: Device, grad: Array, values: Array, switches: Array, overlap: str
) -> Array:
    if overlap == "sum":
        return gather(device, grad, switches)
    grad, values, switches = (contiguous(device, a) for a in (grad, values, switches))
    result = empty(device, values.shape, grad.dtype)
    tiles = _Tiles(device, values, switches, prod(grad.shape[2:]), overlap)
    arguments = (grad, values, switches, tiles.spans, result)
    tiles.launch("scatter_grad", grad.dtype, *arguments)
    return result


def gather(device: Device, x: Array, switches: Array) -> Array:
    x, switches = (contiguous(device, a) for a in (x, switches))
    batch = len(switches) if len(x) == 1 else len(x)
    channels, pooled = x.shape[1], prod(switches.shape[2:])
    y = empty(device, (batch, *switches.shape[1:]), x.dtype)
    sizes = (
        prod(x.shape[2:]),
        *(0 if len(a) == batch else channels for a in (x, switches)),
    )
    run(
        device,
        "switches.cu",
        "gather",
        x.dtype,
        y.size,
        *(x, switches, y, ..., divisor_of(pooled), *map(np.int64, sizes)),
        RULE=0,
    )
    return y
