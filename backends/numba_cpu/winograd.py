"""3x3 convolutions of stride 1 by Winograd's filtering, in blocks that stay in cache.

Per block of tiles: transform the inputs, ``t*t`` products of matrices ``(tiles,
channels) @ (channels, filters)``, transform back with bias and bounds on the way. Where
there are too few blocks to share out, all inputs are transformed first and the threads
share out the filters instead.

Rounding: about ten times that of the direct sum on data around zero. One NaN or
infinity spoils the whole tile.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import arena
from .layout import channels_last, empty, logical
from .microkernel import ROWS, VECTORS
from .packing import in_panels, packed, panel_width, row
from .team import size, spread
from .vectors import lanes_of
from .winograd_kernels import Geometry, fused, inputs, products
from .winograd_transforms import BY_TILE

Array = np.ndarray[Any, Any]

#: Panels of filters whose products are kept at a time: these stay in the L2 cache.
GROUP = 4
#: Fewer tiles than this per thread, and the threads share out the filters instead.
FEW = 24


def _tiles_per_block(channels: int) -> int:
    """More tiles for more weights, which are read once per block."""
    return 28 if channels <= 128 else 56 if channels <= 256 else 112


def conv(
    x: Array,
    weight: Array,
    bias: Array | None,
    begin: tuple[int, int],
    outputs: tuple[int, int],
    outputs_per_tile: int,
    low: float,
    high: float,
    *,
    flipped: bool = False,
) -> Array:
    """``clip(conv(x, weight) + bias)``, padding ``begin`` in front of each axis.

    ``flipped`` takes the weight of the convolution this is the input gradient of.
    """
    filtering = BY_TILE[outputs_per_tile + 2]
    t = filtering.tile

    def pack(w: Array) -> Array:
        if flipped:
            w = w[:, :, ::-1, ::-1].swapaxes(0, 1)
        return in_panels(filtering.transformed(w))

    u = packed(weight, "winograd", pack, t, flipped)
    filters = weight.shape[1] if flipped else weight.shape[0]
    source = channels_last(x)
    batch, height, width, channels = source.shape
    y = empty(batch, filters, outputs, x.dtype)
    lanes, panel = lanes_of(x.dtype), panel_width(x.dtype)
    wide = -(-channels // lanes) * lanes
    # rows a multiple of 2 KB apart would share few lines of the L1 cache
    pitch = wide + (lanes if wide * x.itemsize % 2048 == 0 else 0)
    down, across = (-(-o // outputs_per_tile) for o in outputs)
    tiles, threads = batch * down * across, size()
    together = tiles >= FEW * threads
    block = min(_tiles_per_block(channels), -(-tiles // threads) if together else tiles)
    blocks = -(-tiles // block)
    group = min(GROUP, len(u))
    if not together:
        group = max(1, min(group, blocks * len(u) // (2 * threads)))
    g = Geometry(
        height, width, channels, wide, pitch, *outputs, filters, len(u), panel, group,
        lanes, down, across, *begin, tiles, block,
    )  # fmt: skip
    number = x.dtype.type
    # behind the bias, zeros: what the sums of products start from
    start = np.append(row(bias, filters, x.dtype), np.zeros(panel, x.dtype))
    ends = u.reshape(-1), start, y.reshape(-1), np.zeros(1, np.int64)
    shape, bounds = (0,) * t, (number(low), number(high))
    patch = t * t * max(wide, group * panel)
    private = t * t * block * group * panel + patch + ROWS * VECTORS * lanes
    if together:
        spread(
            fused, blocks, source.reshape(-1), *ends, g, *bounds, shape,
            scratch=(t * t * block * pitch + private, x.dtype),
        )  # fmt: skip
        return logical(y)
    v = arena.take((blocks * t * t * block * pitch,), x.dtype)
    spread(inputs, tiles, source.reshape(-1), v, g, shape, scratch=(patch, x.dtype))
    spread(
        products, blocks * -(-len(u) // group), v, *ends, g, *bounds, shape,
        scratch=(private, x.dtype),
    )  # fmt: skip
    return logical(y)
