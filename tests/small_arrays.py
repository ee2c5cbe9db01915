"""Arrays of whole numbers, whose sums of products are exact in any order."""

from __future__ import annotations

from typing import Any

import numpy as np


def row(*values: float, dtype: Any = np.float64) -> np.ndarray:
    """``(1, 1, L)`` of the given values."""
    return np.array([[values]], dtype)


def whole(seed: int, *shape: int) -> np.ndarray:
    """Random whole numbers from -4 to 4, as float64."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float64)
