"""Winograd's filtering at every border: compared with the direct sum in float64."""

from __future__ import annotations

import numpy as np
import pytest
from fenced_arrays import fenced
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.numba_cpu import team, winograd
from numpy_deconv.backends.numba_cpu.ending import PLAIN
from numpy_deconv.backends.numba_cpu.winograd_matrices import BY_TILE, Filtering
from numpy_deconv.window import Window

REFERENCE = NumpyBackend()
SIDE = st.integers(1, 23)
CHANNELS = st.sampled_from([16, 32, 48, 64, 16, 32, 5, 17, 40])


@settings(max_examples=150)
@given(
    st.sampled_from([4, 6]),
    st.integers(1, 3),
    CHANNELS,
    CHANNELS,
    st.tuples(SIDE, SIDE),
    st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_any_size_and_padding(
    tile: int,
    batch: int,
    channels: int,
    filters: int,
    size: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
    flipped: bool,
    threads: int,
    seed: int,
) -> None:
    size = tuple(max(n, 3 - sum(p)) for n, p in zip(size, padding, strict=True))
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, channels, *size)).astype(np.float32)
    weight = rng.standard_normal((filters, channels, 3, 3)).astype(np.float32)
    bias = rng.standard_normal(filters).astype(np.float32)
    window = Window.of(3, 2, padding=padding)
    found = window.output_size(size)
    wide = (a.astype(np.float64) for a in (x, weight, bias))
    expected = REFERENCE.conv(*wide, window, 1)
    given_weight = weight[:, :, ::-1, ::-1].swapaxes(0, 1) if flipped else weight
    with team.limited(threads):
        planned = winograd.plan(
            x.shape,
            filters,
            (padding[0][0], padding[1][0]),
            (found[0], found[1]),
            tile,
            x.dtype,
            PLAIN,
            threads,
            flipped=flipped,
        )
        got = planned(fenced(x), np.ascontiguousarray(given_weight), bias)
    error = np.linalg.norm(got - expected) / np.linalg.norm(expected)
    assert error < 1e-5


@settings(max_examples=100)
@given(
    st.sampled_from([3, 5]),
    st.integers(1, 9),
    CHANNELS,
    CHANNELS,
    st.booleans(),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 2**32),
)
def test_all_that_a_window_reaches(
    side: int,
    batch: int,
    channels: int,
    filters: int,
    flipped: bool,
    rectified: bool,
    threads: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    shape = batch, channels, side, side
    x = rng.standard_normal(shape).astype(np.float32)
    weight = rng.standard_normal((filters, channels, 3, 3)).astype(np.float32)
    bias = rng.standard_normal(filters).astype(np.float32)
    wide = (a.astype(np.float64) for a in (x, weight, bias))
    expected = REFERENCE.conv(*wide, Window.of(3, 2, padding=2), 1)
    given_weight = weight[:, :, ::-1, ::-1].swapaxes(0, 1) if flipped else weight
    ending = PLAIN._replace(low=0.0) if rectified else PLAIN
    reached = side + 2, side + 2
    with team.limited(threads):
        planned = winograd.plan(
            shape, filters, (2, 2), reached, side + 2, x.dtype, ending, threads,
            flipped=flipped,
        )  # fmt: skip
        got = planned(fenced(x), np.ascontiguousarray(given_weight), bias)
    error = np.linalg.norm(got - np.maximum(expected, ending.low))
    assert error < 1e-5 * np.linalg.norm(expected)


@pytest.mark.parametrize("filtering", BY_TILE.values(), ids=lambda f: f"{f.tile}")
def test_the_matrices_filter_exactly(filtering: Filtering) -> None:
    rng = np.random.default_rng(0)
    d = rng.integers(-4, 5, filtering.reads).astype(np.float64)
    w = rng.integers(-4, 5, 3).astype(np.float64)
    a, g, b = (
        np.array(m) for m in (filtering.results, filtering.weights, filtering.inputs)
    )
    expected = np.correlate(np.pad(d, filtering.margin), w, "valid")
    assert len(expected) == filtering.outputs
    np.testing.assert_allclose(a @ ((g @ w) * (b @ d)), expected, atol=1e-13)


def test_whole_numbers_are_exact_by_two_outputs() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (1, 32, 17, 19)).astype(np.float32)
    weight = 4 * rng.integers(-4, 5, (32, 32, 3, 3)).astype(np.float32)
    window = Window.of(3, 2, padding=1)
    expected = REFERENCE.conv(
        x.astype(np.float64), weight.astype(np.float64), None, window, 1
    )
    planned = winograd.plan(x.shape, 32, (1, 1), (17, 19), 4, x.dtype, PLAIN, 2)
    got = planned(x, weight, None)
    np.testing.assert_array_equal(got, expected)


@given(st.integers(1, 600), st.integers(2, 5))
def test_a_few_blocks_come_out_even(batch: int, threads: int) -> None:
    """No thread is left with a block more than the others."""
    given_ = (batch, 64, 8, 8), 32, (1, 1), (8, 8), 6, np.dtype("f4"), PLAIN, threads
    planned = winograd.plan(*given_)
    tiles, blocks = 4 * batch, planned.outputs.tasks
    if planned.inputs is None and blocks < 4 * threads:
        fair = -(-tiles // threads)  # tiles of a thread
        worst = -(-blocks // threads) * -(-tiles // blocks)
        assert worst <= fair + -(-blocks // threads)
