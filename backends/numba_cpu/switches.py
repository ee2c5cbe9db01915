"""Switches at work: gathering from planes, and scattering into them.

Everything is channels last and flat: ``values`` and ``switches`` are ``(N, P, C)``,
images ``(N, A, C)``. A task has one sample's image for some of its channels to itself
and goes through the pooled pixels in C order, so that what meets at one place meets in
the same order however many threads there are. A switch outside the plane is skipped.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...per_axis import Sizes
from ...reference.switches import require_inside
from . import activations, arena
from .compiled import compiled
from .layout import channels_last, logical
from .regular import collected
from .team import spread

Array = np.ndarray[Any, Any]

#: Pooled pixels that are looked at together.
BLOCK = 32
#: Fewer tasks than this, and each takes some of the channels only.
TASKS = 8
#: Bytes of a cache line: channels are not shared out more finely.
LINE = 64
ALONE = 1 << 20


class Planes:
    """The geometry of one call, and its tasks."""

    def __init__(
        self, batch: int, channels: int, area: int, pooled: int, itemsize: int
    ):
        line = LINE // itemsize
        width = -(-channels // max(1, TASKS // batch))
        self.width = min(channels, -(-width // line) * line)
        self.portions = -(-channels // self.width)
        self.tasks = batch * self.portions
        self.area = area
        self.alone = batch * channels * max(area, pooled) * itemsize < ALONE
        self.numbers = (area, pooled, channels, self.width, self.portions)

    def run(self, kernel: Any, *args: Any, scratch: Any = None) -> None:
        shared = None if scratch is None else (self.area * self.width, scratch)
        spread(kernel, self.tasks, *args, scratch=shared, alone=self.alone)

    def shape(self, *arrays: Array) -> Array:
        """The numbers for a kernel, and of each array the elements from one sample to
        the next, 0 if its one sample serves all."""
        steps = [0 if len(a) == 1 else math.prod(a.shape[1:]) for a in arrays]
        return np.array([*self.numbers, *steps], np.int64)


def gather(x: Array, switches: Array) -> Array:
    """Values of ``x`` at the switches; a batch of one is shared by the other's many."""
    batch = len(switches) if len(x) == 1 else len(x)
    source, index = channels_last(x), channels_last(switches, np.int64)
    y = arena.take((batch, *index.shape[1:]), x.dtype)
    area, pooled = math.prod(x.shape[2:]), math.prod(switches.shape[2:])
    blocks = -(-pooled // BLOCK)
    shape = [area, pooled, x.shape[1], blocks]
    shape += [0 if len(a) == 1 else math.prod(a.shape[1:]) for a in (x, switches)]
    spread(
        _gather,
        batch * blocks,
        source.reshape(-1),
        index.reshape(-1),
        y.reshape(-1),
        np.array(shape, np.int64),
        alone=y.nbytes < ALONE,
    )
    return logical(y)


def scatter(values: Array, switches: Array, output_size: Sizes, overlap: str) -> Array:
    """Each value at its switch in a plane of zeros; see ``max_unpool``."""
    return _scattered(values, switches, output_size, overlap, checked=False)


def scatter_masked(
    values: Array, switches: Array, output_size: Sizes, where: Array
) -> Array:
    """:func:`scatter` with ``"sum"``, through the ReLU that put out ``where``."""
    shape = (*values.shape[:2], *output_size)
    if where.dtype == values.dtype and where.shape == shape:
        source, index = channels_last(values), channels_last(switches, np.int64)
        found = collected(source, index, output_size, True, where)
        if found is not None:
            return logical(found)
    summed = scatter(values, switches, output_size, "sum")
    return activations.activation_grad(summed, where, "relu")


def unpool(values: Array, switches: Array, output_size: Sizes, overlap: str) -> Array:
    """:func:`scatter`; raises ShapeError if a switch lies outside of the plane."""
    return _scattered(values, switches, output_size, overlap, checked=True)


def _scattered(
    values: Array, switches: Array, output_size: Sizes, overlap: str, *, checked: bool
) -> Array:
    source, index = channels_last(values), channels_last(switches, np.int64)
    if overlap in ("assign", "sum"):
        found = collected(source, index, output_size, overlap == "sum")
        if found is not None:  # all of them were met, so none is outside
            return logical(found)
    if checked:
        require_inside(switches, output_size)
    batch, channels, *pooled = values.shape
    area = math.prod(output_size)
    planes = Planes(batch, channels, area, math.prod(pooled), values.itemsize)
    image = arena.take((batch, *output_size, channels), values.dtype)
    shape = planes.shape(values, switches)
    flat = source.reshape(-1), index.reshape(-1), image.reshape(-1), shape
    if overlap in ("first", "max"):
        planes.run(_scatter_chosen, *flat, overlap == "max")
        return logical(image)
    planes.run(_scatter, *flat, overlap != "assign")
    if overlap == "mean":
        planes.run(_divide, *flat[1:], scratch=np.int64)
    return logical(image)


@compiled
def _gather(start, stop, x, switches, y, shape):  # type: ignore[no-untyped-def]
    area, pooled, channels, blocks, x_step, switch_step = shape
    for task in range(start, stop):
        n, block = divmod(task, blocks)
        last = min((block + 1) * BLOCK, pooled)
        for p in range(block * BLOCK, last):
            index = n * switch_step + p * channels
            target = (n * pooled + p) * channels
            for c in range(channels):
                s = switches[np.uintp(index + c)]
                inside = np.uint64(s) < np.uint64(area)
                place = n * x_step + (s if inside else 0) * channels + c
                y[np.uintp(target + c)] = x[np.uintp(place)] if inside else 0


@compiled
def _clear(image, first, channels, width, start, stop):  # type: ignore[no-untyped-def]
    """Zeros in ``width`` channels of the pixels ``start..stop``."""
    if width == channels:
        image[first + start * channels : first + stop * channels] = 0
        return
    for p in range(start, stop):
        image[first + p * channels : first + p * channels + width] = 0


@compiled
def _scatter(  # type: ignore[no-untyped-def]
    start, stop, values, switches, image, shape, add
):
    """Zeros are written just ahead of the values, while they are in the cache."""
    area, pooled, channels, width, portions, value_step, switch_step = shape
    for task in range(start, stop):
        n, portion = divmod(task, portions)
        c0 = portion * width
        c1 = min(c0 + width, channels)
        target = n * area * channels
        cleared = 0
        for first in range(0, pooled, BLOCK):
            last = min(first + BLOCK, pooled)
            top = np.int64(-1)
            for p in range(first, last):
                index = n * switch_step + p * channels
                for c in range(c0, c1):
                    top = max(top, switches[np.uintp(index + c)])
            top = min(top + 1, area)
            if top > cleared:
                _clear(image, target + c0, channels, c1 - c0, cleared, top)
                cleared = top
            for p in range(first, last):
                index = n * switch_step + p * channels
                source = n * value_step + p * channels
                for c in range(c0, c1):
                    s = switches[np.uintp(index + c)]
                    if np.uint64(s) < np.uint64(area):
                        place = np.uintp(target + s * channels + c)
                        value = values[np.uintp(source + c)]
                        image[place] = image[place] + value if add else value
        _clear(image, target + c0, channels, c1 - c0, cleared, area)


@compiled
def _scatter_chosen(  # type: ignore[no-untyped-def]
    start, stop, values, switches, image, shape, largest
):
    """The first value in C order, or the largest (NaN is), of those that meet."""
    area, pooled, channels, width, portions, value_step, switch_step = shape
    for task in range(start, stop):
        n, portion = divmod(task, portions)
        c0 = portion * width
        c1 = min(c0 + width, channels)
        target = n * area * channels
        _clear(image, target + c0, channels, c1 - c0, 0, area)
        for round_ in range(2 if largest else 1):
            for p in range(pooled - 1, -1, -1):
                index = n * switch_step + p * channels
                source = n * value_step + p * channels
                for c in range(c0, c1):
                    s = switches[np.uintp(index + c)]
                    if np.uint64(s) < np.uint64(area):
                        place = np.uintp(target + s * channels + c)
                        value = values[np.uintp(source + c)]
                        here = image[place]
                        # in the second round a NaN comes in, and one that is there
                        # stays
                        if round_ == 0 or (not value <= here and here == here):
                            image[place] = value


@compiled
def count_hits(  # type: ignore[no-untyped-def]
    hits, switches, index, area, pooled, channels, c0, c1
):
    """How often each place of some channels' planes is pointed at."""
    width = c1 - c0
    hits[: area * width] = 0
    for p in range(pooled):
        for c in range(width):
            s = switches[np.uintp(index + p * channels + c0 + c)]
            if np.uint64(s) < np.uint64(area):
                hits[np.uintp(s * width + c)] += 1


@compiled
def _divide(  # type: ignore[no-untyped-def]
    start, stop, hits, switches, image, shape
):
    area, pooled, channels, width, portions, _, switch_step = shape
    for task in range(start, stop):
        n, portion = divmod(task, portions)
        c0 = portion * width
        c1 = min(c0 + width, channels)
        count_hits(hits, switches, n * switch_step, area, pooled, channels, c0, c1)
        for a in range(area):
            for c in range(c1 - c0):
                met = hits[np.uintp(a * (c1 - c0) + c)]
                if met > 1:
                    image[np.uintp((n * area + a) * channels + c0 + c)] /= met
