"""Windows cut out of planes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import Array
from ..per_axis import Sizes


def cut(
    planes: Array, samples: Any, origins: Any, shape: Sizes, outside: float
) -> Array:
    """``(B, C, *shape)``: row b from ``origins[b]`` on in the plane ``samples[b]``."""
    size = np.array(planes.shape[2:], np.int64)
    low = np.clip(origins, 0, size)
    high = np.clip(origins + np.array(shape, np.int64), low, size)
    whole = (high - low == np.array(shape, np.int64)).all()
    result = (len(samples), planes.shape[1], *shape)
    windows = np.empty_like(planes, shape=result)
    if not whole:
        windows[...] = outside
    every = (slice(None),)
    for row, sample in enumerate(samples.tolist()):
        held = map(slice, low[row] - origins[row], high[row] - origins[row])
        there = map(slice, low[row], high[row])
        windows[row][(*every, *held)] = planes[sample][(*every, *there)]
    return windows
