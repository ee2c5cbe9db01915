"""Scattering by the switches of a regular pool: each pixel collects what points at it.

Nobody says what pool switches are from, but they tell themselves: a few of them are
looked at, and the window they lie in is taken for everybody's. Then a pixel can be
made of the few pooled values that may point at it, in vectors, row by row and without
a pass of zeros: block by block for the usual pools (:mod:`.regular_blocks`), else pixel
by pixel. Every switch is accounted for; if one lies elsewhere, the guess was wrong and
the answer is None.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from . import arena, regular_blocks
from .channel_vectors import (
    NARROW,
    TOGETHER,
    named_1,
    named_4,
    named_narrow,
    named_single,
)
from .compiled import compiled
from .ending import mask
from .launch import Launch
from .layout import channels_last
from .prefetching import fetch
from .regular_blocks import Bounds
from .separable import ALONE, SPAN, shared_out
from .sources import KEPT, reached_plan
from .vectors import lanes_of

Array = np.ndarray[Any, Any]

#: Pooled pixels, and channels of each, looked at for the guess.
SAMPLES = 16
#: Taps of a window, beyond which it is no window.
WIDEST = 36


class Collector(NamedTuple):
    """Scattering for windows of certain bounds, but for the numbers."""

    image: tuple[int, ...]  # channels last
    launch: Launch
    expected: int  # what the kernel reports altogether if all switches were met

    def __call__(
        self, values: Array, switches: Array, where: Array | None
    ) -> Array | None:
        """The image, or None if a switch lies outside of its window."""
        image = arena.take(self.image, values.dtype)
        report = np.zeros(self.launch.tasks, np.int64)
        masked = image if where is None else channels_last(where)
        self.launch(values, switches, image, masked, report)
        return image if sum(report.tolist()) == self.expected else None


#: What was right the last time for arrays of these shapes and types, each finding its
#: windows for itself: a look at some samples costs less than a key in two steps.
_latest: dict[tuple[Any, ...], Collector] = {}


def collected(
    values: Array,
    switches: Array,
    output_size: Sizes,
    add: bool,
    where: Array | None = None,
) -> Array | None:
    """Channels-last ``(N, *pooled, C)`` scattered to ``(N, *output_size, C)``.

    Of values that meet the last is kept, or with ``add`` their sum. The result goes
    through a ReLU that put out ``where``.
    """
    size, shared = tuple(map(int, output_size)), len(switches) == 1
    key = values.shape, size, values.dtype, shared, add, where is not None
    remembered = _latest.get(key)
    if remembered is not None:
        image = remembered(values, switches, where)
        if image is not None:
            return image
    bounds = guessed(switches, values.shape[1:-1], size)[1]
    if math.prod(b - a + 1 for a, b in bounds) > WIDEST:
        return None
    collector = _collector(*key[:3], bounds, *key[3:])
    if collector is remembered:
        return None
    image = collector(values, switches, where)
    if image is not None:
        if len(_latest) >= KEPT:
            _latest.clear()
        _latest[key] = collector
    return image


def guessed(switches: Array, pooled: Sizes, size: Sizes) -> tuple[Sizes, Bounds]:
    """The strides of channels-last switches, and first and last sample of a window per
    axis, counted from its stride's."""
    strides, spans, numbers = _geometry(pooled, size)
    found = np.empty((3, 2), np.int64)
    _reach(switches.reshape(-1), switches.shape[-1], numbers, found)
    bounds = tuple(
        (min(low, 0), max(high, span - 1)) if span else (low, high)
        for (low, high), span in zip(found.tolist(), spans, strict=True)
    )
    return strides, bounds[3 - len(pooled) :]


@lru_cache(KEPT)
def _collector(
    values: tuple[int, ...],
    size: Sizes,
    dtype: np.dtype[Any],
    bounds: Bounds,
    shared: bool,
    add: bool,
    masked: bool,
) -> Collector:
    """What collects; ``shared`` if one sample's switches serve all."""
    batch, *pooled, channels = values
    few, image = tuple(pooled), (batch, *size, channels)
    strides = _geometry(few, size)[0]
    step = 0 if shared else math.prod(pooled) * channels
    if regular_blocks.suits(strides, bounds, few, size, channels, lanes_of(dtype)):
        launch = regular_blocks.launch(values, size, dtype, bounds, step, add, masked)
        return Collector(image, launch, 0)
    plan = reached_plan(few, strides, bounds, size)
    index = np.dtype(np.int64)
    nbytes = math.prod(image) * dtype.itemsize
    read = math.prod(values) * (dtype.itemsize + index.itemsize)
    cut = shared_out(plan, batch, channels, dtype, read, nbytes)
    launch = Launch(
        _collect, cut.tasks, (dtype, index, dtype, dtype, index), masked, cut.places,
        step, -1 if add else 0, alone=nbytes < ALONE,
        scratch=(lanes_of(dtype), np.dtype(f"i{dtype.itemsize}")),
    )  # fmt: skip
    return Collector(image, launch, math.prod(values))


