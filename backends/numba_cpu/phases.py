"""Which outputs of an input gradient read which windows: the phases of a stride.

Input position ``i`` is reached by tap ``t`` of window ``o`` if ``i = o*s - b + t*d``.
The positions ``i = first + s*j`` of one phase are all reached by the same taps, by
window ``o = j + (first + b - t*d)/s``: within a phase, the gradient is a convolution of
stride 1. Nothing is multiplied by the zeros that a stuffed gradient would hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ...per_axis import Sizes
from ...window import Window
from .three_axes import three


@dataclass(frozen=True)
class Phase:
    """Positions ``first, first + stride, ...`` along one axis, ``outputs`` of them.

    Position ``j`` of the phase reads windows ``j + offsets[n]`` through ``taps[n]``.
    """

    first: int
    outputs: int
    offsets: tuple[int, ...]
    taps: tuple[int, ...]

    @classmethod
    def of(cls, window: Window, axis: int, first: int, size: int) -> Phase:
        """The phase that starts at position ``first`` of an axis of that size."""
        stride, dilation = window.stride[axis], window.dilation[axis]
        from_begin = first + window.padding[axis][0]
        reach = sorted(
            ((from_begin - t * dilation) // stride, t)
            for t in range(window.kernel[axis])
            if (from_begin - t * dilation) % stride == 0
        )
        return cls(
            first,
            len(range(first, size, stride)),
            tuple(offset for offset, _ in reach),
            tuple(tap for _, tap in reach),
        )


Triple = tuple[int, int, int]
STILL = Phase(0, 1, (0,), (0,))  # of an axis that is not there
Axis = tuple[Phase, ...]


@lru_cache(512)
def phases(window: Window, size: Sizes) -> tuple[Axis, Axis, Axis]:
    """The phases of each of three axes."""
    axes: list[Axis] = [(STILL,) for _ in range(3 - window.rank)]
    for axis, length in enumerate(size):
        count = min(window.stride[axis], length)
        axes.append(tuple(Phase.of(window, axis, n, length) for n in range(count)))
    z, y, x = axes
    return z, y, x


def margins(axes: tuple[Axis, Axis, Axis]) -> tuple[Triple, Triple]:
    """Zeros needed before the gradient, and its whole extent, for all phases."""
    before, extent = [], []
    for axis in axes:
        offsets = [o for phase in axis for o in phase.offsets]
        low, high = min(offsets), max(offsets) + axis[0].outputs
        before.append(-low)
        extent.append(high - low)
    return three(tuple(before)), three(tuple(extent))
