"""Unpooling of windows by the switches of whole planes, where they lie.

A task has one window's image for some of its channels to itself and goes through the
pooled pixels in C order, so that what meets at one place meets in the same order
however many threads there are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...per_axis import Sizes
from . import arena
from .compiled import compiled
from .layout import channels_last, logical
from .team import size as threads
from .team import spread
from .three_axes import three

if TYPE_CHECKING:
    from ...layers.boxes import Boxes

Array = np.ndarray[Any, Any]

ALONE = 1 << 16
#: Channels are not shared out more finely: they fill a cache line.
FEWEST = 16
_ALL = np.ones(1, np.bool_)


def scatter_windows(
    values: Array,
    switches: Array,
    stays: Array | None,
    size: Sizes,
    output: Boxes,
    inputs: Boxes,
) -> Array:
    """Values of boxes of pooled planes, added up at their switches in other boxes."""
    batch, channels = values.shape[:2]
    y = arena.take((batch, *inputs.shape, channels), values.dtype)
    shared = len(switches) == 1
    portions = max(1, min(-(-threads() // batch), channels // FEWEST))
    width = -(-channels // portions)
    rows = np.zeros((batch, 7), np.int64)
    rows[:, 0] = 0 if shared else output.samples
    rows[:, 4 - output.origins.shape[1] : 4] = output.origins
    rows[:, 7 - inputs.origins.shape[1] :] = inputs.origins
    numbers = (
        channels, portions, width, *three(output.shape), *three(output.plane),
        *three(inputs.shape), *three(tuple(size)),
    )  # fmt: skip
    kept = _ALL if stays is None else channels_last(stays).reshape(-1)
    spread(
        _scatter_windows,
        batch * portions,
        channels_last(values).reshape(-1),
        channels_last(switches, np.int64).reshape(-1),
        kept,
        stays is not None,
        y.reshape(-1),
        rows,
        np.array(numbers, np.int64),
        1.0 / math.prod(size[-1:]),
        1.0 / math.prod(size[-2:]),
        alone=y.nbytes < ALONE,
    )
    return logical(y)


@compiled
def _scatter_windows(  # type: ignore[no-untyped-def]
    start, stop, values, switches, stays, chosen, y, rows, numbers, per_row, per_plane
):
    channels, portions, share, od, oh, ow, pd, ph, pw, d, h, w, _, height, width = (
        numbers
    )
    for task in range(start, stop):
        b, portion = divmod(task, portions)
        first, last = portion * share, min((portion + 1) * share, channels)
        sample, oz, oy, ox, iz, iy, ix = rows[b]
        target = b * d * h * w * channels
        for pixel in range(d * h * w):
            for c in range(first, last):
                y[np.uintp(target + pixel * channels + c)] = 0
        for place in range(od * oh * ow):
            line, column = divmod(place, ow)
            plane, line = divmod(line, oh)
            plane, line, column = plane + oz, line + oy, column + ox
            if plane < 0 or plane >= pd or line < 0 or line >= ph:
                continue
            if column < 0 or column >= pw:
                continue
            pooled = ((sample * pd + plane) * ph + line) * pw + column
            source = (b * od * oh * ow + place) * channels
            for c in range(first, last):
                if chosen and not stays[np.uintp(pooled * channels + c)]:
                    continue
                switch = switches[np.uintp(pooled * channels + c)]
                # a division by a multiplication: exact as long as doubles count by 1/2
                above = np.int64((switch + 0.5) * per_row)
                behind = np.int64((switch + 0.5) * per_plane)
                at_x = switch - above * width - ix
                at_y = above - behind * height - iy
                at_z = behind - iz
                inside = np.uint64(at_x) < np.uint64(w)
                inside = inside and np.uint64(at_y) < np.uint64(h)
                if inside and np.uint64(at_z) < np.uint64(d):
                    to = ((at_z * h + at_y) * w + at_x) * channels + c
                    y[np.uintp(target + to)] += values[np.uintp(source + c)]
