"""Layers that join, reshape, extend or pass on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..functional import concat, flatten, pad, upsample
from ..per_axis import Sizes
from ..reference import resampling
from ..registry import current
from ..window import Positions, Window
from .boxes import Boxes, Indices, rows_of
from .broadcasting import check_broadcast, reduced
from .in_training import DropoutInTraining
from .layer import Key, Layer, Outline, Pointwise, Reads, whole


@dataclass(frozen=True, eq=False)
class Identity(Pointwise):
    """Passes its input on."""

    def forward(self, *xs: Array) -> tuple[Array, None]:
        (x,) = xs
        return x, None

    def vjp(self, saved: None, gy: Array) -> tuple[Array | None, ...]:
        return (gy,)


@dataclass(frozen=True, eq=False)
class Dropout(Identity):
    """Dropout as it is at inference: it passes its input on."""

    rate: float = 0.5

    def in_training(self, key: Key) -> DropoutInTraining:
        return DropoutInTraining(self.rate, key)

    def describe(self) -> str:
        return f"Dropout {self.rate}"


@dataclass(frozen=True, eq=False)
class Flatten(Layer):
    """``(N, C, H, W)`` to ``(N, C*H*W)``."""

    start_axis: int = 1

    def forward(self, *xs: Array) -> tuple[Array, tuple[int, ...]]:
        (x,) = xs
        return flatten(x, self.start_axis), x.shape

    def vjp(self, saved: tuple[int, ...], gy: Array) -> tuple[Array | None, ...]:
        batch = saved[0] if self.start_axis == 0 else len(gy)
        return (gy.reshape(batch, *saved[1:]),)

    def take(self, saved: tuple[int, ...], samples: Indices) -> Any:
        return saved if self.start_axis % len(saved) else NotImplemented

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        kept = len(size) - 1  # spatial axes before those that became one
        if kept < 0:
            return [whole(sizes[0])]
        merged = np.unravel_index(at[kept], sizes[0][kept:])
        return [(*at[:kept], *map(np.unique, merged))]


@dataclass(frozen=True, eq=False)
class Concat(Layer):
    """Joins its inputs along ``axis``, the channels by default."""

    arity = None

    axis: int = 1

    def forward(self, *xs: Array) -> tuple[Array, tuple[int, ...]]:
        return concat(*xs, axis=self.axis), tuple(x.shape[self.axis] for x in xs)

    def vjp(self, saved: tuple[int, ...], gy: Array) -> tuple[Array | None, ...]:
        ends = np.cumsum(saved)[:-1].tolist()
        return tuple(np.split(gy, ends, axis=self.axis))

    def vjp_masked(
        self, saved: tuple[int, ...], gy: Array, wheres: tuple[Array | None, ...]
    ) -> tuple[Array | None, ...]:
        """:meth:`vjp` with zeros where ``wheres`` are not above zero (None: as it is),
        in one pass if it is the channels that were joined."""
        if self.axis % gy.ndim == 1:
            return current(gy).split_channels(gy, saved, *wheres)
        parts = zip(self.vjp(saved, gy), wheres, strict=True)
        return tuple(
            part if where is None else current(gy).activation_grad(part, where, "relu")
            for part, where in parts
        )

    def take(self, saved: tuple[int, ...], samples: Indices) -> Any:
        return saved if self.axis else NotImplemented

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        return self if self.axis % (len(output.plane) + 2) == 1 else None

    def crop(
        self, saved: tuple[int, ...], inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, tuple[int, ...]] | None:
        layer = self.on_windows(inputs, output)
        return None if layer is None else (layer, saved)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        axis, reads, start = self.axis % (len(at) + 2) - 2, [], 0
        if axis < 0:
            return super().reads(at, sizes, size)
        for each in sizes:
            stop = start + each[axis]
            part = at[axis][(at[axis] >= start) & (at[axis] < stop)] - start
            reads.append((*at[:axis], part, *at[axis + 1 :]))
            start = stop
        return reads


@dataclass(frozen=True, eq=False)
class Add(Layer):
    """Sum of its inputs, broadcast over axes of size 1."""

    arity = None

    def forward(self, *xs: Array) -> tuple[Array, list[tuple[int, ...]]]:
        check_broadcast(xs)
        total = xs[0]
        for x in xs[1:]:
            total = total + x
        return total, [x.shape for x in xs]

    def vjp(self, saved: list[tuple[int, ...]], gy: Array) -> tuple[Array | None, ...]:
        return tuple(reduced(gy, shape) for shape in saved)

    def take(
        self, saved: list[tuple[int, ...]], samples: Indices
    ) -> list[tuple[int, ...]]:
        return saved

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        return self

    def crop(
        self, saved: list[tuple[int, ...]], inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, list[tuple[int, ...]]] | None:
        shapes = zip(saved, inputs, strict=True)
        return self, [(*shape[:2], *box.shape) for shape, box in shapes]


@dataclass(frozen=True, eq=False)
class Mul(Layer):
    """Product of two inputs, broadcast over axes of size 1 (squeeze and excite)."""

    arity = 2

    def forward(self, *xs: Array) -> tuple[Array, tuple[Array, Array]]:
        check_broadcast(xs)
        a, b = xs
        return a * b, (a, b)

    def vjp(self, saved: tuple[Array, Array], gy: Array) -> tuple[Array | None, ...]:
        a, b = saved
        return reduced(gy * b, a.shape), reduced(gy * a, b.shape)

    def take(self, saved: tuple[Array, Array], samples: Indices) -> tuple[Array, Array]:
        a, b = saved
        return rows_of(a, samples), rows_of(b, samples)

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Layer | None:
        return self

    def crop(
        self, saved: tuple[Array, Array], inputs: list[Boxes], output: Boxes
    ) -> tuple[Layer, tuple[Array, Array]] | None:
        (a, b), (box_a, box_b) = saved, inputs
        return self, (box_a.cut(a), box_b.cut(b))


@dataclass(frozen=True, eq=False)
class Pad(Layer):
    """Extends the spatial axes; see ``numpy_deconv.pad``."""

    padding: Any
    mode: str = "constant"
    value: float = 0

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        return pad(x, self.padding, self.mode, self.value), x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        pairs = Window.of(1, gy.ndim - 2, padding=self.padding).padding
        return (resampling.pad_grad(gy, pairs, self.mode),)

    def slim(self, saved: Array, y: Array) -> None:
        return None

    def take(self, saved: Any, samples: Indices) -> None:
        return None

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        pairs = Window.of(1, len(at), padding=self.padding).padding
        sources = []
        for p, length, ends in zip(at, sizes[0], pairs, strict=True):
            source = np.unique(resampling.pad_sources(length, ends, self.mode)[p])
            sources.append(source[source >= 0])
        return [tuple(sources)]


@dataclass(frozen=True, eq=False)
class Upsample(Layer):
    """Resamples the spatial axes; see ``numpy_deconv.upsample``."""

    scale: Any
    mode: str = "nearest"

    def forward(self, *xs: Array) -> tuple[Array, Array]:
        (x,) = xs
        return upsample(x, self.scale, self.mode), x

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        size = saved.shape[2:]
        scales = self._scales(len(size))
        return (current(gy).upsample_grad(gy, size, scales, self.mode),)

    def slim(self, saved: Array, y: Array) -> Outline:
        return Outline(saved.shape)

    def take(self, saved: Any, samples: Indices) -> Outline:
        return Outline(saved.shape)

    def _scales(self, rank: int) -> tuple[float, ...]:
        each = self.scale if hasattr(self.scale, "__len__") else (self.scale,) * rank
        return tuple(map(float, each))

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        sources = []
        for p, length, factor in zip(at, sizes[0], self._scales(len(at)), strict=True):
            if self.mode == "nearest":
                sources.append(np.unique(resampling.nearest_source(length, factor)[p]))
                continue
            low, high, weight = (
                n[p] for n in resampling.linear_sources(length, factor)
            )
            sources.append(np.union1d(low, high[weight > 0]))
        return [tuple(sources)]
