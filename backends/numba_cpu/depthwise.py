"""One filter per channel: bands of rows, some neighbouring pixels at a time.

The same gathered form as the dense product (``y[j] = sum over e of x[step*j + e] *
w[e]``), without its padded copy: lines of the input that are beyond the border are not
listed (``depthwise_lines``), and pixels that are get stepped over
(``depthwise_pixels``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .compiled import compiled
from .depthwise_pixels import pixels
from .ending import mask
from .prefetching import fetch
from .vectors import UNIT, lanes_of

Array = np.ndarray[Any, Any]

#: Outputs per step, whose sums fill most registers. Those beyond a row's end cost no
#: more than a look at pixels that are not there.
OUTPUTS = 14 if UNIT.registers == 32 else 7


def by_tap(weight: Array) -> Array:
    """``(C, 1, *kernel)`` as ``(taps, C)``."""
    return np.ascontiguousarray(weight.reshape(len(weight), -1).T)


def suits(channels: int, dtype: Any) -> bool:
    """Whether there is at least one whole vector of channels."""
    return channels >= lanes_of(np.dtype(dtype))


class Geometry(NamedTuple):
    """Sizes and strides of one problem, in elements, for the kernel."""

    sample: int  # of x
    width: int
    channels: int
    rows: int  # of outputs, in a sample
    across: int
    begin: int  # the first output of a row's first step, maybe one before the row
    step: int  # pixels from what one output reads to what the next one does
    y_first: int
    y_sample: int
    y_pixel: int
    lanes: int
    band: int  # rows per task
    near: int  # rows gone through piece by piece
    bands: int
    block: int  # channels per task
    blocks: int
    asked: int  # rows of the input to ask for with each of outputs


@compiled
def banded(  # type: ignore[no-untyped-def]
    start, stop, x, w, bias, y, where, lines, table, g, low, high, masked,
    outputs, taps, step, up,
):  # fmt: skip
    """A band of rows of a block of channels per task.

    Lines and table are those of ``depthwise_lines``; the tuples' lengths are known
    when compiling, see ``depthwise_pixels``.
    """
    bounded = low > -np.inf or high < np.inf
    # of a line of one tap only the pixels that are read are looked at
    apart = 1 if len(taps) > 1 else g.step
    for task in range(start, stop):
        rest, block = divmod(task, g.blocks)
        n, band = divmod(rest, g.bands)
        row0, c0 = band * g.band, block * g.block
        row1, c1 = min(g.rows, row0 + g.band), min(g.channels, c0 + g.block)
        x_at, y_at = n * g.sample, g.y_first + n * g.y_sample
        for first in range(row0, row1, g.near):
            last = min(first + g.near, row1)
            for j in range(g.begin, g.across, len(outputs)):
                place = j * g.step if len(up) == 1 else (j - g.begin) // len(up)
                if g.asked > 0:
                    span = len(outputs) * g.step // len(up)
                    for row in range(first, last):
                        line, after = table[2 * row], table[2 * row + 2]
                        for e in range(max(line, after - g.asked), after):
                            at = x_at + lines[3 * e] + (place + span) * g.channels
                            fetch(x, at, span * g.channels)
                for channel in range(c0, c1, g.lanes):
                    # the last vector may overlap the one before, with the same results
                    c = min(channel, g.channels - g.lanes)
                    # rows innermost: what one has read the next finds in the L1 cache
                    for row in range(first, last):
                        line, after = table[2 * row], table[2 * row + 2]
                        pixels(
                            outputs, taps, step, up, x, x_at + place * g.channels,
                            place, g.width, apart, lines, line, after, w, g.channels,
                            y, y_at + table[2 * row + 1] + j * g.y_pixel, g.y_pixel,
                            j, g.across, bias, c, low, high, bounded,
                        )  # fmt: skip
        if masked:
            for row in range(row0, row1):
                at = y_at + table[2 * row + 1] + c0
                mask(y, at, g.y_pixel, where, g.across, c1 - c0)
