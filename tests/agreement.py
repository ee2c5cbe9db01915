"""When two results agree: to the last bit, or to a share of the largest number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt


def assert_agrees(got: npt.ArrayLike, want: npt.ArrayLike, share: float) -> None:
    """Demand equal shapes, equal non-finite elements, and finite ones that differ by
    at most ``share`` of the largest; a share of 0 demands equality.

    The largest counts as 1 at least: the data of the cases are of that order, so a sum
    that cancels to nothing may keep the rounding of its terms.
    """
    left, right = np.asarray(got), np.asarray(want)
    assert left.shape == right.shape
    if share == 0:
        np.testing.assert_array_equal(left, right)
        return
    finite = np.isfinite(right)
    np.testing.assert_array_equal(left[~finite], right[~finite])
    a, b = left[finite].astype(np.float64), right[finite].astype(np.float64)
    largest = float(np.max(np.abs(b), initial=1.0))
    error = float(np.max(np.abs(a - b), initial=0.0))
    assert error <= share * largest, (
        f"off by {error:.3g} where {largest:.3g} is largest"
    )


def first(result: Any) -> Any:
    """The values of a result that may come with switches."""
    return result[0] if isinstance(result, tuple) else result


def assert_switches(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    got: npt.NDArray[Any],
    want: npt.NDArray[Any],
) -> None:
    """Demand equal switches, except that any NaN may stand for a window's several, and
    that ``x`` holds ``y`` where ``got`` says."""
    known = ~np.isnan(y)
    np.testing.assert_array_equal(got[known], want[known])
    planes = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
    flat = got.reshape(*y.shape[:2], math.prod(y.shape[2:]))
    named = np.take_along_axis(planes, flat, 2).reshape(y.shape)
    np.testing.assert_array_equal(named, y)
