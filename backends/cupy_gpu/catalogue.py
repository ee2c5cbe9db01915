"""Every file of kernels in every way that the backend compiles it.

What CI compiles for each architecture, so that no user is the first to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...window import Window
from .algorithms import LARGE, SQUARE, TABLE, TENSOR
from .geometry import fixed
from .kernel import NATIVE, Kernel, kernel_for
from .weight_grad import LARGE_WEIGHT_TILE, WEIGHT_TILE

FLOATS = ("float16", "float32", "float64")
EVERY = tuple(sorted(NATIVE - {"uint64"}))
SUMMED = (*FLOATS, "int64")  # integers are widened before they are multiplied
TENSOR_CAPABILITY = 80

_SHAPES = (
    Window((3, 3), (2, 2), ((0, 0), (0, 0)), (1, 1)),
    Window((2, 3, 1), (1, 2, 1), ((0, 0),) * 3, (1, 2, 1)),
)
_PLAIN: tuple[dict[str, Any], ...] = ({},)
_WINDOWED = (*_PLAIN, *(fixed(window) for window in _SHAPES))
_TILES = dict.fromkeys(a.tile for a in TABLE if a.tile and a.tile is not TENSOR)
_BOTH: tuple[dict[str, Any], ...] = ({}, {"BY_CHANNEL": 1})

_FILES: tuple[tuple[str, tuple[str, ...], tuple[dict[str, Any], ...]], ...] = (
    ("pooling.cu", EVERY, _WINDOWED),
    ("columns.cu", EVERY, _WINDOWED),
    ("pooling_grad.cu", FLOATS, _WINDOWED),
    ("cells.cu", EVERY, _PLAIN),
    ("switches.cu", EVERY, _PLAIN),
    ("elementwise.cu", EVERY, _PLAIN),
    ("elementwise_float.cu", FLOATS, _PLAIN),
    ("normalisation.cu", FLOATS, (*_PLAIN, *({"SIZE": n} for n in (1, 2, 5, 8)))),
    ("resampling.cu", EVERY, _PLAIN),
    ("packing.cu", SUMMED, _PLAIN),
    ("direct.cu", SUMMED, _PLAIN),
    ("depthwise.cu", FLOATS, _WINDOWED[1:]),
    ("winograd.cu", ("float32",), _PLAIN),
    ("tiles.cu", ("float32",), tuple({**t.macros, **b} for t in _TILES for b in _BOTH)),
    ("tiles.cu", ("float16",), (LARGE.macros,)),
    ("tiles.cu", ("float64", "int64"), tuple({**SQUARE.macros, **b} for b in _BOTH)),
    (
        "weight_grad.cu",
        SUMMED,
        tuple(tile.macros for tile in (WEIGHT_TILE, LARGE_WEIGHT_TILE)),
    ),
)


def catalogue(capability: int) -> Iterator[Kernel]:
    """One kernel for each way that a file is compiled for this capability."""
    for file, dtypes, ways in _FILES:
        for dtype in dtypes:
            for macros in ways:
                yield from _indexed(file, dtype, macros)
    if capability >= TENSOR_CAPABILITY:
        yield from _indexed("tensor_packing.cu", "float32", {})
        yield from _indexed("tensor_packing.cu", "float16", {"HALVES": 1})
        for macros in _BOTH:
            yield from _indexed("tensor.cu", "float32", macros)
            yield from _indexed("tensor.cu", "float16", {"HALVES": 1, **macros})


def _indexed(file: str, dtype: str, macros: dict[str, Any]) -> Iterator[Kernel]:
    """With either type of index."""
    for index in ("int", "long long"):
        yield kernel_for(file, file.removesuffix(".cu"), dtype, index, **macros)
