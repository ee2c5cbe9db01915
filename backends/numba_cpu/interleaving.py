"""Input gradients of few channels: all phases of a stride as columns of one product.

A 3-channel output would fill a fraction of a panel; an 11x11 kernel of stride 4 becomes
a 3x3 kernel of stride 1 with 4*4*3 columns, whose results are interleaved after.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from . import arena, gathered
from .compiled import compiled
from .dense import is_spoilt, whole_image, wide_bias
from .ending import Ending, ended
from .gathered import Taps
from .launch import Launch
from .layout import channels_last, logical
from .packing import in_panels, packed, panel_width
from .phases import Axis, margins
from .three_axes import three

Array = np.ndarray[Any, Any]
Axes = tuple[Axis, Axis, Axis]
Planned = Callable[[Array, Array, Array | None, Array | None], Array]


class Together(NamedTuple):
    """One input gradient, but for the numbers."""

    mixed: tuple[int, ...]  # shape of the product: all phases of a pixel beside others
    result: tuple[int, ...]  # the shape of its memory, channels last
    pack: Callable[[Array], Array]
    options: tuple[Any, ...]  # that packing depends on
    start: Array  # without a bias
    product: Launch
    interleave: Launch
    ending: Ending
    plainly: Callable[[], Planned]  # without the zeros that widen the weight

    def __call__(
        self, grad: Array, weight: Array, bias: Array | None, where: Array | None = None
    ) -> Array:
        """The adjoint, plus bias, with its ending."""
        source = channels_last(grad).reshape(-1)
        w = packed(weight, "all phases", self.pack, *self.options)
        start = self.start
        if bias is not None:
            every = self.mixed[-1]
            repeated = np.tile(bias, every // len(bias))
            start = wide_bias(repeated, 1, every, bias.dtype).reshape(-1)
        mixed = arena.take(self.mixed, grad.dtype).reshape(-1)
        self.product(source, w, start, mixed, mixed)
        y = arena.take(self.result, grad.dtype)
        self.interleave(mixed, y.reshape(-1))
        if is_spoilt(y):
            return self.plainly()(grad, weight, bias, where)
        return ended(logical(y), self.ending, where)


def together(
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    input_size: Sizes,
    axes: Axes,
    dtype: np.dtype[Any],
    ending: Ending,
    plainly: Callable[[], Planned],
) -> Together:
    """The plan for ``grad`` of this shape; ``plainly`` makes the one for a weight that
    zeros must not be put into, since a product with them was NaN."""
    filters, columns = weight[:2]
    before, extent = margins(axes)
    shared = tuple(tuple(sorted({o for p in axis for o in p.offsets})) for axis in axes)
    offsets = tuple(
        tuple(o + b for o in s) for s, b in zip(shared, before, strict=True)
    )
    taps = Taps.of(offsets, filters)
    counts = tuple(map(len, axes))
    every = math.prod(counts) * columns
    width = panel_width(dtype)
    rows = math.prod(map(len, shared)) * filters
    packed_shape = 1, -(-every // width), rows // taps.depth, taps.depth, width
    outputs = three(tuple(axis[0].outputs for axis in axes))
    mixed, result = (shape[0], *outputs, every), (shape[0], *input_size, columns)
    launch = gathered.plan(
        (shape[0], *three(shape[2:]), filters), taps, (1, 1, 1), outputs,
        packed_shape, every, whole_image(mixed), dtype, margins=(before, extent),
    )  # fmt: skip
    depth, height, across = three(input_size)
    numbers = (*mixed[1:], *counts, depth, height, across * columns)
    lines = shape[0] * depth * height
    interleave = Launch(
        _interleave, lines, (dtype, dtype), np.array(numbers, np.int64),
        alone=lines * across * columns * dtype.itemsize < 1 << 17,
    )  # fmt: skip
    which = tuple(p.taps for axis in axes for p in axis)
    return Together(
        mixed, result,
        partial(_pack, axes=axes, shared=shared, depth=taps.depth), (which, shared),
        wide_bias(None, 1, every, dtype).reshape(-1), launch, interleave, ending,
        plainly,
    )  # fmt: skip


def _pack(
    weight: Array, axes: Axes, shared: tuple[tuple[int, ...], ...], depth: int
) -> Array:
    """As :func:`.gathered.plan` reads it, with zeros where a phase has no tap."""
    filters, columns = weight.shape[:2]
    counts = [len(axis) for axis in axes]
    w = weight.reshape(filters, columns, *three(weight.shape[2:]))
    table = np.zeros((*map(len, shared), filters, *counts, columns), w.dtype)
    for which in product(*map(range, counts)):
        phase = [axis[n] for axis, n in zip(axes, which, strict=True)]
        for found in product(*(zip(p.offsets, p.taps, strict=True) for p in phase)):
            at = (s.index(o) for s, (o, _) in zip(shared, found, strict=True))
            taps = tuple(tap for _, tap in found)
            table[(*at, slice(None), *which)] = w[(slice(None), slice(None), *taps)]
    return in_panels(table.reshape(-1, depth, math.prod(counts) * columns))[None]


@compiled
def _interleave(start, stop, mixed, y, numbers):  # type: ignore[no-untyped-def]
    """One line of outputs per task: what phases of the last axis give lies together."""
    planes, lines, across, each, s0, s1, _, depth, height, length = numbers
    run = each // (s0 * s1)
    for task in range(start, stop):
        plane, row = divmod(task, height)
        n, z = divmod(plane, depth)
        d, i = divmod(z, s0)
        h, j = divmod(row, s1)
        source = ((n * planes + d) * lines + h) * across * each + (i * s1 + j) * run
        target = task * length
        for o in range((length + run - 1) // run):
            for e in range(min(run, length - o * run)):
                y[np.uintp(target + o * run + e)] = mixed[
                    np.uintp(source + o * each + e)
                ]
