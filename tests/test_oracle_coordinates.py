"""Flat positions and coordinates, where NumPy's own function errs too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.oracle import reference
from numpy_deconv.oracle.coordinates import coordinates, flattened


@given(size=st.lists(st.integers(1, 5), max_size=4))
def test_they_are_those_of_nested_loops(size: list[int]) -> None:
    flat = np.arange(np.prod(size, dtype=int))
    at = coordinates(flat, size)
    assert [tuple(int(a[i]) for a in at) for i in flat] == list(np.ndindex(*size))
    assert (flattened(at, size) == flat).all()


@pytest.mark.parametrize("shape", [(20000, 1), (1, 17, 15, 57, 1), (9000,)])
def test_many_positions_with_a_last_axis_of_one(shape: tuple[int, ...]) -> None:
    flat = np.arange(np.prod(shape)).reshape(shape) % 855
    z, y, x = coordinates(flat, (15, 57, 1))
    assert ((z == flat // 57) & (y == flat % 57) & (x == 0)).all()
    assert (flattened((z, y, x), (15, 57, 1)) == flat).all()


def test_switches_of_a_large_column() -> None:
    """The judge once asked a wrong switch of ONNX Runtime here."""
    x = np.random.default_rng(0).random((1, 2, 9000, 1), np.float32)
    found = reference("max_pool", {"x": x}, {"kernel_size": 1}, semantics="onnx")
    assert (found[1].ravel() == np.arange(18000)).all()
