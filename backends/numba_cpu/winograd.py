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

#: Tiles per block: enough for the weights, read once per block, not to be the limit.
TILES = 56
#: Panels of filters whose products are kept at a time: these stay in the L2 cache.
GROUP = 2


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
    tiles, group = batch * down * across, min(GROUP, len(u))
    blocks = -(-tiles // TILES)
    block = -(-tiles // blocks)
    blocks = -(-tiles // block)
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
    if blocks >= 2 * size() or blocks % size() == 0:
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
