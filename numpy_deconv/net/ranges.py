"""Boxes of many units at once: arrays ``(B, rank, 2)`` of half-open ranges."""

from __future__ import annotations

import numpy as np

from ..layers import Box, Layer
from ..layers.boxes import Indices
from ..per_axis import Sizes
from ..window_ranges import hull


def ranges_read(
    layer: Layer, ranges: Indices, sizes: list[Sizes], size: Sizes
) -> list[Indices]:
    """The hull of what each box ``(B, rank, 2)`` of the output reads of each input."""
    window = layer.window(sizes[0])
    if window is not None:
        return [ranges if window.is_pointwise else hull(window, ranges, sizes[0])]
    if type(layer).reads is Layer.reads:
        local = type(layer).crop is not Layer.crop  # else it may just not have said
        return [
            same_places(ranges, size) if local else everything(ranges, size)
            for size in sizes
        ]
    return _by_asking(layer, ranges, sizes, size)


def same_places(ranges: Indices, size: Sizes) -> Indices:
    """An elementwise layer's; axes of size 1 are broadcast."""
    broadcast = np.array(size, np.int64).reshape(-1, 1) == 1
    if not broadcast.any():
        return ranges
    return np.where(broadcast, np.array([0, 1]), ranges)


def everything(ranges: Indices, size: Sizes) -> Indices:
    """The whole plane, for as many boxes."""
    whole = np.array([(0, length) for length in size], np.int64).reshape(-1, 2)
    return np.repeat(whole[None], len(ranges), axis=0)


def _by_asking(
    layer: Layer, ranges: Indices, sizes: list[Sizes], size: Sizes
) -> list[Indices]:
    """The layer's own ``reads``, asked once for each different box."""
    keys = [tuple(map(tuple, box)) for box in ranges.tolist()]
    asked = {key: _hulls(layer, key, sizes, size) for key in set(keys)}
    hulls = zip(*(asked[key] for key in keys), strict=True)
    return [np.array(each, np.int64).reshape(len(keys), -1, 2) for each in hulls]


def _hulls(
    layer: Layer, box: Box, sizes: list[Sizes], size: Sizes
) -> list[list[tuple[int, int]]]:
    at = tuple(np.arange(first, end) for first, end in box)
    if not all(len(p) for p in at):
        return [[(0, 0)] * len(each) for each in sizes]
    return [
        [(int(p[0]), int(p[-1]) + 1) if len(p) else (0, 0) for p in read]
        for read in layer.reads(at, sizes, size)
    ]


def alike(ranges: Indices, size: Sizes) -> Indices:
    """Boxes around these, all of one shape, none of which leaves the plane."""
    plane = np.array(size, np.int64)
    inside = np.clip(ranges, 0, plane[:, None])
    shape = (inside[..., 1] - inside[..., 0]).max(axis=0, initial=0)
    first = np.minimum(inside[..., 0], plane - shape)
    return np.stack([first, first + shape], axis=-1)


def joined(one: Indices | None, other: Indices) -> Indices:
    """The boxes around both; an empty one adds nothing."""
    if one is None:
        return other
    void, also_void = ((r[..., 1] <= r[..., 0]).any(axis=1) for r in (one, other))
    low = np.minimum(one[..., 0], other[..., 0])
    high = np.maximum(one[..., 1], other[..., 1])
    both = np.stack([low, high], axis=-1)
    both[void], both[also_void] = other[void], one[also_void]
    return both
