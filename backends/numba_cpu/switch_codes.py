"""Unpooling of windows by codes: a byte for each switch, made once for all windows.

What many windows read of the same switches is small that way, and says at which tap of
its own window a value lies. The usual pools go block by block (:mod:`.code_blocks`);
of others, values at the same tap of theirs go to pixels a stride apart, in vectors.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from . import arena, code_blocks
from .block_vectors import STREAMED
from .code_vectors import add_named
from .compiled import compiled
from .layout import channels_last, logical
from .regular import WIDEST, guessed
from .team import spread
from .vectors import lanes_of

if TYPE_CHECKING:
    from ...layers.boxes import Boxes

Array = np.ndarray[Any, Any]

NOWHERE = 255
"""The code of a value that is dropped."""
ALONE = 1 << 16


class Codes(NamedTuple):
    """Which tap of its pool's window each switch is, and how windows lie."""

    taps: Array  # (N, *pooled, C) as bytes: numbers of taps, or NOWHERE
    strides: tuple[int, int]
    lows: tuple[int, int]  # the first sample of a window, from its stride's
    spans: tuple[int, int]


def switch_codes(switches: Array, stays: Array | None, size: Sizes) -> Codes | None:
    """Codes of ``switches (N, C, *pooled)`` into planes of ``size``; None where they
    are not those of a small regular window on one or two axes.

    Where ``stays`` is False the value is dropped.
    """
    pooled = switches.shape[2:]
    if not switches.size or not 1 <= len(pooled) <= 2:
        return None
    index = channels_last(switches, np.int64)
    strides, bounds = guessed(index, pooled, size)
    spans = tuple(high - low + 1 for low, high in bounds)
    if min(spans) < 1 or math.prod(spans) > WIDEST:
        return None
    lows = tuple(low for low, _ in bounds)
    taps = np.empty(index.shape, np.uint8)
    kept = np.ones(1, np.bool_) if stays is None else channels_last(stays).reshape(-1)
    sizes = [_two(each, 1) for each in (pooled, size, strides)]
    numbers = (
        index.shape[-1], *sum(sizes, ()), *_two(lows, 0), *_two(spans, 1),
    )  # fmt: skip
    strange = np.zeros(len(index) * math.prod(pooled), np.bool_)
    spread(
        _encode,
        strange.size,
        index.reshape(-1),
        kept,
        stays is not None,
        taps.reshape(-1),
        strange,
        np.array(numbers, np.int64),
        alone=index.nbytes < ALONE,
    )
    if strange.any():
        return None
    return Codes(taps, sizes[2], _two(lows, 0), _two(spans, 1))


def _two(values: tuple[int, ...], fill: int) -> tuple[int, int]:
    """One number for each of two axes, ``fill`` for one that is not there."""
    y, x = (fill, *values)[-2:]
    return y, x


def collect_windows(values: Array, codes: Codes, output: Boxes, inputs: Boxes) -> Array:
    """Values of boxes of pooled planes, added up where codes say in other boxes."""
    batch, channels = values.shape[:2]
    y = arena.take((batch, *inputs.shape, channels), values.dtype)
    pooled, few, many = (
        _two(each, 1) for each in (output.plane, output.shape, inputs.shape)
    )
    rank = len(inputs.shape)
    rows = np.zeros((batch, 5), np.int64)
    rows[:, 0] = output.among(len(codes.taps))
    rows[:, 3 - rank : 3] = output.origins
    rows[:, 5 - rank :] = inputs.origins
    flat = channels_last(values).reshape(-1), codes.taps.reshape(-1), y.reshape(-1)
    alone = y.nbytes < ALONE
    geometry = codes.strides, codes.lows, codes.spans
    if code_blocks.suits(*geometry, channels, lanes_of(values.dtype)):
        blocks = [n // 2 + 1 for n in many]
        sizes = *pooled, *few, *many, *codes.lows, *blocks
        shape = channels, *sizes, codes.spans[1], max(codes.spans) - 2
        g = code_blocks.Geometry(*map(int, shape))
        args = *flat, rows, g, int(y.nbytes >= STREAMED)
        spread(code_blocks.collect, batch * blocks[0], *args, alone=alone)
        return logical(y)
    numbers = (
        channels, *pooled, *few, *many, *codes.strides,
        *codes.lows, *codes.spans,
    )  # fmt: skip
    spread(
        _collect,
        batch * many[0],
        *flat,
        rows,
        np.array(numbers, np.int64),
        alone=alone,
    )
    return logical(y)


@compiled
def _encode(  # type: ignore[no-untyped-def]
    start, stop, switches, stays, chosen, taps, strange, numbers
):
    """The channels of one pooled pixel per task; whether a switch is no tap of it."""
    channels, h, w, height, width, s0, s1, low0, low1, span0, span1 = numbers
    for task in range(start, stop):
        line, column = divmod(task, w)
        y, x = (line % h) * s0 + low0, column * s1 + low1
        first = y * width + x
        before, beyond = max(0, -x), min(span1, width - x)
        wrong = False
        for c in range(channels):
            at = task * channels + c
            switch = switches[np.uintp(at)]
            outside = switch < 0 or switch >= height * width
            tap = np.int64(NOWHERE)
            for row in range(max(0, -y), min(span0, height - y)):
                column_ = switch - first - row * width
                if before <= column_ < beyond:
                    tap = row * span1 + column_
            wrong |= not outside and tap == NOWHERE
            if outside or (chosen and not stays[np.uintp(at)]):
                tap = np.int64(NOWHERE)
            taps[np.uintp(at)] = tap
        strange[task] = wrong


@compiled
def _collect(start, stop, values, taps, y, rows, numbers):  # type: ignore[no-untyped-def]
    """One line of a window per task; of its pooled rows and taps one after the other.

    What meets at a pixel meets in this order for any number of threads.
    """
    channels, ph, pw, oh, ow, h, w, s0, s1, low0, low1, span0, span1 = numbers
    for task in range(start, stop):
        b, line = divmod(task, h)
        sample, oy, ox, iy, ix = rows[b]
        target = task * w * channels
        for j in range(w * channels):
            y[np.uintp(target + j)] = 0
        # pooled rows whose windows may reach this line, and then pooled pixels
        at = iy + line - low0
        first = max(-((span0 - 1 - at) // s0), oy, 0)
        for r in range(first, min(at // s0 + 1, oy + oh, ph)):
            source = (b * oh + r - oy) * ow - ox
            code = (sample * ph + r) * pw
            for tap in range(span1 - 1, -1, -1):  # so that pooled pixels ascend
                before = ix - low1 - tap
                q0 = max(-(-before // s1), ox, 0)
                q1 = min((before + w - 1) // s1 + 1, ox + ow, pw)
                add_named(
                    values, (source + q0) * channels, taps, (code + q0) * channels,
                    (at - r * s0) * span1 + tap,
                    y, target + (q0 * s1 - before) * channels, s1 * channels,
                    max(0, q1 - q0), channels,
                )  # fmt: skip
