"""Layers that give the same numbers another shape, order or type."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, is_float
from ..errors import ShapeError
from ..per_axis import Sizes
from ..registry import beside
from ..window import Positions
from .boxes import Boxes, Indices
from .broadcasting import broadcast_shape, unbroadcast
from .layer import Layer, Outline, Pointwise, Reads, by, whole
from .taps import along, picked, transposed


@dataclass(frozen=True, eq=False)
class Reshape(Layer):
    """Each sample in another shape, ``(N, *shape)``; one entry may be -1.

    With ``batch=False`` the shape is that of the whole batch.
    """

    shape: tuple[int, ...]
    batch: bool = True

    def forward(self, *xs: Array) -> tuple[Array, Outline]:
        (x,) = xs
        target = (len(x), *self.shape) if self.batch else self.shape
        known = math.prod(n for n in target if n != -1)
        fits = known == x.size if -1 not in target else known and x.size % known == 0
        if not fits:
            raise ShapeError(
                f"an input of shape {x.shape} cannot become {target}: the numbers of "
                "elements differ"
            )
        return x.reshape(target), Outline(x.shape)

    def vjp(self, saved: Outline, gy: Array) -> tuple[Array | None, ...]:
        if not self.batch:
            return (gy.reshape(saved.shape),)
        return (gy.reshape(len(gy), *saved.shape[1:]),)

    def describe(self) -> str:
        return f"Reshape to {by(self.shape) or 'numbers'}"

    def take(self, saved: Outline, samples: Indices) -> Any:
        return saved if self.batch else NotImplemented

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        read, same = list(whole(sizes[0])), 1
        while same <= min(len(size), len(sizes[0])) and size[-same] == sizes[0][-same]:
            read[-same] = at[-same]
            same += 1
        return [tuple(read)]


@dataclass(frozen=True, eq=False)
class Transpose(Layer):
    """The axes in another order: output axis ``i`` is input axis ``order[i]``."""

    order: tuple[int, ...]

    def forward(self, *xs: Array) -> tuple[Array, None]:
        (x,) = xs
        if sorted(self.order) != list(range(x.ndim)):
            raise ShapeError(
                f"an input of shape {x.shape} has no axes in the order {self.order}"
            )
        return x.transpose(self.order), None

    def vjp(self, saved: None, gy: Array) -> tuple[Array | None, ...]:
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        return (gy.transpose(back),)

    def describe(self) -> str:
        return f"Transpose to {self.order}"

    def take(self, saved: None, samples: Indices) -> Any:
        return None if self.order[:1] == (0,) else NotImplemented

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        read = list(whole(sizes[0]))
        for place, axis in enumerate(self.order[2:]):
            if axis > 1:
                read[axis - 2] = at[place]
        return [tuple(read)]


@dataclass(frozen=True, eq=False)
class Slice(Layer):
    """``x[slices]``, one slice per axis, of any step."""

    slices: tuple[slice, ...]

    def forward(self, *xs: Array) -> tuple[Array, Outline]:
        (x,) = xs
        if len(self.slices) > x.ndim:
            raise ShapeError(
                f"{len(self.slices)} slices are too many for an input of {x.ndim} axes"
            )
        return x[self.slices], Outline(x.shape)

    def vjp(self, saved: Outline, gy: Array) -> tuple[Array | None, ...]:
        first = self._slice(0)
        cut = first.indices(saved.shape[0]) != (0, saved.shape[0], 1)
        batch = saved.shape[0] if cut else len(gy)
        gx = np.zeros_like(gy, shape=(batch, *saved.shape[1:]))
        gx[self.slices] = gy
        return (gx,)

    def describe(self) -> str:
        words = (
            ":".join("" if n is None else str(n) for n in (s.start, s.stop, s.step))
            for s in self.slices
        )
        return f"Slice [{', '.join(words)}]"

    def take(self, saved: Outline, samples: Indices) -> Any:
        return saved if self._slice(0) == slice(None) else NotImplemented

    def _slice(self, axis: int) -> slice:
        return self.slices[axis] if axis < len(self.slices) else slice(None)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        read = []
        for axis, (p, length) in enumerate(zip(at, sizes[0], strict=True), start=2):
            read.append(np.sort(np.arange(length)[self._slice(axis)][p]))
        return [tuple(read)]


@dataclass(frozen=True, eq=False)
class Gather(Layer):
    """``take(x, indices, axis)``: the entries ``indices``, of any shape, of an axis."""

    indices: Array
    axis: int = 1

    def _where(self, x: Array) -> tuple[Any, ...]:
        return (slice(None),) * (self.axis % x.ndim) + (beside(self.indices, x),)

    def forward(self, *xs: Array) -> tuple[Array, Outline]:
        (x,) = xs
        if not -x.ndim <= self.axis < x.ndim:
            raise ShapeError(f"an input of {x.ndim} axes has no axis {self.axis}")
        length = x.shape[self.axis]
        if self.indices.size and not (
            -length <= int(self.indices.min()) and int(self.indices.max()) < length
        ):
            raise ShapeError(
                f"indices reach from {int(self.indices.min())} to "
                f"{int(self.indices.max())}, but axis {self.axis} has {length} entries"
            )
        return x[self._where(x)], Outline(x.shape)

    def vjp(self, saved: Outline, gy: Array) -> tuple[Array | None, ...]:
        axis = self.axis % len(saved.shape)
        length = saved.shape[axis]
        batch = len(gy) if axis else saved.shape[0]
        places = self.indices.reshape(-1) % max(1, length)
        if len(np.unique(places)) == places.size:
            gx = np.zeros_like(gy, shape=(batch, *saved.shape[1:]))
            gx[self._where(gx)] = gy
            return (gx,)
        behind = axis + self.indices.ndim
        lined = gy.reshape(*gy.shape[:axis], places.size, *gy.shape[behind:])
        return (along(lined, axis, transposed(picked(places), length), 0),)

    def take(self, saved: Outline, samples: Indices) -> Any:
        return saved if self.axis % len(saved.shape) else NotImplemented

    def describe(self) -> str:
        return f"Gather {self.indices.size} of axis {self.axis}"

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        axis, added = self.axis % (len(sizes[0]) + 2), self.indices.ndim - 1
        read = list(whole(sizes[0]))
        for a in range(2, len(sizes[0]) + 2):
            place = a if a < axis else a + added
            if a != axis and place > 1:
                read[a - 2] = at[place - 2]
        if axis > 1 and added == 0:
            read[axis - 2] = np.unique(self.indices[at[axis - 2]] % sizes[0][axis - 2])
        return [tuple(read)]


@dataclass(frozen=True, eq=False)
class Expand(Layer):
    """Broadcast to ``shape``, where axes of 1 keep the input's size."""

    shape: tuple[int, ...]

    def forward(self, *xs: Array) -> tuple[Array, Outline]:
        (x,) = xs
        shape = broadcast_shape(x.shape, self.shape)
        return np.broadcast_to(x, shape), Outline(x.shape)

    def vjp(self, saved: Outline, gy: Array) -> tuple[Array | None, ...]:
        result = broadcast_shape(saved.shape, self.shape)
        return (unbroadcast(gy, saved.shape, result),)

    def describe(self) -> str:
        return f"Expand to {by(self.shape)}"

    def take(self, saved: Outline, samples: Indices) -> Any:
        result = broadcast_shape(saved.shape, self.shape)
        same = len(result) == len(saved.shape) and result[0] == saved.shape[0]
        return saved if same else NotImplemented


