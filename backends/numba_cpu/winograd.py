"""3x3 convolutions of stride 1 by Winograd's filtering, in blocks that stay in cache.

Per block of tiles: transform the inputs, ``t*t`` products of matrices ``(tiles,
channels) @ (channels, filters)``, transform back with bias and bounds on the way. Where
there are too few blocks to share out, all inputs are transformed first and the threads
share out the filters instead.

Rounding: about ten times that of the direct sum on data around zero. One NaN or
infinity spoils the whole tile.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import arena
from .arguments import Fixed
from .layout import channels_last, logical
from .microkernel import ROWS, VECTORS
from .packing import packed, panel_width, row
from .team import size, spread
from .vectors import lanes_of
from .winograd_kernels import Geometry, fused, inputs, products
from .winograd_transforms import BY_TILE
from .winograd_weights import transformed

Array = np.ndarray[Any, Any]

#: Panels of filters whose products are kept at a time: these stay in the L2 cache.
GROUP = 4
#: Fewer tiles than this per thread, and the threads share out the filters instead.
FEW = 24


def _tiles_per_block(channels: int) -> int:
    """More tiles for more weights, which are read once per block."""
    return 28 if channels <= 128 else 56 if channels <= 256 else 112


class Plan(NamedTuple):
    """One convolution, but for the numbers."""

    tile: tuple[int, ...]  # as long as a tile: its type tells kernels the size
    result: tuple[int, ...]  # the shape of its memory, channels last
    together: bool  # whether a task does everything for its block
    tasks: int
    geometry: Geometry
    transformed: tuple[int]  # elements of V, where it is kept for all blocks
    scratch: tuple[int, Any]
    input_scratch: tuple[int, Any]
    fixed: Fixed  # one offset of zero, and the geometry
    start: Array  # without a bias


@lru_cache(512)
def plan(
    shape: tuple[int, ...],
    filters: int,
    begin: tuple[int, int],
    outputs: tuple[int, int],
    outputs_per_tile: int,
    dtype: np.dtype[Any],
    threads: int,
) -> Plan:
    """How the work on ``x`` of this shape is cut, for so many threads."""
    batch, channels, height, width = shape
    t = outputs_per_tile + 2
    lanes, panel = lanes_of(dtype), panel_width(dtype)
    panels = -(-filters // panel)
    wide = -(-channels // lanes) * lanes
    # rows a multiple of 2 KB apart would share few lines of the L1 cache
    pitch = wide + (lanes if wide * dtype.itemsize % 2048 == 0 else 0)
    down, across = (-(-o // outputs_per_tile) for o in outputs)
    tiles = batch * down * across
    together = tiles >= FEW * threads
    block = min(_tiles_per_block(channels), -(-tiles // threads) if together else tiles)
    blocks = -(-tiles // block)
    group = min(GROUP, panels)
    if not together:
        group = max(1, min(group, blocks * panels // (2 * threads)))
    geometry = Geometry(
        height, width, channels, wide, pitch, *outputs, filters, panels, panel, group,
        lanes, down, across, *begin, tiles, block,
    )  # fmt: skip
    patch = t * t * max(wide, group * panel)
    private = t * t * block * group * panel + patch + ROWS * VECTORS * lanes
    whole = blocks * t * t * block * pitch
    if together:
        private += t * t * block * pitch
    return Plan(
        (0,) * t, (batch, *outputs, filters), together,
        blocks if together else blocks * -(-panels // group), geometry, (whole,),
        (private, dtype), (patch, dtype), Fixed(np.zeros(1, np.int64), geometry),
        _start(None, filters, dtype),
    )  # fmt: skip


def _start(bias: Array | None, filters: int, dtype: np.dtype[Any]) -> Array:
    """The bias, and behind it zeros: what the sums of products start from."""
    zeros = np.zeros(panel_width(dtype), dtype)
    return np.append(row(bias, filters, dtype), zeros)


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
    filters = weight.shape[1] if flipped else weight.shape[0]
    threads = size()
    planned = plan(x.shape, filters, begin, outputs, outputs_per_tile, x.dtype, threads)
    filtering = BY_TILE[outputs_per_tile + 2]

    def pack(w: Array) -> Array:
        return transformed(w, filtering, flipped=flipped)

    u = packed(weight, "winograd", pack, filtering.tile, flipped).reshape(-1)
    start = planned.start
    if bias is not None:
        start = packed(bias, "winograd bias", lambda b: _start(b, filters, b.dtype))
    source = channels_last(x).reshape(-1)
    y = arena.take(planned.result, x.dtype)
    number = x.dtype.type
    ends = (
        u, start, y.reshape(-1), planned.fixed, number(low),
        number(high), planned.tile,
    )  # fmt: skip
    if planned.together:
        spread(fused, planned.tasks, source, *ends, scratch=planned.scratch)
        return logical(y)
    v = arena.take(planned.transformed, x.dtype)
    g = planned.geometry
    spread(inputs, g.tiles, source, v, g, planned.tile, scratch=planned.input_scratch)
    spread(products, planned.tasks, v, *ends, scratch=planned.scratch)
    return logical(y)
