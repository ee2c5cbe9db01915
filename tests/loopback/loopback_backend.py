"""A third party's backend: the four required kernels, written another way.

Everything else it inherits, so a test that passes on it shows that the derived
kernels are derived from these four. Written for clarity, by index arithmetic, with no
part of the reference kernels.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from numpy_deconv import Backend
from numpy_deconv.arrays import Array, accumulator, narrowed
from numpy_deconv.per_axis import Sizes
from numpy_deconv.window import Window


def _coordinates(window: Window, axis: int, outputs: int) -> Array:
    """``(outputs, taps)`` positions in the unpadded image, along one axis."""
    starts = np.arange(outputs) * window.stride[axis] - window.padding[axis][0]
    return starts[:, None] + np.arange(window.kernel[axis]) * window.dilation[axis]


def _sources(window: Window, size: Sizes, positions: Sizes) -> Array:
    """``(taps, L)`` flat index into the unpadded plane; -1 outside of it."""
    index = np.zeros((1, 1), np.int64)
    inside = np.ones((1, 1), np.bool_)
    for axis, (length, outputs) in enumerate(zip(size, positions, strict=True)):
        at = _coordinates(window, axis, outputs).T
        index = (index[:, None, :, None] * length + at[None, :, None, :]).reshape(
            index.shape[0] * at.shape[0], index.shape[1] * at.shape[1]
        )
        within = (at >= 0) & (at < length)
        inside = (inside[:, None, :, None] & within[None, :, None, :]).reshape(
            index.shape
        )
    return np.where(inside, index, -1)


class LoopbackBackend(Backend):
    """Only what a backend must bring."""

    name = "loopback"

    def im2col(self, x: Array, window: Window, positions: Sizes) -> Array:
        batch, channels, *size = x.shape
        plane = np.zeros((batch, channels, math.prod(size) + 1), x.dtype)
        plane[:, :, :-1] = x.reshape(batch, channels, math.prod(size))
        sources = _sources(window, tuple(size), positions)  # -1 reads the last zero
        return plane[:, :, sources].reshape(
            batch, channels * window.size, math.prod(positions)
        )

    def col2im(
        self, columns: Array, window: Window, positions: Sizes, output_size: Sizes
    ) -> Array:
        batch, rows, length = columns.shape
        channels = rows // window.size
        taps = columns.reshape(batch, channels, window.size, length)
        planes: Array = np.zeros(
            (batch, channels, math.prod(output_size) + 1), accumulator(columns.dtype)
        )
        sources = _sources(window, output_size, positions)  # -1 adds to the spare one
        for tap, column in np.ndindex(*sources.shape):
            planes[:, :, sources[tap, column]] += taps[:, :, tap, column]
        return narrowed(
            planes[:, :, :-1].reshape(batch, channels, *output_size), columns.dtype
        )

    def max_pool(self, x: Array, window: Window) -> tuple[Array, Array]:
        batch, channels, *size = x.shape
        positions = window.output_size(tuple(size))
        planes = x.reshape(batch, channels, math.prod(size))
        y = np.empty((batch, channels, math.prod(positions)), x.dtype)
        switches = np.empty(y.shape, np.int64)
        for output, taps in enumerate(_sources(window, tuple(size), positions).T):
            inside = taps[taps >= 0]
            # argmax names the first maximum, and takes a NaN for one
            switches[..., output] = inside[planes[:, :, inside].argmax(axis=2)]
            y[..., output] = np.take_along_axis(
                planes, switches[..., output, None], axis=2
            )[..., 0]
        shape = (batch, channels, *positions)
        return y.reshape(shape), switches.reshape(shape)

    def scatter(
        self, values: Array, switches: Array, output_size: Sizes, overlap: str
    ) -> Array:
        batch, channels = values.shape[:2]
        # a batch of one may share its switches with every sample
        switches = np.broadcast_to(switches, values.shape)
        meeting: dict[tuple[int, int, int], list[Any]] = defaultdict(list)
        for n, c, *where in np.ndindex(*values.shape):
            at = (n, c, *where)
            meeting[n, c, int(switches[at])].append(values[at])
        image = np.zeros((batch, channels, math.prod(output_size)), values.dtype)
        for target, several in meeting.items():
            image[target] = _met(np.array(several, values.dtype), overlap)
        return image.reshape(batch, channels, *output_size)


def _met(several: Array, overlap: str) -> Any:
    """What becomes of values that share a switch."""
    if overlap == "assign":
        return several[-1]
    if overlap == "first":
        return several[0]
    if overlap == "max":
        return several.max()
    total = several.sum(dtype=accumulator(several.dtype))
    if overlap == "mean" and several.dtype.kind in "iu":
        total = np.sign(total) * (abs(total) // len(several))
    elif overlap == "mean":
        total = total / len(several)
    return narrowed(np.asarray(total), several.dtype)
