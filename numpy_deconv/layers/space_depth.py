"""Blocks of the image as channels, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import ShapeError
from ..per_axis import Sizes
from ..window import Positions
from .boxes import Indices
from .layer import Layer, Reads


@dataclass(frozen=True, eq=False)
class DepthToSpace(Layer):
    """``(N, C*b*b, H, W)`` to ``(N, C, H*b, W*b)`` for blocks of side ``b``.

    Channels are ordered ``(b, b, C)``, or with ``by_channel`` ``(C, b, b)`` as in
    torch's pixel_shuffle.
    """

    block: int
    by_channel: bool = False

    def forward(self, *xs: Array) -> tuple[Array, None]:
        (x,) = xs
        b = self.block
        if x.ndim != 4 or x.shape[1] % (b * b):
            raise ShapeError(
                f"an input of shape {x.shape} has no blocks of {b} x {b} channels"
            )
        n, c, h, w = x.shape
        shape = (n, c // (b * b), b, b, h, w)
        if self.by_channel:
            y = x.reshape(shape).transpose(0, 1, 4, 2, 5, 3)
        else:
            y = x.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2)
        return y.reshape(n, c // (b * b), h * b, w * b), None

    def vjp(self, saved: None, gy: Array) -> tuple[Array | None, ...]:
        n, c, h, w = gy.shape
        b = self.block
        split = gy.reshape(n, c, h // b, b, w // b, b)
        order = (0, 1, 3, 5, 2, 4) if self.by_channel else (0, 3, 5, 1, 2, 4)
        return (split.transpose(order).reshape(n, c * b * b, h // b, w // b),)

    def take(self, saved: None, samples: Indices) -> None:
        return None

    def describe(self) -> str:
        return f"DepthToSpace {self.block}"

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [tuple(np.unique(p // self.block) for p in at)]


@dataclass(frozen=True, eq=False)
class SpaceToDepth(Layer):
    """``(N, C, H*b, W*b)`` to ``(N, b*b*C, H, W)``: DepthToSpace, undone."""

    block: int
    by_channel: bool = False

    def _other(self) -> DepthToSpace:
        return DepthToSpace(self.block, self.by_channel)

    def forward(self, *xs: Array) -> tuple[Array, None]:
        (x,) = xs
        if x.ndim != 4 or any(n % self.block for n in x.shape[2:]):
            raise ShapeError(
                f"an input of shape {x.shape} is not made of blocks of {self.block} x "
                f"{self.block}"
            )
        (y,) = self._other().vjp(None, x)
        return y, None

    def vjp(self, saved: None, gy: Array) -> tuple[Array | None, ...]:
        return (self._other().forward(gy)[0],)

    def take(self, saved: None, samples: Indices) -> None:
        return None

    def describe(self) -> str:
        return f"SpaceToDepth {self.block}"

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        inside = np.arange(self.block)
        return [tuple((p[:, None] * self.block + inside).ravel() for p in at)]
