"""Whole convolutions with one filter per channel: how it is cut, and the call."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from ...per_axis import Sizes
from ...window import Window
from . import depthwise
from .arguments import Fixed
from .dense import whole_image
from .depthwise_lines import Axis, lines
from .ending import Ending, beside
from .gathered import Place, Triple
from .launch import Launch
from .layout import OWN, Pitches, channels_last, landing
from .packing import packed
from .prefetching import FAR
from .three_axes import three
from .vectors import lanes_of

Array = np.ndarray[Any, Any]

#: Multiplications below which sharing the work costs more than it brings.
ALONE = 1 << 18
#: Rows of outputs per task, at most; and how many tasks there should be at least.
BAND, TASKS = 8, 16
#: Bytes of the pieces of rows that are read at a time.
NEAR = 96 << 10
#: Below so many tasks blocks of channels are shared out too, of so many vectors.
FEWEST, VECTORS = 6, 16


class Plan(NamedTuple):
    """One convolution, but for the numbers."""

    result: tuple[int, ...]  # the shape of its memory, channels last
    flipped: bool
    start: Array  # without a bias
    launch: Launch

    def __call__(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        where: Array | None = None,
        out: Array | None = None,
    ) -> Array:
        """``conv(x, weight) + bias`` with its ending."""
        pack = partial(_by_tap, flipped=self.flipped)
        taps = packed(weight, "depthwise", pack, self.flipped)
        flat, y = landing(self.result, x.dtype, out)
        start = self.start if bias is None else np.ascontiguousarray(bias)
        self.launch(
            channels_last(x).reshape(-1), taps, start, flat, beside(where, flat)
        )
        return y


def _by_tap(weight: Array, flipped: bool) -> Array:
    taps = depthwise.by_tap(weight)
    return np.ascontiguousarray(taps[::-1]) if flipped else taps


def plan(
    shape: tuple[int, ...],
    window: Window,
    outputs: Sizes,
    dtype: np.dtype[Any],
    ending: Ending,
    pitches: Pitches = OWN,
    *,
    flipped: bool = False,
) -> Plan:
    """What there is to know of a convolution of ``x`` of this shape; ``flipped`` as in
    :func:`.dense.plan`."""
    batch, channels, *size = shape
    outs = three(outputs)
    place = whole_image((batch, *outs, channels), pitches.y)
    k, begin, d, s = _sides(window)
    axes = map(Axis, k, (-b for b in begin), d, s, (1, 1, 1))
    launch = launched(
        (batch, *three(tuple(size)), channels), three(tuple(axes)), outs, place, dtype,
        ending,
    )  # fmt: skip
    zeros = np.zeros(channels, dtype)
    return Plan((batch, *outputs, channels), flipped, zeros, launch)


def input_grad(
    source: tuple[int, ...],
    input_size: Sizes,
    window: Window,
    dtype: np.dtype[Any],
    ending: Ending,
) -> Launch | None:
    """What fills the input gradient of ``grad (N, D, H, W, C)``, with the weight of the
    convolution itself; None where neighbours along a row are not reached by neighbours
    among the taps."""
    axes = three(tuple(map(_backwards, *_sides(window))))
    if not axes[2].together:
        return None
    outs = three(input_size)
    place = whole_image((source[0], *outs, source[-1]))
    return launched(source, axes, outs, place, dtype, ending)


def _backwards(taps: int, begin: int, dilation: int, stride: int) -> Axis:
    return Axis(taps, begin, -dilation, 1, stride)


def _sides(window: Window) -> tuple[Triple, Triple, Triple, Triple]:
    """Kernel, padding in front, dilation and stride of three axes."""
    begin = three(tuple(begin for begin, _ in window.padding), 0)
    return three(window.kernel), begin, three(window.dilation), three(window.stride)


@lru_cache(512)
def launched(
    shape: tuple[int, ...],
    axes: tuple[Axis, Axis, Axis],
    outputs: Triple,
    place: Place,
    dtype: np.dtype[Any],
    ending: Ending,
) -> Launch:
    """What fills ``y``, of flat ``x``, weight, start, y and :func:`.ending.beside`.

    ``x (N, D, H, W, C)`` has this shape, the weight is ``(taps, C)``. Taps may point
    outside ``x``, which reads 0 there. Results lie at a ``place``, as in
    :func:`.gathered.plan`.
    """
    batch, depth, height, width, channels = shape
    first, sample, pitches = place
    lanes, inner, rows = lanes_of(dtype), axes[2], outputs[0] * outputs[1]
    taps, step = (inner.taps, inner.step) if inner.together else (1, 1)
    band, blocks = _cut(shape, axes, rows, dtype.itemsize)
    bands, vectors = -(-rows // band), -(-channels // lanes)
    block = -(-vectors // blocks) * lanes
    geometry = depthwise.Geometry(
        depth * height * width * channels, width, channels, rows, outputs[2],
        -(inner.first % inner.up), inner.step, first, sample, pitches[2], lanes, band,
        _near(axes[1], band), bands, block, blocks, _asked(shape, axes[1], dtype),
    )  # fmt: skip
    counts = (
        -(-depthwise.OUTPUTS // inner.up) * inner.up, taps, step, inner.up,
    )  # fmt: skip
    work = batch * rows * outputs[2] * channels * math.prod(a.taps for a in axes)
    return Launch(
        depthwise.banded, batch * bands * blocks, (dtype,) * 5,
        Fixed(*lines(shape, axes, outputs, pitches, taps), geometry),
        *ending.numbers(dtype), *((0,) * count for count in counts), alone=work < ALONE,
    )  # fmt: skip


def _near(rows: Axis, band: int) -> int:
    """How many rows of outputs share pieces of rows: few read the same ones, and whole
    rows are fetched in advance better than pieces."""
    return 1 if rows.taps <= 2 * rows.step and rows.step > 1 else band


def _asked(shape: tuple[int, ...], rows: Axis, dtype: np.dtype[Any]) -> int:
    """Rows of the input that are new to each row of outputs, where they are far."""
    far = math.prod(shape) * dtype.itemsize >= FAR
    return max(1, rows.step // rows.up) if far else 0


def _cut(
    shape: tuple[int, ...], axes: tuple[Axis, Axis, Axis], rows: int, itemsize: int
) -> tuple[int, int]:
    """Rows of outputs per task, and blocks of channels.

    The more rows the more are in the L1 cache already when they are read again; but
    too many pieces of rows at a time, and they are not fetched in advance.
    """
    batch, *_, channels = shape
    piece = depthwise.OUTPUTS * axes[2].step // axes[2].up * channels * itemsize
    band = max(1, (NEAR // piece - axes[1].taps) * axes[1].up // axes[1].step + 1)
    band = max(2, min(band, BAND, batch * rows // TASKS))
    band = min(band, rows)
    tasks = batch * -(-rows // band)
    vectors = channels // (VECTORS * lanes_of(np.dtype(f"f{itemsize}")))
    return band, max(1, min(vectors, -(-FEWEST // tasks)))
