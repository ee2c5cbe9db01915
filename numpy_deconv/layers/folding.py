"""Columns back into images, as a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..arrays import Array
from ..functional import col2im, im2col
from .boxes import Indices
from .layer import ReadsAll, by


@dataclass(frozen=True, eq=False)
class Col2Im(ReadsAll):
    """``(N, C*prod(kernel), L)`` to ``(N, C, *output_size)``, overlaps summed.

    See ``numpy_deconv.col2im``.
    """

    output_size: tuple[int, ...]
    kernel_size: Any
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1

    def _geometry(self) -> dict[str, Any]:
        names = ("stride", "padding", "dilation")
        return {name: getattr(self, name) for name in names}

    def forward(self, *xs: Array) -> tuple[Array, None]:
        (x,) = xs
        y = col2im(x, self.output_size, self.kernel_size, **self._geometry())
        return y, None

    def vjp(self, saved: None, gy: Array) -> tuple[Array | None, ...]:
        return (im2col(gy, self.kernel_size, **self._geometry()),)

    def take(self, saved: None, samples: Indices) -> None:
        return None

    def describe(self) -> str:
        return f"Col2Im to {by(self.output_size)}"
