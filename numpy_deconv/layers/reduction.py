"""Reductions along axes: sums, means, extremes, norms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, widened
from ..errors import OptionError, ShapeError
from ..per_axis import Sizes
from ..window import Positions
from .boxes import Boxes, Indices, rows_of
from .layer import Layer, Reads, by, whole

Axes = tuple[int, ...]


class Kind(NamedTuple):
    """A reduction ``(x, axes) -> y``, and its slope from x and y, both of x's rank."""

    value: Callable[[Array, Axes], Array]
    slope: Callable[[Array, Array, Axes], Array]


def _count(x: Array, axes: Axes) -> int:
    return math.prod(x.shape[a] for a in axes)


def _sum(x: Array, axes: Axes) -> Array:
    return x.sum(axis=axes, keepdims=True)


def _mean(x: Array, axes: Axes) -> Array:
    if x.dtype.kind in "iu":
        return _sum(x, axes) // max(1, _count(x, axes))
    return _sum(x, axes) / x.dtype.type(_count(x, axes))


def _largest(x: Array, axes: Axes) -> Array:
    return _extreme(x, axes, -np.inf)


def _smallest(x: Array, axes: Axes) -> Array:
    return _extreme(x, axes, np.inf)


def _extreme(x: Array, axes: Axes, infinity: float) -> Array:
    """The largest for an infinity below all, the smallest for one above."""
    if _count(x, axes):
        found = x.max if infinity < 0 else x.min
        return found(axis=axes, keepdims=True)
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    return np.full_like(x, _end(x, infinity), shape=shape)


def _end(x: Array, infinity: float) -> Any:
    """What an extreme of nothing is."""
    if x.dtype.kind == "b":
        return infinity > 0
    if x.dtype.kind not in "iu":
        return infinity
    limits = np.iinfo(x.dtype)
    return limits.max if infinity > 0 else limits.min


def _shared(x: Array, y: Array, axes: Axes) -> Array:
    hit = (x == y).astype(x.dtype)
    return hit / _sum(hit, axes)


def _prod(x: Array, axes: Axes) -> Array:
    return x.prod(axis=axes, keepdims=True)


def _prod_slope(x: Array, y: Array, axes: Axes) -> Array:
    zeros = _sum((x == 0).astype(x.dtype), axes)
    others = _prod(np.where(x == 0, 1, x), axes)
    only_zero = np.where((x == 0) & (zeros == 1), others, 0)
    return np.where(zeros == 0, others / np.where(x == 0, 1, x), only_zero)


def _norm(x: Array, axes: Axes) -> Array:
    return np.sqrt(_sum(x * x, axes)).astype(x.dtype, copy=False)


def _log_sum_exp(x: Array, axes: Axes) -> Array:
    top = _largest(x, axes)
    top = np.where(np.isfinite(top), top, 0)
    return np.log(_sum(np.exp(x - top), axes)) + top


KINDS = {
    "sum": Kind(_sum, lambda x, y, axes: np.ones_like(x)),
    "mean": Kind(_mean, lambda x, y, axes: np.full_like(x, 1 / _count(x, axes))),
    "max": Kind(_largest, _shared),
    "min": Kind(_smallest, _shared),
    "prod": Kind(_prod, _prod_slope),
    "l1": Kind(lambda x, axes: _sum(np.abs(x), axes), lambda x, y, axes: np.sign(x)),
    "l2": Kind(_norm, lambda x, y, axes: np.where(y == 0, 0, x / y)),
    "sum_square": Kind(lambda x, axes: _sum(x * x, axes), lambda x, y, axes: 2 * x),
    "log_sum": Kind(
        lambda x, axes: np.log(_sum(x, axes)),
        lambda x, y, axes: np.broadcast_to(np.exp(-y), x.shape),
    ),
    "log_sum_exp": Kind(_log_sum_exp, lambda x, y, axes: np.exp(x - y)),
}
"""Equal extremes share the gradient evenly."""

_UNCHANGED_BY_NONE = ("sum", "mean", "max", "min", "prod")


@dataclass(frozen=True, eq=False)
class Reduce(Layer):
    """One of :data:`KINDS` along ``axes`` (None: all), which stay with one entry.

    With ``keepdims=False`` they go. Raises OptionError for a kind that is none.

    >>> import numpy as np
    >>> Reduce("mean", (2,), keepdims=False).forward(np.array([[[1.0, 3.0]]]))[0]
    array([[2.]])
    """

    kind: str
    axes: tuple[int, ...] | None = None
    keepdims: bool = True

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise OptionError(
                f"there is no reduction {self.kind!r}: there are {', '.join(KINDS)}"
            )

    def _axes(self, rank: int) -> Axes:
        if self.axes is None:
            return tuple(range(rank))
        if not all(-rank <= axis < rank for axis in self.axes):
            raise ShapeError(
                f"axes {self.axes} do not all exist: the input has {rank} axes"
            )
        return tuple(sorted({axis % rank for axis in self.axes}))

    def forward(self, *xs: Array) -> tuple[Array, tuple[Array, Array]]:
        (x,) = xs
        axes = self._axes(x.ndim)
        value = KINDS[self.kind].value
        if x.dtype.kind == "b":  # which has no sums, only extremes
            y = value(x, axes)
        elif axes or self.kind not in _UNCHANGED_BY_NONE:
            y = _reduced(x, value, axes)
        else:
            y = x
        kept = tuple(n for a, n in enumerate(y.shape) if a not in axes)
        return (y if self.keepdims else y.reshape(kept)), (x, y)

    def vjp(self, saved: tuple[Array, Array], gy: Array) -> tuple[Array | None, ...]:
        x, y = saved
        axes = self._axes(x.ndim)
        gy = gy.reshape(y.shape[0] if 0 in axes else len(gy), *y.shape[1:])
        return (_spread(gy, x, y, KINDS[self.kind].slope, axes),)

    def describe(self) -> str:
        over = "all axes" if self.axes is None else f"axes {by(self.axes)}"
        return f"Reduce {self.kind} over {over}"

    def take(self, saved: tuple[Array, Array], samples: Indices) -> Any:
        x, y = saved
        if 0 in self._axes(x.ndim):
            return NotImplemented
        return rows_of(x, samples), rows_of(y, samples)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        rank = len(sizes[0]) + 2
        axes = self._axes(rank)
        kept = [a for a in range(rank) if self.keepdims or a not in axes]
        read = list(whole(sizes[0]))
        for place, axis in enumerate(kept[2:]):
            if axis > 1 and axis not in axes:
                read[axis - 2] = at[place]
        return [tuple(read)]

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        over_channels = self.axes in ((1,), (-1 - len(output.plane),))
        return self if over_channels and self.keepdims else None

    def crop(
        self, saved: tuple[Array, Array], inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, tuple[Array, Array]] | None:
        if self.on_windows(inputs, output) is None:
            return None
        x, y = saved
        return self, (inputs[0].cut(x), output.cut(y))


@widened
def _reduced(x: Array, value: Callable[[Array, Axes], Array], axes: Axes) -> Array:
    with np.errstate(all="ignore"):
        return value(x, axes).astype(x.dtype, copy=False)


@widened
def _spread(
    gy: Array,
    x: Array,
    y: Array,
    slope: Callable[[Array, Array, Axes], Array],
    axes: Axes,
) -> Array:
    with np.errstate(all="ignore"):
        return gy * slope(x, y, axes).astype(gy.dtype, copy=False)
