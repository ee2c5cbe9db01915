"""How large each node's planes are, from an architecture's table alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Layer,
    Linear,
)
from ..per_axis import Sizes, per_axis
from .architecture import ARGUMENTS, Architecture
from .row import Row


def planes(architecture: Architecture) -> dict[str, Sizes]:
    """Spatial sizes by node, ``"input"`` first; empty after flattening.

    Of the architecture's own input size; nothing is computed.

    Example::

        planes(ALEXNET_227)["conv2"]  # (27, 27)
    """
    sizes: dict[str, Sizes] = {"input": tuple(architecture.preprocess.size)}
    above = "input"
    for row in architecture.rows:
        sizes[row.name] = _after(layer_of(row), sizes[(row.inputs or (above,))[0]])
        above = row.name
    return sizes


def layer_of(row: Row) -> Layer:
    """The layer of a row, its parameters all zeros that take no memory."""
    arrays = {
        ARGUMENTS.get(name, name): np.broadcast_to(np.float32(0), shape)
        for name, shape in row.shapes.items()
    }
    return row.layer(**arrays, **row.options)


def _after(layer: Any, size: Sizes) -> Sizes:
    match layer:
        case Flatten() | Linear():
            return ()
        case GlobalAvgPool() | GlobalMaxPool():
            return (1,) * len(size)
        case AdaptiveAvgPool(output_size=wanted) | AdaptiveMaxPool(output_size=wanted):
            return per_axis(wanted, len(size), "output_size", 1)
    window = layer.window(size)
    return size if window is None else window.output_size(size)
