"""Unpooling of windows by the switches of whole planes, where they lie.

Those of a regular pool have codes (:mod:`.switch_codes`); any others are for this.

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
from .compiled import compiled, intrinsic, types
from .layout import channels_last, logical
from .switch_codes import Codes, collect_windows
from .team import size as threads
from .team import spread
from .three_axes import three
from .vectors import I32

if TYPE_CHECKING:
    from ...layers.boxes import Boxes

Array = np.ndarray[Any, Any]

ALONE = 1 << 16
#: Channels are not shared out more finely: they fill a cache line.
FEWEST = 16
#: Pixels of a plane up to which numbers of 32 bits are exact enough to divide switches.
EXACT = 1 << 20
_ALL = np.ones(1, np.bool_)


def scatter_windows(
    values: Array,
    switches: Array,
    stays: Array | None,
    size: Sizes,
    output: Boxes,
    inputs: Boxes,
    codes: Codes | None = None,
) -> Array:
    """Values of boxes of pooled planes, added up at their switches in other boxes."""
    if codes is not None:
        return collect_windows(values, codes, output, inputs)
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
    area = math.prod(size[-2:])
    real = np.float32 if math.prod(size) < EXACT else np.float64
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
        *(real(each) for each in (0.5, 1 / math.prod(size[-1:]), 1 / area)),
        scratch=(width, np.int32),
        alone=y.nbytes < ALONE,
    )
    return logical(y)


@compiled
def _scatter_windows(  # type: ignore[no-untyped-def]
    start, stop, own, values, switches, stays, chosen, y, rows, numbers, half, per_row,
    per_plane,
):  # fmt: skip
    channels, portions, share, od, oh, ow, pd, ph, pw, d, h, w, _, height, width = (
        numbers
    )
    for task in range(start, stop):
        b, portion = divmod(task, portions)
        first, last = portion * share, min((portion + 1) * share, channels)
        sample, oz, oy, ox, iz, iy, ix = rows[b]
        target = b * d * h * w * channels + first
        for empty in range(d * h * w):
            for c in range(last - first):
                y[np.uintp(target + empty * channels + c)] = 0
        for place in range(od * oh * ow):
            line, column = divmod(place, ow)
            plane, line = divmod(line, oh)
            plane, line, column = plane + oz, line + oy, column + ox
            if plane < 0 or plane >= pd or line < 0 or line >= ph:
                continue
            if column < 0 or column >= pw:
                continue
            pooled = ((sample * pd + plane) * ph + line) * pw + column
            _point(
                own, switches, pooled * channels + first, last - first, iz, iy, ix,
                d, h, w, height, width, half, per_row, per_plane,
            )  # fmt: skip
            if chosen:
                _drop(own, stays, pooled * channels + first, last - first)
            source = (b * od * oh * ow + place) * channels + first
            for c in range(last - first):
                pixel = np.int64(own[np.uintp(c)])
                value = values[np.uintp(source + c)]
                if pixel < 0:  # no branch: nobody could foresee it
                    pixel, value = np.int64(0), y.dtype.type(0)
                y[np.uintp(target + pixel * channels + c)] += value


@intrinsic
def _real(typingctx, number, like):  # type: ignore[no-untyped-def]
    """A whole number as one of another's type; it has 32 bits if that one does."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = builder.trunc(args[0], I32) if like.bitwidth == 32 else args[0]
        return builder.sitofp(value, args[1].type)

    return like(number, like), codegen


@intrinsic
def _times(typingctx, a, b):  # type: ignore[no-untyped-def]
    """The lower 32 bits of a product: those of 64 take several times as long."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = (each if each.type == I32 else builder.trunc(each, I32) for each in args)
        return builder.mul(a, b)

    return types.int32(a, b), codegen


@compiled
def _point(  # type: ignore[no-untyped-def]
    own, switches, at, count, iz, iy, ix, d, h, w, height, width,
    half, per_row, per_plane,
):  # fmt: skip
    """Which pixel of a window so many switches point at; -1: none.

    A division is a multiplication, exact as long as its error is less than half a step.
    """
    for c in range(count):
        switch = switches[np.uintp(at + c)]
        middle = _real(switch, half) + half
        above = np.int32(middle * per_row)
        behind = np.int32(middle * per_plane)
        at_x = np.int32(switch - _times(above, width) - ix)
        at_y = np.int32(above - _times(behind, height) - iy)
        at_z = np.int32(behind - iz)
        inside = np.uint32(at_x) < np.uint32(w)
        inside &= np.uint32(at_y) < np.uint32(h)
        inside &= np.uint32(at_z) < np.uint32(d)
        pixel = np.int32(_times(_times(at_z, h) + at_y, w) + at_x)
        own[np.uintp(c)] = pixel if inside else np.int32(-1)


@compiled
def _drop(own, stays, at, count):  # type: ignore[no-untyped-def]
    """Point nowhere where something else stays."""
    for c in range(count):
        there = own[np.uintp(c)]
        own[np.uintp(c)] = there if stays[np.uintp(at + c)] else np.int32(-1)