@lru_cache(KEPT)
def _geometry(pooled: Sizes, size: Sizes) -> tuple[Sizes, Sizes, Array]:
    """The stride a pool must have had; per axis (three of them) the window that leaves
    nothing over, 0 if it is odd; and the numbers for :func:`_reach`."""
    pairs = list(zip(size, pooled, strict=True))
    strides = tuple(max(1, (2 * n + o - 1) // (2 * o)) for n, o in pairs)
    left = [n - (o - 1) * s for (n, o), s in zip(pairs, strides, strict=True)]
    spans = [k if s <= k <= s + 1 else 0 for k, s in zip(left, strides, strict=True)]
    deep = (1,) * (3 - len(size))
    numbers = np.array((*deep, *pooled, *deep, *size, *deep, *strides))
    return strides, (*deep, *spans), numbers


@compiled
def _reach(switches, channels, numbers, found):  # type: ignore[no-untyped-def]
    """Put lowest and highest of ``coordinate - stride*o`` per axis, over some switches,
    into ``found``."""
    d, h, w, _, height, width, s0, s1, s2 = numbers
    z0 = y0 = x0 = np.int64(1 << 40)
    z1 = y1 = x1 = np.int64(-(1 << 40))
    for p in range(0, d * h * w, max(1, d * h * w // SAMPLES)):
        line, o2 = divmod(p, w)
        o0, o1 = divmod(line, h)
        for c in range(min(channels, SAMPLES)):
            line, a2 = divmod(switches[p * channels + c], width)
            a0, a1 = divmod(line, height)
            z, y, x = a0 - o0 * s0, a1 - o1 * s1, a2 - o2 * s2
            z0, z1 = min(z0, z), max(z1, z)
            y0, y1 = min(y0, y), max(y1, y)
            x0, x1 = min(x0, x), max(x1, x)
    found[0, 0], found[0, 1] = z0, z1
    found[1, 0], found[1, 1] = y0, y1
    found[2, 0], found[2, 1] = x0, x1


@compiled
def _collect(  # type: ignore[no-untyped-def]
    start, stop, hits, x, switches, y, where, met, masked, row_starts, rows_, starts,
    columns_, shape, step, adding,
):  # fmt: skip
    area, channels, rows, columns, blocks, portions, width, lanes, streamed, far = shape
    streamed = 0 if masked else streamed
    for task in range(start, stop):
        rest, portion = divmod(task, portions)
        line, block = divmod(rest, blocks)
        n, row = divmod(line, rows)
        first, last = portion * width, min((portion + 1) * width, channels)
        r0, r1 = row_starts[row], row_starts[row + 1]
        image, index = n * area * channels, n * step
        hits[:] = 0
        for o in range(block * SPAN, min((block + 1) * SPAN, columns)):
            t0, t1 = starts[o], starts[o + 1]
            at = (line * columns + o) * channels
            pixel = row * columns + o
            if far and row + 1 < rows and r1 > r0 and t1 > t0:
                more = 0
                if o + 1 < columns:
                    more = columns_[starts[o + 2] - 1] - columns_[t1 - 1]
                for r in range(r1, row_starts[row + 2]):
                    if more > 0 and rows_[r] > rows_[r1 - 1]:
                        place = (rows_[r] + columns_[t1 - 1]) * channels
                        fetch(x, image + place, more * channels)
                        fetch(switches, index + place, more * channels)
            c = first
            while c + TOGETHER * lanes <= last:
                named_4(
                    x, image + c, rows_, r0, r1, columns_, t0, t1, channels, y, at + c,
                    switches, index + c, pixel, adding, hits, streamed,
                )  # fmt: skip
                c += TOGETHER * lanes
            while c + lanes <= last:
                named_1(
                    x, image + c, rows_, r0, r1, columns_, t0, t1, channels, y, at + c,
                    switches, index + c, pixel, adding, hits, streamed,
                )  # fmt: skip
                c += lanes
            while c + NARROW <= last:
                named_narrow(
                    x, image + c, rows_, r0, r1, columns_, t0, t1, channels, y, at + c,
                    switches, index + c, pixel, adding, hits, streamed,
                )  # fmt: skip
                c += NARROW
            while c < last:
                named_single(
                    x, image + c, rows_, r0, r1, columns_, t0, t1, channels, y, at + c,
                    switches, index + c, pixel, adding, hits, streamed,
                )  # fmt: skip
                c += 1
            if masked:
                mask(y, at + first, 0, where, 1, last - first)
        total = 0
        for lane in range(lanes):
            total += hits[lane]
        met[task] = total
