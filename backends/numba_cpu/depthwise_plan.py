"""Whole convolutions with one filter per channel: where the taps lie, and the call."""

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
from .ending import Ending, beside
from .gathered import Place, Triple
from .launch import Launch
from .layout import OWN, Pitches, channels_last, landing
from .packing import packed
from .three_axes import three
from .vectors import lanes_of

Array = np.ndarray[Any, Any]


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
    launch = launched(
        (batch, *three(tuple(size)), channels), _offsets(window), three(window.stride),
        outs, place, dtype, ending,
    )  # fmt: skip
    zeros = np.zeros(channels, dtype)
    return Plan((batch, *outputs, channels), flipped, zeros, launch)


def _offsets(window: Window) -> tuple[tuple[int, ...], ...]:
    """What each tap reads, per axis, counted from the output's place."""
    begins = three(tuple(b for b, _ in window.padding), 0)
    axes = zip(three(window.kernel), three(window.dilation), begins, strict=True)
    return tuple(tuple(t * d - b for t in range(k)) for k, d, b in axes)


@lru_cache(512)
def launched(
    shape: tuple[int, ...],
    offsets: tuple[tuple[int, ...], ...],
    step: Triple,
    outputs: Triple,
    place: Place,
    dtype: np.dtype[Any],
    ending: Ending,
) -> Launch:
    """What fills ``y``, of flat ``x``, weight, start, y and :func:`.ending.beside`.

    ``x (N, D, H, W, C)`` has this shape, the weight is ``(taps, C)``; ``offsets`` per
    axis may point outside ``x``, which reads 0 there. Results lie at a ``place``, as in
    :func:`.gathered.plan`.
    """
    batch, depth, height, width, channels = shape
    counts = [len(each) for each in offsets]
    first, sample, pixel = place
    geometry = depthwise.Geometry(
        depth, height, width, channels, *step, *outputs, *counts, first, sample,
        *pixel, lanes_of(dtype),
    )  # fmt: skip
    taps = math.prod(counts)
    listed = np.array([o for each in offsets for o in each], np.int64)
    alone = batch * math.prod(outputs) * channels * taps < depthwise.ALONE
    return Launch(
        depthwise.rows, batch * outputs[0] * outputs[1], (dtype,) * 5,
        Fixed(listed, geometry),
        *ending.numbers(dtype), scratch=(2 * taps, np.int64), alone=alone,
    )  # fmt: skip
