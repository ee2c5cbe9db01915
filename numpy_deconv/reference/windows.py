"""Windows cut out of planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..per_axis import Sizes

if TYPE_CHECKING:
    from ..layers.boxes import Boxes


def cut(
    planes: Array,
    boxes: Boxes,
    outside: float,
    over: Array | None,
    inner: Boxes | None,
) -> Array:
    """``(B, C, *shape)``: what the planes hold in boxes, and ``over`` written on it."""
    origins, shape, samples = boxes.origins, boxes.shape, boxes.among(len(planes))
    windows = np.empty_like(planes, shape=(len(samples), planes.shape[1], *shape))
    low, high = met(origins, shape, planes.shape[2:])
    if not (high - low == np.array(shape, np.int64)).all():
        windows[...] = outside
    for row, sample in enumerate(samples.tolist()):
        here, there = held(low[row], high[row], origins[row])
        windows[row][here] = planes[sample][there]
    if over is not None and inner is not None:
        at = inner.origins - origins
        low, high = met(at, inner.shape, shape)
        for row in range(len(over)):
            here, there = held(low[row], high[row], at[row])
            windows[row][there] = over[row][here]
    return windows


def met(origins: Any, shape: Sizes, size: Sizes) -> tuple[Any, Any]:
    """Where boxes of this shape meet a plane: from and up to, in its coordinates."""
    ends, plane = origins + np.array(shape, np.int64), np.array(size, np.int64)
    low = np.clip(origins, 0, plane)
    return low, np.clip(ends, low, plane)


def held(low: Any, high: Any, origin: Any) -> tuple[tuple[slice, ...], ...]:
    """The same places in a box and in its plane, all channels."""
    inside = (slice(None), *map(slice, low - origin, high - origin))
    return inside, (slice(None), *map(slice, low, high))
