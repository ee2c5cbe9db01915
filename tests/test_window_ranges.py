"""Ranges of windows against the sets of positions that they are the hulls of."""

from __future__ import annotations

import numpy as np
import pytest

from numpy_deconv.window import Window
from numpy_deconv.window_ranges import extent, hull, reached

SEEDS = pytest.mark.parametrize("seed", range(60))


def drawn(seed: int) -> tuple[Window, int, int, np.ndarray]:
    """A window on one axis, lengths of input and output, and every box of a length."""
    rng = np.random.default_rng(seed)
    kernel, stride, dilation = (int(n) for n in rng.integers(1, 4, 3))
    pads = tuple(int(n) for n in rng.integers(0, 4, 2))
    window = Window.of(
        kernel,
        1,
        stride=stride,
        dilation=dilation,
        padding=(pads,),
        ceil_mode=bool(seed % 2),
    )
    length = int(rng.integers(9, 15))
    (outputs,) = window.output_size((length,))
    size = outputs if seed % 3 else length
    pairs = [(a, b) for a in range(size) for b in range(a, size + 1)]
    return window, length, outputs, np.array(pairs)[:, None]


def range_of(positions: np.ndarray) -> list[int]:
    return [int(positions[0]), int(positions[-1]) + 1] if len(positions) else [0, 0]


@SEEDS
def test_hull(seed: int) -> None:
    window, length, outputs, boxes = drawn(seed)
    boxes = boxes[boxes[:, 0, 1] <= outputs]
    for box, got in zip(boxes, hull(window, boxes, (length,)), strict=True):
        (read,) = window.reads((np.arange(*box[0]),), (length,))
        assert got[0].tolist() == range_of(read)


@SEEDS
def test_reached_holds_what_is_reached(seed: int) -> None:
    window, length, outputs, boxes = drawn(seed)
    boxes = boxes[boxes[:, 0, 1] <= length]
    for box, got in zip(boxes, reached(window, boxes, (outputs,)), strict=True):
        (at,) = window.reaches((np.arange(*box[0]),), (outputs,))
        low, high = range_of(at)
        first, stop = got[0].tolist()
        assert low == high or first <= low < high <= stop
        gaps = window.dilation[0] > 1 or window.stride[0] > window.kernel[0]
        assert gaps or [first, stop] == [low, high]


@SEEDS
def test_extent(seed: int) -> None:
    window, _, _, boxes = drawn(seed)
    boxes = boxes[boxes[:, 0, 0] < boxes[:, 0, 1]]
    for box, got in zip(boxes, extent(window, boxes), strict=True):
        reads = [
            o * window.stride[0] - window.padding[0][0] + a * window.dilation[0]
            for o in range(*box[0])
            for a in range(window.kernel[0])
        ]
        assert got[0].tolist() == [min(reads), max(reads) + 1]
