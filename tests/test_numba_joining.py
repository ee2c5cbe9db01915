"""Channels beside others and taken apart, wherever they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fenced_arrays import answered, fenced
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.numba_cpu import NumbaBackend, launch, team

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


def test_masks_of_another_kind_are_taken_one_by_one() -> None:
    rng = np.random.default_rng(0)
    grad = np.moveaxis(rng.standard_normal((1, 5, 5, 32)), -1, 1)
    wheres = [rng.standard_normal((1, 16, 5, 5)).astype(np.float32) for _ in range(2)]
    got = OURS.split_channels(grad, (16, 16), *wheres)
    for part, mine, where in zip(np.split(grad, 2, axis=1), got, wheres, strict=True):
        np.testing.assert_array_equal(mine, part * (where > 0))


def test_as_many_threads_as_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def share(code: Any, tasks: int, threads: int, words: bytes) -> None:
        seen.append(threads)
        team.share(code, tasks, threads, words)

    monkeypatch.setattr(launch, "share", share)
    x = np.moveaxis(np.ones((1, 99, 99, 64), np.float32), -1, 1)
    one = NumbaBackend(threads=1)
    both = one.concat(x, x, axis=1)
    one.split_channels(both, (64, 64), x, None)
    assert set(seen) == {1}
