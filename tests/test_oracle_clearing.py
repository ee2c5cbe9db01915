"""Zeros written into arrays, whichever way is taken."""

from __future__ import annotations

import numpy as np
import pytest

from numpy_deconv.oracle.clearing import RARE, clear


@pytest.mark.parametrize("every", [1, 2, RARE, 3 * RARE])
def test_one_element_in_so_many_is_cleared(every: int) -> None:
    values = np.arange(1.0, 12 * RARE + 1)
    where = np.arange(values.size) % every == 0
    cleared = clear(values, where)
    np.testing.assert_array_equal(cleared, np.arange(1.0, 12 * RARE + 1) * ~where)
    assert cleared is values


@pytest.mark.parametrize("odd", [np.inf, np.nan])
@pytest.mark.parametrize("every", [1, 2 * RARE])
def test_what_is_not_finite_is_cleared_too(every: int, odd: float) -> None:
    values = np.full(8 * RARE, odd)
    where = np.arange(values.size) % every == 0
    cleared = clear(values, where)
    assert (cleared[where] == 0).all()
    np.testing.assert_array_equal(cleared[~where], odd)


def test_no_axis_and_no_element() -> None:
    assert clear(np.float64(3), np.bool_(True)) == 0
    assert clear(np.float64(3), np.bool_(False)) == 3
    assert clear(np.empty((0, 2)), np.empty((0, 2), bool)).shape == (0, 2)
