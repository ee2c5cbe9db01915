"""Scattering by switches: regular pools, which take the short way, and any others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from fenced_arrays import answered, assert_close, fenced
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.backends.numba_cpu import regular
from numpy_deconv.backends.numba_cpu.switch_gradient import scatter_grad
from numpy_deconv.backends.numba_cpu.switches import gather, scatter
from numpy_deconv.reference import switches as reference
from numpy_deconv.reference.pooling import max_pool
from numpy_deconv.window import Window

CHANNELS = (1, 3, 4, 7, 15, 16, 17, 33, 64, 65, 130)
OVERLAPS = st.sampled_from(reference.OVERLAPS)


class Case(NamedTuple):
    """Values with their switches, and a gradient of what they are scattered to."""

    values: np.ndarray
    switches: np.ndarray
    grad: np.ndarray

    @property
    def size(self) -> tuple[int, ...]:
        return self.grad.shape[2:]


def made(
    rng: np.random.Generator,
    switches: np.ndarray,
    size: tuple[int, ...],
    batch: int,
    dtype: type[np.floating],
    last: bool,
) -> Case:
    shape = (batch, *switches.shape[1:])
    kinds = (rng.normal(size=shape), rng.integers(-1, 3, shape))
    values = kinds[int(rng.integers(2))].astype(dtype)
    grad = rng.normal(size=(*shape[:2], *size)).astype(dtype)
    return Case(*(fenced(a, last) for a in (values, switches, grad)))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Switches of a max pool or at random; those of one sample may serve several."""
    rank = draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    channels = draw(st.sampled_from(CHANNELS))
    batch, shared = draw(st.integers(1, 3)), draw(st.booleans())
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    stride = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    top = {1: 70, 2: 20, 3: 7}[rank]
    size = tuple(draw(st.integers(k, k + top)) for k in kernel)
    window = Window.of_pool(kernel, rank, stride=stride, padding=padding)
    x = rng.normal(size=(1 if shared else batch, channels, *size))
    if draw(st.booleans()):
        x = np.maximum(x, 0)
    switches = max_pool(x, window)[1]
    if draw(st.booleans()):
        switches = rng.integers(0, np.prod(size), switches.shape)
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    return made(rng, switches, size, batch, dtype, draw(st.booleans()))


@given(cases(), OVERLAPS)
def test_scatter(case: Case, overlap: str) -> None:
    arrays = case.values, case.switches
    (image,) = answered(lambda v, s: scatter(v, s, case.size, overlap), *arrays)
    expected = reference.scatter(*arrays, case.size, overlap)
    if overlap in ("sum", "mean"):
        assert_close(image, expected)
    else:
        np.testing.assert_array_equal(image, expected)


@given(cases(), OVERLAPS)
def test_gradient_of_scatter(case: Case, overlap: str) -> None:
    arrays = case.grad, case.values, case.switches
    (back,) = answered(lambda g, v, s: scatter_grad(g, v, s, overlap), *arrays)
    assert_close(back, reference.scatter_grad(*arrays, overlap))


@given(cases())
def test_gather(case: Case) -> None:
    (taken,) = answered(gather, case.grad, case.switches)
    np.testing.assert_array_equal(taken, reference.gather(case.grad, case.switches))
    if len(case.switches) > 1:
        one = case.grad[:1]
        expected = reference.gather(one, case.switches)
        np.testing.assert_array_equal(gather(one, case.switches), expected)


@pytest.mark.parametrize("overlap", ["assign", "sum", "max"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("channels", "kernel"), [(64, 2), (96, 3), (35, 3), (3, 2)])
def test_images_larger_than_the_caches(
    channels: int, kernel: int, dtype: type[np.floating], overlap: str
) -> None:
    rng = np.random.default_rng(channels)
    side = int((5e6 / channels / 4) ** 0.5)
    x = np.maximum(rng.normal(size=(2, channels, side, side)), 0)
    switches = max_pool(x, Window.of_pool(kernel, 2, stride=2))[1]
    case = made(rng, switches, (side, side), 2, dtype, True)
    arrays = case.values, case.switches
    (image,) = answered(lambda v, s: scatter(v, s, case.size, overlap), *arrays)
    assert_close(image, reference.scatter(*arrays, case.size, overlap))


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 0), (3, 2, 1), (3, 3, 0)]
)
def test_the_usual_pools_take_the_short_way(
    kernel: int, stride: int, padding: int
) -> None:
    x = np.random.default_rng(0).normal(size=(2, 17, 29, 31)).astype(np.float32)
    window = Window.of_pool(kernel, 2, stride=stride, padding=padding)
    y, switches = max_pool(x, window)
    last = [np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (y, switches)]
    image = regular.collected(*last, (29, 31), False)
    assert image is not None
    expected = reference.scatter(y, switches, (29, 31), "assign")
    np.testing.assert_array_equal(np.moveaxis(image, -1, 1), expected)


def test_one_switch_out_of_its_window_is_noticed() -> None:
    x = np.random.default_rng(0).normal(size=(1, 33, 40, 40))
    y, switches = max_pool(x, Window.of_pool(2, 2))
    switches[0, 32, 19, 18] = 0
    last = [np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (y, switches)]
    assert regular.collected(*last, (40, 40), True) is None


@pytest.mark.parametrize("overlap", reference.OVERLAPS)
@pytest.mark.parametrize("wrong", [-1, 16, 1 << 40, -(1 << 40)])
def test_a_switch_outside_the_plane_writes_nowhere(overlap: str, wrong: int) -> None:
    values = np.ones((1, 2, 2, 2), np.float32)
    switches = np.array([[[[0, 3], [wrong, 15]]] * 2])
    image = scatter(values, switches, (4, 4), overlap)
    assert image.sum() == 6
    grad = np.ones((1, 2, 4, 4), np.float32)
    np.testing.assert_array_equal(gather(grad, switches) == 0, switches == wrong)
    assert scatter_grad(grad, values, switches, overlap).sum() == 6


@pytest.mark.parametrize("overlap", ["assign", "first", "max"])
@pytest.mark.parametrize("seed", range(4))
def test_nan_among_values_that_meet(overlap: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.choice([np.nan, np.inf, -np.inf, 1.0, 2.0], (2, 17, 6, 6))
    switches = rng.integers(0, 16, values.shape)
    image = scatter(values, switches, (4, 4), overlap)
    expected = reference.scatter(values, switches, (4, 4), overlap)
    np.testing.assert_array_equal(image, expected)
    grad = rng.normal(size=image.shape)
    back = scatter_grad(grad, values, switches, overlap)
    expected = reference.scatter_grad(grad, values, switches, overlap)
    np.testing.assert_array_equal(back, expected)
