"""Random whole numbers, and their inner product without any rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def inner(a: Array, b: Array) -> int:
    """The inner product in Python's own integers."""
    pairs = zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)
    return sum(int(left) * int(right) for left, right in pairs)


def whole(rng: np.random.Generator, *shape: int, low: int = -4, high: int = 4) -> Array:
    return np.asarray(rng.integers(low, high, shape, endpoint=True))
