"""Where boxes of a window's outputs read, and which outputs boxes of its input reach.

Many boxes at once: arrays ``(B, rank, 2)`` of half-open ranges, the geometry being that
of :mod:`numpy_deconv.window`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .per_axis import Sizes
from .window import Window

Ranges = np.ndarray[Any, np.dtype[np.int64]]


def hull(window: Window, boxes: Ranges, input_size: Sizes) -> Ranges:
    """The range inside the input that each box of outputs reads, per axis.

    ``boxes (B, rank, 2)`` and the result are half-open; ``(0, 0)`` reads nothing.
    """
    ranges = np.zeros_like(boxes)
    for axis, length in enumerate(input_size):
        first, stop = boxes[:, axis, :1], boxes[:, axis, 1:]
        stride, offsets = window.stride[axis], _offsets(window, axis)
        lowest = np.maximum(first, -(offsets // stride))  # output that is inside
        highest = np.minimum(stop - 1, (length - 1 - offsets) // stride)
        inside = lowest <= highest
        low = np.where(inside, lowest * stride + offsets, length).min(axis=1)
        high = np.where(inside, highest * stride + offsets, -1).max(axis=1)
        ranges[:, axis, 0] = np.where(high >= 0, low, 0)
        ranges[:, axis, 1] = high + 1
    return ranges


def reached(window: Window, boxes: Ranges, output_size: Sizes) -> Ranges:
    """The range of outputs that read any of each box of the input, per axis.

    ``boxes (B, rank, 2)`` and the result are half-open; ``(0, 0)`` reaches nothing.
    """
    ranges = np.zeros_like(boxes)
    for axis, outputs in enumerate(output_size):
        first, stop = boxes[:, axis, 0], boxes[:, axis, 1]
        begin, stride = window.padding[axis][0], window.stride[axis]
        low = -((window.span[axis] - 1 - begin - first) // stride)
        high = (stop - 1 + begin) // stride + 1
        low, high = np.maximum(low, 0), np.minimum(high, outputs)
        some = (low < high) & (first < stop)
        ranges[:, axis] = np.where(some, [low, high], 0).T
    return ranges


def extent(window: Window, boxes: Ranges) -> Ranges:
    """From the first to the last tap of each box of outputs, padding and all.

    ``boxes (B, rank, 2)`` and the result are half-open.
    """
    begins = np.array([begin for begin, _ in window.padding])
    starts = boxes * np.array(window.stride)[:, None] - begins[:, None]
    starts[..., 1] += np.array(window.span) - np.array(window.stride)
    return starts


def _offsets(window: Window, axis: int) -> Ranges:
    """Where the taps of output 0 lie along an axis."""
    taps = np.arange(window.kernel[axis]) * window.dilation[axis]
    return taps - window.padding[axis][0]
