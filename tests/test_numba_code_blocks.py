"""Unpooling of windows block by block: pools of stride 2, by their codes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from fenced_arrays import fenced
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.numba_cpu import code_blocks, switch_codes, team
from numpy_deconv.backends.numba_cpu.switch_codes import Codes
from numpy_deconv.layers.boxes import Boxes
from numpy_deconv.reference import pooling
from numpy_deconv.window import Window

REFERENCE = NumpyBackend()
AXES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def taps_of(
    switches: np.ndarray,
    stays: np.ndarray | None,
    width: int,
    lows: tuple[int, ...],
    kernel: tuple[int, int],
) -> np.ndarray:
    """Codes of a pool of stride 2, channels last."""
    down, across = np.indices(switches.shape[2:])
    rows, columns = np.divmod(switches, width)
    taps = (rows - 2 * down - lows[0]) * kernel[1] + columns - 2 * across - lows[1]
    taps = taps if stays is None else np.where(stays, taps, switch_codes.NOWHERE)
    return np.ascontiguousarray(np.moveaxis(taps.astype(np.uint8), 1, -1))


@settings(max_examples=150)
@given(st.data(), st.sampled_from((np.float32, np.float64)), st.booleans())
def test_windows_of_pools_of_stride_2(
    data: st.DataObject, dtype: Any, past: bool
) -> None:
    """Windows anywhere, of any size, with some of the plane in them or nothing."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    kernel = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(data.draw(st.integers(k, k + 9)) for k in kernel)
    batch, rows = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    window = Window.of_pool(kernel, 2, stride=2, padding=padding)
    x = rng.normal(size=(batch, 16 * data.draw(st.integers(1, 5)), *size))
    switches = pooling.max_pool(x, window)[1]
    pooled, samples = switches.shape[2:], rng.integers(0, batch, rows)
    output = Boxes(
        rng.integers(-3, max(pooled), (rows, 2)), data.draw(AXES), pooled, samples
    )
    inputs = Boxes(
        rng.integers(-5, max(size), (rows, 2)), data.draw(AXES), size, samples
    )
    values = rng.integers(-9, 10, (rows, x.shape[1], *output.shape)).astype(dtype)
    beyond = output.cut(np.ones((1, 1, *pooled), dtype)) == 0
    values[np.broadcast_to(beyond, values.shape)] = 0
    stays = rng.random(switches.shape) < 0.7 if data.draw(st.booleans()) else None
    lows = tuple(-p for p in padding)
    taps = taps_of(switches, stays, size[1], lows, kernel)
    codes = Codes(fenced(taps, data.draw(st.booleans())), (2, 2), lows, kernel)
    assert code_blocks.suits(*codes[1:], x.shape[1], 16)
    last = data.draw(st.booleans())
    with team.limited(data.draw(st.integers(1, 3))), pytest.MonkeyPatch.context() as p:
        if past:
            p.setattr(switch_codes, "STREAMED", 1)
        spoilt = np.where(beyond, dtype(np.nan), values)  # nobody looks there
        got = switch_codes.collect_windows(fenced(spoilt, last), codes, output, inputs)
    given_ = values, switches, stays, size, output, inputs
    np.testing.assert_array_equal(got, REFERENCE.scatter_windows(*given_))


def test_large_windows_past_the_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch_codes, "STREAMED", 1)
    rng, origins = np.random.default_rng(0), np.array([[0, 3], [5, 1]])
    x = rng.normal(size=(1, 48, 33, 35))
    switches = pooling.max_pool(x, Window.of_pool(3, 2, stride=2))[1]
    output = Boxes(origins, (9, 8), switches.shape[2:], np.zeros(2, np.int64))
    inputs = Boxes(2 * origins, (19, 17), (33, 35), np.zeros(2, np.int64))
    values = rng.integers(-9, 10, (2, 48, 9, 8)).astype("f4")
    codes = switch_codes.switch_codes(switches, None, (33, 35))
    assert codes is not None
    got = switch_codes.collect_windows(values, codes, output, inputs)
    assert np.moveaxis(got, 1, -1).ctypes.data % 64 == 0  # else nothing goes past them
    given_ = values, switches, None, (33, 35), output, inputs
    np.testing.assert_array_equal(got, REFERENCE.scatter_windows(*given_))


def test_what_goes_block_by_block() -> None:
    suits = code_blocks.suits
    assert suits((2, 2), (0, 0), (2, 2), 32, 16)
    assert suits((2, 2), (-1, 0), (3, 2), 32, 8)
    assert not suits((2, 2), (0, 0), (2, 2), 24, 16)  # channels of part of a vector
    assert not suits((2, 1), (0, 0), (2, 2), 32, 16)
    assert not suits((2, 2), (0, 0), (4, 2), 32, 16)
    assert not suits((2, 2), (-2, 0), (3, 2), 32, 16)


def test_nothing_is_read_beyond_windows_and_planes() -> None:
    for at, first, few, length in product(
        range(-4, 9), range(-4, 9), range(1, 5), range(1, 6)
    ):
        away, x, code = code_blocks._line.function(at, first, few, length)
        assert 0 <= x < few
        assert 0 <= code < length
        if 0 <= at < length and first <= at < first + few:
            assert (away, x, code) == (code_blocks.HERE, at - first, at)
        else:
            assert away == code_blocks.AWAY
