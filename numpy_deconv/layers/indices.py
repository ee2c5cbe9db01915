"""Switches as other systems count them: through the whole batch, or by columns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..per_axis import Sizes
from .layer import Layer


@dataclass(frozen=True, eq=False)
class WholeIndices(Layer):
    """Switches into planes of ``size`` as flat indices into the whole ``(N, C, ...)``.

    ``by_column`` counts the first spatial axis fastest (ONNX's ``storage_order`` 1).
    """

    size: Sizes
    by_column: bool = False

    def forward(self, *xs: Array) -> tuple[Array, None]:
        (switches,) = xs
        n, c = switches.shape[:2]
        plane = math.prod(self.size)
        inside = switches
        if self.by_column:
            inside, step, rest = np.zeros_like(switches), 1, switches
            for axis, length in enumerate(self.size):
                behind = math.prod(self.size[axis + 1 :])
                inside = inside + rest // behind * step
                rest, step = rest % behind, step * length
        first = np.arange(n * c).reshape(n, c, *(1,) * len(self.size)) * plane
        return inside + np.asarray(first, like=switches), None

    def vjp(self, saved: None, gy: Array) -> tuple[Array | None, ...]:
        return (None,)


@dataclass(frozen=True, eq=False)
class PlaneIndices(Layer):
    """Flat indices into the whole ``(N, C, *size)`` as switches into each plane."""

    size: Sizes

    def forward(self, *xs: Array) -> tuple[Array, None]:
        (indices,) = xs
        return indices % math.prod(self.size), None

    def vjp(self, saved: None, gy: Array) -> tuple[Array | None, ...]:
        return (None,)
