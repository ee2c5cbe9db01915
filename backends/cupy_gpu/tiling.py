"""How a problem is cut into tiles: worked out once for all calls of its shapes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from .algorithms import TENSOR, Setting, Tile, splits_for
from .kernel import Kernel, kernel_for
from .problem import Problem

MOST_ZEROS = 1.25  # times as many rows, where each tap has tiles of its own


@dataclass(frozen=True, eq=False)
class Tiling:
    """What the product's kernels are launched with, but for the arrays."""

    name: str  # of the kernel
    macros: tuple[tuple[str, Any], ...]
    matrix: tuple[int, int, int]  # shape of the packed weight
    packing: tuple[str, str, tuple[tuple[str, Any], ...]]  # file, function, macros
    splits: int  # shares that its rows are summed in
    struct: Any
    grid: tuple[int, int]
    threads: int
    form: tuple[Any, ...]  # all that the packed weight hangs on, but for the weight
    kernels: dict[str, Kernel] = field(default_factory=dict)

    def kernel(self, dtype: np.dtype[Any], index: str) -> Kernel:
        """That multiplies."""
        found = self.kernels.get(index)
        if found is None:
            found = self.kernels[index] = kernel_for(
                f"{self.name}.cu", self.name, dtype, index, **dict(self.macros)
            )
        return found


@lru_cache(4096)
def tiling_of(problem: Problem, tile: Tile, setting: Setting) -> Tiling:
    """The problem in these tiles."""
    tensor = tile is TENSOR
    halves = tensor and problem.dtype == np.float16
    deep = tile.deep * (2 if halves else 1)
    channels = -(-problem.channels // deep) * deep
    by_channel = channels <= MOST_ZEROS * problem.channels
    depth = channels if by_channel else max(1, problem.channels)
    rows = -(-problem.taps.most * depth // deep) * deep
    width = -(-problem.all_filters // tile.high) * tile.high
    splits = splits_for(tile, problem, rows, setting)
    blocks = width // tile.high * -(-problem.total // tile.wide)
    kind = {"HALVES": 1} if halves else {}
    macros: dict[str, Any] = kind if tensor else tile.macros
    names = ("tensor_packing.cu", "pack_words") if tensor else ("packing.cu", "pack")
    packing = (*names, tuple(kind.items()) if tensor else ())
    matrix = (problem.matrices, rows // (2 if halves else 1), width)
    return Tiling(
        "tensor" if tensor else "tiles",
        tuple((macros | ({"BY_CHANNEL": 1} if by_channel else {})).items()),
        matrix,
        packing,
        splits,
        problem.packed(width, rows, depth, splits),
        (blocks, problem.matrices * splits),
        tile.threads,
        (packing, matrix, depth, problem.taps),
    )
