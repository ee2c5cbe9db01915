"""Unpooling block by block: the usual pools of stride 2, and switches that are not."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from fenced_arrays import fenced
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.backends.numba_cpu import regular, regular_blocks, switches
from numpy_deconv.backends.numba_cpu.layout import channels_last
from numpy_deconv.errors import ShapeError
from numpy_deconv.reference import activations
from numpy_deconv.reference.pooling import max_pool
from numpy_deconv.window import Window

BLOCKS, PIXELS = "regular_blocks._collect", "regular._collect"


class Case(NamedTuple):
    values: np.ndarray
    switches: np.ndarray
    where: np.ndarray  # what a ReLU put out
    add: bool

    @property
    def size(self) -> tuple[int, ...]:
        return self.where.shape[2:]

    def expected(self, masked: bool) -> np.ndarray:
        """One pooled pixel after another; a switch outside the plane is skipped."""
        batch, channels = self.values.shape[:2]
        image = np.zeros((batch, channels, math.prod(self.size)), self.values.dtype)
        values = self.values.reshape(batch, channels, -1)
        names = self.switches.reshape(len(self.switches), channels, -1)
        names = np.broadcast_to(names, values.shape)
        rows = np.ogrid[:batch, :channels]
        for value, name in zip(
            *(np.moveaxis(a, 2, 0) for a in (values, names)), strict=True
        ):
            inside = (name >= 0) & (name < image.shape[2])
            place = (*rows, np.where(inside, name, 0))
            new = image[place] + value if self.add else value
            image[place] = np.where(inside, new, image[place])
        image = image.reshape(self.where.shape)
        if not masked:
            return image
        return activations.activation_grad(image, self.where, "relu")

    def collected(self, masked: bool) -> np.ndarray | None:
        given = (channels_last(a) for a in (self.values, self.switches))
        where = self.where if masked else None
        image = regular.collected(*given, self.size, self.add, where)
        return None if image is None else np.moveaxis(image, -1, 1)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Values that only a few sums can tell apart: whole numbers, of any sign."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernel = draw(st.integers(2, 3)), draw(st.integers(2, 3))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(draw(st.integers(k, k + 12)) for k in kernel)
    batch, shared = draw(st.integers(1, 3)), draw(st.booleans())
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    channels = 16 * draw(st.integers(1, 9)) + draw(st.sampled_from((0, 0, 0, 1)))
    window = Window.of_pool(kernel, 2, stride=2, padding=padding)
    x = rng.normal(size=(1 if shared else batch, channels, *size)).astype(dtype)
    named = max_pool(x, window)[1]
    values = rng.integers(-9, 10, (batch, *named.shape[1:])).astype(dtype)
    values[values == 0] *= -1
    where = rng.normal(size=(batch, channels, *size)).astype(dtype)
    last = draw(st.booleans())
    arrays = (fenced(a, last) for a in (values, named, where))
    return Case(*arrays, draw(st.booleans()))


@given(cases(), st.booleans())
def test_pools_of_stride_2_are_scattered_block_by_block(
    case: Case, masked: bool
) -> None:
    image, expected = case.collected(masked), case.expected(masked)
    assert image is not None
    np.testing.assert_array_equal(image, expected)
    np.testing.assert_array_equal(np.signbit(image), np.signbit(expected))
    few, channels = case.values.shape[2:], case.values.shape[1]
    if regular._geometry(few, case.size)[0] == (2, 2) and channels % 16 == 0:
        shared = len(case.switches) == 1
        bounds = regular.guessed(channels_last(case.switches), few, case.size)[1]
        assert launched(
            channels_last(case.values).shape, case.size, bounds, case.values.dtype,
            shared, case.add, masked,
        ) == BLOCKS  # fmt: skip


@given(cases(), st.data())
def test_a_switch_outside_its_window_is_never_taken_for_another(
    right: Case, data: st.DataObject
) -> None:
    """Not even one that ends like one of them, or the one beyond the end of a row."""
    learnt = right.collected(False)
    height, width = right.size
    place = tuple(data.draw(st.integers(0, n - 1)) for n in right.switches.shape)
    here = int(right.switches[place])
    row = here - here % width
    strange = {
        -1, -2, here + 2**32, here - 2**32, here + 2**31, height * width, row + width,
        row + width - 1, row, row - 1,
        *(here + down * width + across for down in range(-3, 4) for across in (-1, 1)),
    }  # fmt: skip
    for name in strange:
        wrong = right.switches.copy()
        wrong[place] = name
        case = right._replace(switches=wrong)
        image = case.collected(False)
        if image is not None:
            np.testing.assert_array_equal(image, case.expected(False))
        overlap = "sum" if case.add else "assign"
        image = switches.scatter(case.values, wrong, case.size, overlap)
        np.testing.assert_array_equal(image, case.expected(False))
        if not 0 <= name < height * width:
            with pytest.raises(ShapeError):
                switches.unpool(case.values, wrong, case.size, overlap)
        if learnt is not None:
            assert right.collected(False) is not None  # what was learnt last is right


def launched(
    values: tuple[int, ...],
    size: tuple[int, ...],
    bounds: regular.Bounds = ((0, 1), (0, 2)),
    dtype: Any = "f4",
    *how: bool,
) -> str:
    """The kernel that is asked."""
    how = how or (False, False, False)
    found = regular._collector(values, size, np.dtype(dtype), bounds, *how)
    return found.launch.kernel.name


@pytest.mark.parametrize("low", [-1, 0])
@pytest.mark.parametrize("high", [0, 1, 2])
def test_what_is_scattered_block_by_block(low: int, high: int) -> None:
    bounds = (low, min(high, low + 2)), (0, 2)
    for each in (bounds, bounds[::-1], (bounds[0],) * 2):
        assert launched((1, 7, 7, 64), (14, 15), each) == BLOCKS


def test_what_is_scattered_pixel_by_pixel() -> None:
    assert launched((1, 7, 7, 63), (14, 15)) == PIXELS  # channels of part of a vector
    assert launched((1, 7, 7, 64), (21, 22)) == PIXELS  # stride 3
    assert launched((1, 8, 8, 64), (15, 13)) == PIXELS  # windows outside of the image
    assert launched((1, 7, 7, 64), (14, 15), ((0, 3), (0, 1))) == PIXELS
    large = (1, 1 << 15, 1 << 14, 64), (1 << 16, 1 << 15)
    assert launched(*large) == PIXELS  # more pixels than half a word can number


@pytest.mark.parametrize("kernel", [2, 3])
def test_threads_share_rows_and_large_images_go_past_the_caches(kernel: int) -> None:
    rng = np.random.default_rng(kernel)
    x = rng.normal(size=(4, 64, 101, 110)).astype("f4")
    assert x.nbytes > regular_blocks.STREAMED
    named = max_pool(x, Window.of_pool(kernel, 2, stride=2))[1]
    values = rng.integers(-9, 10, named.shape).astype("f4")
    case = Case(values, named, x, add=True)
    for masked in (False, True):
        image = case.collected(masked)
        assert image is not None
        np.testing.assert_array_equal(image, case.expected(masked))
