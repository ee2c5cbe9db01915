"""Channels beside others and taken apart, wherever they lie."""

from __future__ import annotations

import numpy as np
from fenced_arrays import answered, fenced
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.numba_cpu import NumbaBackend

REFERENCE, OURS = NumpyBackend(), NumbaBackend()
DTYPES = st.sampled_from([np.float32, np.float64])
SIZES = st.lists(st.sampled_from([1, 2, 3, 16, 17, 40]), min_size=1, max_size=3)
SPATIAL = st.lists(st.integers(1, 12), min_size=1, max_size=3)


def normal(shape: tuple[int, ...], dtype: type, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@given(SIZES, SPATIAL, st.integers(1, 3), DTYPES, st.lists(st.booleans(), min_size=3))
def test_joined(
    sizes: list[int], spatial: list[int], batch: int, dtype: type, last: list[bool]
) -> None:
    arrays = [
        fenced(normal((batch, c, *spatial), dtype, n), last[n])
        for n, c in enumerate(sizes)
    ]
    (got,) = answered(lambda *xs: OURS.concat(*xs, axis=1), *arrays)
    np.testing.assert_array_equal(got, np.concatenate(arrays, axis=1))
    if all(last[: len(sizes)]):
        assert np.moveaxis(got, 1, -1).flags.c_contiguous


@given(SIZES, SPATIAL, st.integers(1, 3), DTYPES, st.lists(st.booleans(), min_size=4))
def test_taken_apart(
    sizes: list[int], spatial: list[int], batch: int, dtype: type, last: list[bool]
) -> None:
    grad = fenced(normal((batch, sum(sizes), *spatial), dtype, 0), last[0])
    wheres = [
        fenced(normal((batch, c, *spatial), dtype, n), last[n])
        for n, c in enumerate(sizes[:-1], start=1)
    ]
    got = answered(
        lambda g, *ws: OURS.split_channels(g, sizes, *ws, None), grad, *wheres
    )
    want = REFERENCE.split_channels(grad, sizes, *wheres, None)
    assert len(got) == len(sizes)
    for mine, right in zip(got, want, strict=True):
        np.testing.assert_array_equal(mine, right)
