"""Which samples the outputs of a window read, and which outputs read a sample."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from .per_axis import Pairs, Sizes

Slices = tuple[slice, ...]
Positions = tuple[np.ndarray, ...]  # ascending indices per spatial axis


class WindowTaps:
    """The index ranges of a :class:`~numpy_deconv.window.Window`, which is one."""

    __slots__ = ()

    kernel: Sizes
    stride: Sizes
    padding: Pairs
    dilation: Sizes

    def taps(
        self, input_size: Sizes, output_size: Sizes
    ) -> Iterator[tuple[int, Slices, Slices]]:
        """``(tap, outputs, inputs)`` for every tap in row-major order.

        ``outputs`` selects the outputs whose tap lies inside the image and ``inputs``,
        of the same extent, what they read; a tap that never does has empty slices.
        """
        axes = [
            [self._tap(axis, a, length, outputs) for a in range(self.kernel[axis])]
            for axis, (length, outputs) in enumerate(
                zip(input_size, output_size, strict=True)
            )
        ]
        for tap, ranges in enumerate(product(*axes)):
            yield tap, tuple(o for o, _ in ranges), tuple(i for _, i in ranges)

    def _tap(self, axis: int, a: int, length: int, outputs: int) -> tuple[slice, slice]:
        stride = self.stride[axis]
        offset = a * self.dilation[axis] - self.padding[axis][0]
        first = max(0, -(offset // stride))
        stop = min(outputs, (length - 1 - offset) // stride + 1)
        if stop <= first:
            return slice(0, 0), slice(0, 0)
        start = first * stride + offset
        return slice(first, stop), slice(
            start, start + (stop - first - 1) * stride + 1, stride
        )

    def counts(
        self, input_size: Sizes, output_size: Sizes, *, padded: bool
    ) -> np.ndarray:
        """Taps of each output inside the image, or inside image plus padding.

        Shape ``output_size``, int64. What ceil_mode lets hang over beyond the padding
        never counts.
        """
        total = np.ones((), np.int64)
        for axis, (length, outputs) in enumerate(
            zip(input_size, output_size, strict=True)
        ):
            begin, end = self.padding[axis]
            low, high = (-begin, length + end) if padded else (0, length)
            position = (
                np.arange(outputs)[:, None] * self.stride[axis]
                - begin
                + np.arange(self.kernel[axis]) * self.dilation[axis]
            )
            inside = ((position >= low) & (position < high)).sum(axis=1)
            total = total[..., None] * inside
        return total

    def reads(self, outputs: Positions, input_size: Sizes) -> Positions:
        """Positions inside the input that these outputs read, per axis, ascending."""
        return tuple(
            _inside(at[:, None] * self.stride[axis] + self._offsets(axis), length)
            for axis, (at, length) in enumerate(zip(outputs, input_size, strict=True))
        )

    def reaches(self, positions: Positions, output_size: Sizes) -> Positions:
        """Outputs that read any of these input positions: the transpose of reads."""
        found = []
        for axis, (at, length) in enumerate(zip(positions, output_size, strict=True)):
            steps = at[:, None] - self._offsets(axis)
            whole = steps[steps % self.stride[axis] == 0]
            found.append(_inside(whole // self.stride[axis], length))
        return tuple(found)

    def _offsets(self, axis: int) -> np.ndarray:
        """Where the taps of output 0 lie along an axis."""
        taps = np.arange(self.kernel[axis]) * self.dilation[axis]
        return taps - self.padding[axis][0]


def _inside(positions: np.ndarray, length: int) -> np.ndarray:
    return np.unique(positions[(positions >= 0) & (positions < length)])
