"""What pools share: their window, and which inputs an output reads through it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..per_axis import Sizes
from ..reference.pooling import cells
from ..window import Positions, Window
from .boxes import Boxes, window_between
from .layer import Layer, Reads, by


def described(layer: Any) -> str:
    """A pool's kind, kernel and stride."""
    stride = layer.kernel_size if layer.stride is None else layer.stride
    return f"{type(layer).__name__} {by(layer.kernel_size)}, stride {by(stride)}"


def window_of(layer: Any, size: Sizes) -> Window:
    """The window of a pool over an input of this size."""
    return Window.of_pool(
        layer.kernel_size,
        len(size),
        stride=layer.stride,
        padding=layer.padding,
        dilation=getattr(layer, "dilation", 1),
        ceil_mode=getattr(layer, "ceil_mode", False),
        input_size=size,
    )


class Windowed(Layer):
    """A pool whose outputs read through a window that slides over its input."""

    def describe(self) -> str:
        return described(self)

    def window(self, input_size: Sizes) -> Window:
        return window_of(self, input_size)

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        return [window_of(self, sizes[0]).reads(at, sizes[0])]

    def between(self, inputs: list[Boxes], output: Boxes) -> dict[str, Any]:
        """The geometry of this pool between boxes."""
        window = window_between(self.window(inputs[0].plane), inputs[0], output)
        return {
            "stride": window.stride,
            "padding": window.padding,
            "ceil_mode": False,
        }


class Adaptive(Layer):
    """A pool whose outputs share its input out evenly."""

    def reads(self, at: Positions, sizes: list[Sizes], size: Sizes) -> Reads:
        sources = []
        for p, length, outputs in zip(at, sizes[0], size, strict=True):
            cell = [inputs[0] for _, inputs in cells((length,), (outputs,))]
            read = [np.arange(cell[o].start, cell[o].stop) for o in p.tolist()]
            sources.append(np.unique(np.concatenate(read)))
        return [tuple(sources)]
