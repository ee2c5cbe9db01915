"""Every rank as three spatial axes: lower ranks have leading axes of length 1."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def three(values: tuple[Any, ...], fill: Any = 1) -> tuple[Any, Any, Any]:
    """One value per axis, ``fill`` for those that are not there."""
    z, y, x = (fill,) * (3 - len(values)) + tuple(values)
    return z, y, x


def deep(x: Array) -> Array:
    """``(N, *size, C)`` with three spatial axes."""
    return x.reshape(len(x), *three(x.shape[1:-1], 1), x.shape[-1])