@dataclass(frozen=True, eq=False)
class Cast(Pointwise):
    """The values in another dtype; through integers there is no gradient."""

    dtype: Any

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        with np.errstate(invalid="ignore", over="ignore"):
            return x.astype(self.dtype), x

    def slim(self, saved: Array, y: Array) -> Array:
        return saved[:1, ..., :0] if saved.ndim else saved

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        if not is_float(saved.dtype):
            return (None,)
        if not is_float(np.dtype(self.dtype)):
            return (np.zeros_like(gy, dtype=saved.dtype),)
        return (gy.astype(saved.dtype),)

    def describe(self) -> str:
        return f"Cast to {np.dtype(self.dtype)}"

    def take(self, saved: Array, samples: Indices) -> Any:
        return saved

    def crop(
        self, saved: Array, inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, Array]:
        return self, saved


@dataclass(frozen=True, eq=False)
class Constant(Layer):
    """The same array ``(1, ...)`` for each sample, whatever it reads."""

    value: Array

    def forward(self, *xs: Array) -> tuple[Array, Outline]:
        (x,) = xs
        shape = (len(x), *self.value.shape[1:])
        return np.broadcast_to(beside(self.value, x), shape), Outline(x.shape)

    def vjp(self, saved: Outline, gy: Array) -> tuple[Array | None, ...]:
        return (np.zeros_like(gy, shape=(len(gy), *saved.shape[1:])),)

    def describe(self) -> str:
        return f"Constant {by(self.value.shape)}"

    def take(self, saved: Outline, samples: Indices) -> Outline:
        return saved

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [tuple(np.arange(0) for _ in each) for each in sizes]
