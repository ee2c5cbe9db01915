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
from .ending import Ending, beside, streams
from .launch import Launch
from .layout import OWN, Pitches, landing, start_of
from .packing import packed, panel_width, row
from .prefetching import FAR
from .vectors import lanes_of
from .winograd_kernels import Geometry, fused, inputs, products
from .winograd_matrices import BY_TILE, Filtering
from .winograd_weights import transformed

Array = np.ndarray[Any, Any]

#: Panels of filters whose products are kept at a time, to stay in the L2 cache; with
#: more than so many channels inputs fill that, and it is one panel.
GROUP, CHANNELS = 4, 256
#: Fewer tiles than this per thread, and the threads share out the filters instead.
FEW = 24


def _tiles_per_block(channels: int) -> int:
    """More tiles for more weights, which are read once per block."""
    return 28 if channels <= 128 else 56


class Plan(NamedTuple):
    """One convolution, but for the numbers."""

    filtering: Filtering
    flipped: bool
    pitch: int | None  # of what it reads
    result: tuple[int, ...]  # the shape of its memory, channels last
    transformed: tuple[int]  # elements of V, where it is kept for all blocks
    inputs: Launch | None  # makes V, unless a task does everything for its block
    outputs: Launch
    start: Array  # without a bias

    def __call__(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        where: Array | None = None,
        out: Array | None = None,
    ) -> Array:
        """``conv(x, weight) + bias`` with its ending."""

        def pack(w: Array) -> Array:
            return transformed(w, self.filtering, flipped=self.flipped)

        tile, filters = self.filtering.tile, self.result[-1]
        u = packed(weight, "winograd", pack, tile, self.flipped)
        start = self.start
        if bias is not None:
            start = packed(bias, "winograd bias", lambda b: _start(b, filters, b.dtype))
        source = start_of(x, self.pitch)
        flat, y = landing(self.result, x.dtype, out)
        if self.inputs is not None:
            v = arena.take(self.transformed, x.dtype)
            self.inputs(source, v)
            source = v
        self.outputs(source, u, start, flat, beside(where, flat))
        return y


@lru_cache(512)
def plan(
    shape: tuple[int, ...],
    filters: int,
    begin: tuple[int, int],
    outputs: tuple[int, int],
    tile: int,
    dtype: np.dtype[Any],
    ending: Ending,
    threads: int,
    pitches: Pitches = OWN,
    *,
    flipped: bool = False,
) -> Plan:
    """How the work on ``x`` of this shape is cut, for so many threads.

    The padding is ``begin`` in front of each axis, ``tile`` the filtering's points;
    ``flipped`` takes the weight of the convolution this is the input gradient of.
    """
    batch, channels, height, width = shape
    filtering, t = BY_TILE[tile], tile
    margin, gives = filtering.margin, filtering.outputs
    lanes, panel = lanes_of(dtype), panel_width(dtype)
    panels = -(-filters // panel)
    wide = -(-channels // lanes) * lanes
    # rows a multiple of 2 KB apart would share few lines of the L1 cache
    pitch = wide + (lanes if wide * dtype.itemsize % 2048 == 0 else 0)
    down, across = (-(-o // gives) for o in outputs)
    tiles = batch * down * across
    together = tiles >= FEW * threads or margin > 0  # those come in large batches
    block = min(_tiles_per_block(channels), -(-tiles // threads) if together else tiles)
    blocks = -(-tiles // block)
    if together and blocks < 4 * threads:  # a few that do not come out even show
        block = -(-tiles // (blocks + -blocks % threads))
        blocks = -(-tiles // block)
    group = 1 if together and channels > CHANNELS else min(GROUP, panels)
    if not together:
        group = max(1, min(group, blocks * panels // (2 * threads)))
    # some lines more than they need apart, products do not share a few of the cache's
    apart, apart_out = (n + 3 * lanes for n in (block * pitch, block * group * panel))
    nbytes = batch * outputs[0] * outputs[1] * filters * dtype.itemsize
    geometry = Geometry(
        height, width, channels, wide, pitch, apart, apart_out, *outputs, filters,
        panels, panel, group, lanes, filtering.reads, gives, down, across,
        begin[0] - margin, begin[1] - margin, tiles, block, pitches.x or channels,
        pitches.y or filters,
        streams(nbytes, lanes, ending, filters, pitches.y or filters),
        batch * height * width * (pitches.x or channels) * dtype.itemsize >= FAR // 2,
    )  # fmt: skip
    patch = t * t * max(wide, group * panel)
    private = t * t * apart_out + patch
    size = (0,) * t  # its type tells kernels how many points there are
    rest = Fixed(np.zeros(1, np.int64), geometry), *ending.numbers(dtype), size
    five = (dtype,) * 5
    before = None
    if together:
        private += t * t * apart
        after = Launch(fused, blocks, five, *rest, scratch=(private, dtype))
    else:
        two, own = (dtype, dtype), (patch, dtype)
        before = Launch(inputs, tiles, two, Fixed(geometry), size, scratch=own)
        tasks = blocks * -(-panels // group)
        after = Launch(products, tasks, five, *rest, scratch=(private, dtype))
    return Plan(
        filtering, flipped, pitches.x, (batch, *outputs, filters),
        (blocks * t * t * apart,), before, after, _start(None, filters, dtype),
    )  # fmt: skip


def _start(bias: Array | None, filters: int, dtype: np.dtype[Any]) -> Array:
    """The bias, and behind it zeros: what the sums of products start from."""
    zeros = np.zeros(panel_width(dtype), dtype)
    return np.append(row(bias, filters, dtype), zeros)
