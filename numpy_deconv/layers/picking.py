"""Entries picked from anywhere in a sample, and sums up to each entry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, widened
from ..errors import ShapeError
from ..per_axis import Sizes
from ..registry import beside
from ..window import Positions
from .arithmetic import Operation
from .boxes import Indices, rows_of
from .layer import Layer, Outline, Reads, ReadsAll, by, whole
from .taps import along, picked, transposed


@dataclass(frozen=True, eq=False)
class Pick(ReadsAll, Operation):
    """Entries of each sample's operands, laid out flat one operand after the other.

    ``sources`` counts in that row, and has the shape of a sample of the output. What
    is a constant has a first axis of one sample, which serves all. With
    ``batch=False`` the row is that of the whole batch, and so is the output.

    >>> Pick((None,), np.array([[3, 0]])).forward(np.array([[5, 6, 7, 8]]))[0]
    array([[[8, 5]]])
    """

    sources: Any = None
    batch: bool = True

    def check(self, *operands: Array) -> None:
        length = sum(self._length(each.shape) for each in operands)
        if self.sources.size and not (
            self.sources.min() >= 0 and self.sources.max() < length
        ):
            raise ShapeError(
                f"picks entries {self.sources.min()} to {self.sources.max()}, but its "
                f"operands have {length}"
            )

    def _length(self, shape: tuple[int, ...]) -> int:
        return math.prod(shape[1:] if self.batch else shape)

    def value(self, *operands: Array) -> Array:
        rows = max(len(each) for each in operands) if self.batch else 1
        parts = [
            np.broadcast_to(
                each.reshape(len(each) if self.batch else 1, -1),
                (rows, self._length(each.shape)),
            )
            for each in operands
        ]
        flat = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        y = flat[:, beside(self.sources.reshape(-1), flat)]
        return y.reshape(*(rows,) * self.batch, *self.sources.shape)

    def slopes(self, gy: Array, *operands: Array) -> tuple[Array | None, ...]:
        lengths = [self._length(each.shape) for each in operands]
        rows = len(gy) if self.batch else 1
        places, total = self.sources.reshape(-1), sum(lengths)
        lined = gy.reshape(rows, places.size)
        if len(np.unique(places)) == places.size:
            flat = np.zeros_like(gy, shape=(rows, total))
            flat[:, beside(places, gy)] = lined
        else:
            flat = along(lined, 1, transposed(picked(places), total), 0)
        ends = np.cumsum(lengths)
        return tuple(
            flat[:, end - length : end]
            for end, length in zip(ends, lengths, strict=True)
        )

    def vjp(self, saved: tuple[Array, ...], gy: Array) -> tuple[Array | None, ...]:
        operands = self._filled(saved)
        slopes: Any = self.slopes(gy, *operands)
        shapes = [(len(gy), *x.shape[1:]) if self.batch else x.shape for x in operands]
        return tuple(slopes[place].reshape(shapes[place]) for place in self._places)

    def describe(self) -> str:
        return f"Pick {by(self.sources.shape) or 'one number'}"

    def take(self, saved: tuple[Array, ...], samples: Indices) -> Any:
        return (
            tuple(rows_of(x, samples) for x in saved) if self.batch else NotImplemented
        )


@dataclass(frozen=True, eq=False)
class CumSum(Layer):
    """The sum of all entries of an axis up to each one.

    ``exclusive`` leaves the entry itself out, ``reverse`` counts from the end.
    """

    axis: int = 1
    exclusive: bool = False
    reverse: bool = False

    def forward(self, *xs: Array) -> tuple[Array, Outline]:
        (x,) = xs
        if not -x.ndim <= self.axis < x.ndim:
            raise ShapeError(f"an input of {x.ndim} axes has no axis {self.axis}")
        return _sums(x, self.axis % x.ndim, self.exclusive, self.reverse), Outline(
            x.shape
        )

    def vjp(self, saved: Outline, gy: Array) -> tuple[Array | None, ...]:
        axis = self.axis % len(saved.shape)
        return (_sums(gy, axis, self.exclusive, not self.reverse),)

    def describe(self) -> str:
        return f"CumSum of axis {self.axis}" + ", from the end" * self.reverse

    def take(self, saved: Outline, samples: Indices) -> Any:
        return saved if self.axis % len(saved.shape) else NotImplemented

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        axis = self.axis % (len(sizes[0]) + 2) - 2
        every = whole(sizes[0])
        return [tuple(every[a] if a == axis else p for a, p in enumerate(at))]


@widened
def _sums(x: Array, axis: int, exclusive: bool, reverse: bool) -> Array:
    turned = np.flip(x, axis) if reverse else x
    sums = np.cumsum(turned, axis=axis, dtype=x.dtype)
    if exclusive:  # moved on, not subtracted, which of infinities makes NaN
        lead, before = (slice(None),) * axis, np.zeros_like(sums)
        before[(*lead, slice(1, None))] = sums[(*lead, slice(None, -1))]
        sums = before
    return np.flip(sums, axis) if reverse else sums
