"""Windows: cut out of planes, and unpooled by the switches of whole planes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fenced_arrays import fenced
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.numba_cpu import cutting, switch_codes, switch_windows, team
from numpy_deconv.layers.boxes import Boxes
from numpy_deconv.reference import pooling
from numpy_deconv.window import Window

REFERENCE = NumpyBackend()
CHANNELS = (1, 3, 16, 17, 40, 64)
DTYPES = st.sampled_from((np.float32, np.float64))


def drawn(draw: st.DrawFn, rank: int, low: int, high: int) -> tuple[int, ...]:
    return tuple(draw(st.integers(low, high)) for _ in range(rank))


@settings(max_examples=200)
@given(st.data(), DTYPES, st.integers(1, 3), st.booleans())
def test_cut(data: st.DataObject, dtype: Any, threads: int, last: bool) -> None:
    rank = data.draw(st.integers(1, 3))
    draw: Any = data.draw
    size, shape = drawn(draw, rank, 1, 7), drawn(draw, rank, 1, 9)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    batch, rows = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    planes = rng.normal(size=(batch, data.draw(st.sampled_from(CHANNELS)), *size))
    planes = planes.astype(dtype)
    outside = data.draw(st.sampled_from((0, -np.inf)))
    samples = rng.integers(0, batch, rows)
    boxes = Boxes(rng.integers(-10, 10, (rows, rank)), shape, size, samples)
    over, inner = None, None
    if data.draw(st.booleans()):
        small = drawn(draw, rank, 1, 6)
        inner = Boxes(rng.integers(-12, 12, (rows, rank)), small, size, samples)
        over = rng.normal(size=(rows, planes.shape[1], *small)).astype(dtype)
    with team.limited(threads):
        written = None if over is None else fenced(over, last)
        got = cutting.cut(fenced(planes, last), boxes, outside, written, inner)
    want = REFERENCE.cut(planes, boxes, outside, over, inner)
    np.testing.assert_array_equal(got, want)
    for row in range(rows):  # and the reference against one place after the other
        place = tuple(rng.integers(0, n) for n in shape)
        there = boxes.origins[row] + place
        value = outside
        if all(0 <= t < n for t, n in zip(there, size, strict=True)):
            value = planes[(samples[row] if batch > 1 else 0, slice(None), *there)]
        if inner is not None and over is not None:
            on_it = there - inner.origins[row]
            if all(0 <= t < n for t, n in zip(on_it, inner.shape, strict=True)):
                value = over[(row, slice(None), *on_it)]
        np.testing.assert_array_equal(got[(row, slice(None), *place)], value)


@settings(max_examples=200)
@given(
    st.data(), DTYPES, st.integers(1, 3), st.booleans(), st.booleans(), st.booleans()
)
def test_scatter_windows(
    data: st.DataObject,
    dtype: Any,
    threads: int,
    last: bool,
    some_stay: bool,
    large: bool,
) -> None:
    rank = data.draw(st.integers(1, 3))
    draw: Any = data.draw
    kernel, stride = drawn(draw, rank, 1, 3), drawn(draw, rank, 1, 3)
    size = tuple(n + k for n, k in zip(drawn(draw, rank, 0, 6), kernel, strict=True))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    batch, rows = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    channels = data.draw(st.sampled_from(CHANNELS))
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    window = Window.of_pool(kernel, rank, stride=stride, padding=padding)
    x = rng.normal(size=(batch, channels, *size))
    switches = pooling.max_pool(x, window)[1]
    # as where a window saw nothing; in the padding that would be a place of a box
    lost = not (large or any(padding)) and data.draw(st.booleans())
    switches[rng.random(switches.shape) < 0.1 * lost] = -1
    pooled = switches.shape[2:]
    shape = tuple(data.draw(st.integers(1, n)) for n in pooled)
    spare = [n - s + 1 for n, s in zip(pooled, shape, strict=True)]
    first = rng.integers(0, spare, (rows, rank))
    samples = rng.integers(0, batch, rows)
    output = Boxes(first, shape, pooled, samples)
    span = tuple((n - 1) * s + k for n, s, k in zip(shape, stride, kernel, strict=True))
    beside = rng.integers(-2, 3, (rows, rank)) if large else 0
    starts = first * np.array(stride) - padding
    inputs = Boxes(starts + beside, span, size, samples)
    values = rng.integers(-9, 9, (rows, channels, *shape)).astype(dtype)
    stays = rng.random(switches.shape) < 0.7 if some_stay else None
    given_ = (switches, stays, size, output, inputs)
    with team.limited(threads), pytest.MonkeyPatch.context() as patch:
        if large:  # as if planes were too large for numbers of 32 bits
            patch.setattr(switch_windows, "EXACT", 0)
        got = switch_windows.scatter_windows(fenced(values, last), *given_)
        codes = switch_codes.switch_codes(fenced(switches, last), stays, size)
        coded = got
        if codes is not None:
            fence = fenced(codes.taps, last=False)  # that is how they lie
            fast = fenced(values, last), *given_, codes._replace(taps=fence)
            coded = switch_windows.scatter_windows(*fast)
    assert got.dtype == coded.dtype == dtype
    assert codes is None or rank < 3
    want = REFERENCE.scatter_windows(values, *given_)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(coded, want)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "size"),
    [(2, 2, 0, 224), (3, 2, 0, 55), (3, 2, 0, 27), (3, 2, 1, 112), (3, 2, 0, 13)],
)
def test_the_pools_of_nets_have_codes(
    kernel: int, stride: int, padding: int, size: int
) -> None:
    window = Window.of_pool(kernel, 2, stride=stride, padding=padding)
    x = np.random.default_rng(0).normal(size=(1, 3, size, size))
    switches = pooling.max_pool(x, window)[1]
    codes = switch_codes.switch_codes(switches, None, (size, size))
    assert codes is not None
    assert codes.strides == (stride, stride)
    assert set(np.unique(codes.taps)) == set(range(kernel**2))


def test_codes_are_for_regular_pools_only() -> None:
    switches = np.arange(16).reshape(1, 1, 4, 4)
    size = (4, 4)
    assert switch_codes.switch_codes(switches, None, size) is not None
    assert (
        switch_codes.switch_codes(switches.reshape(1, 1, 4, 2, 2), None, size) is None
    )
    shuffled = np.random.default_rng(0).permutation(81).reshape(1, 1, 9, 9)
    assert switch_codes.switch_codes(shuffled, None, (9, 9)) is None
    one_elsewhere = np.repeat(switches, 300, axis=1)
    one_elsewhere[0, 299, 0, 0] = 15
    assert switch_codes.switch_codes(one_elsewhere, None, size) is None
    many = np.arange(49).reshape(1, 49, 1, 1)  # all taps of one window of 7 x 7
    wide = switch_codes.switch_codes(many // 7 * 9 + many % 7, None, (9, 9))
    assert wide is None
    # the end of one row is not the beginning of the next, though neighbours in memory
    first, last = [[0, 2, 4], [10, 12, 14]], [[6, 8, 9], [16, 18, 19]]
    hanging = np.tile(np.array([first, last]), (150, 1, 1))[None]  # of 2 x 2
    assert switch_codes.switch_codes(hanging, None, (4, 5)) is not None
    hanging[0, 299, 0, 2] = 5
    assert switch_codes.switch_codes(hanging, None, (4, 5)) is None


def test_codes_keep_what_is_not_a_number() -> None:
    switches = np.array([[[[0, 1], [4, 7]]]])
    codes = switch_codes.switch_codes(switches, None, (4, 4))
    whole = Boxes(np.zeros((1, 2), np.int64), (2, 2), (2, 2), np.zeros(1, np.int64))
    planes = Boxes(np.zeros((1, 2), np.int64), (4, 4), (4, 4), np.zeros(1, np.int64))
    values = np.array([[[[np.nan, -0.0], [np.inf, 2.0]]]], np.float32)
    given_ = values, switches, None, (4, 4), whole, planes
    got = switch_windows.scatter_windows(*given_, codes)
    want = np.zeros((1, 1, 4, 4), np.float32)
    want.reshape(-1)[[0, 4, 7]] = np.nan, np.inf, 2
    assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("pixels", [switch_windows.EXACT, 1 << 30])
@pytest.mark.parametrize("width", [1, 3, 1023, 1024, 1 << 19])
def test_switches_of_large_planes_are_divided_exactly(pixels: int, width: int) -> None:
    size = (pixels // width - 1, width)
    rows = min(size[0], max(2, 5000 // width))  # of which a window holds the last ones
    first = (size[0] - rows) * width
    switches = np.arange(max(0, first - 3), size[0] * width).reshape(1, 1, -1, 1)
    zero, sample = np.zeros((1, 2), np.int64), np.zeros(1, np.int64)
    output = Boxes(zero, switches.shape[2:], switches.shape[2:], sample)
    inputs = Boxes(np.array([[size[0] - rows, 0]]), (rows, width), size, sample)
    values = np.ones(switches.shape, np.float32)
    given_ = (switches, None, size, output, inputs)
    got = switch_windows.scatter_windows(values, *given_)
    np.testing.assert_array_equal(got, np.ones((1, 1, rows, width), np.float32))
