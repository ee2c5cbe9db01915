"""Depthwise convolutions: whole vectors of channels, and every edge of a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fenced_arrays import answered, assert_close, fenced
from hypothesis import example, given
from hypothesis import strategies as st

from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.numba_cpu import NumbaBackend
from numpy_deconv.backends.numba_cpu.depthwise_lines import TAPS, Axis
from numpy_deconv.backends.numba_cpu.depthwise_pixels import users
from numpy_deconv.backends.numba_cpu.vectors import lanes_of
from numpy_deconv.window import Window

REFERENCE = NumpyBackend()
OURS = NumbaBackend()

# Kernels whose code is shared: what is drawn beyond them goes by single taps.
KERNELS = st.sampled_from([1, 3, 5, TAPS + 1])


@st.composite
def windows(draw: st.DrawFn) -> tuple[Window, tuple[int, ...]]:
    """A window and the size it goes over, each axis drawn by itself."""
    rank = draw(st.integers(1, 3))
    outer = range(rank - 1)
    kernel = (*(draw(st.integers(1, 4)) for _ in outer), draw(KERNELS))
    stride = (*(draw(st.integers(1, 3)) for _ in outer), draw(st.integers(1, 3)))
    dilation = tuple(draw(st.sampled_from([1, 1, 2])) for _ in kernel)
    padding = tuple((draw(st.integers(0, 5)), draw(st.integers(0, 5))) for _ in kernel)
    window = Window.of(kernel, rank, stride=stride, dilation=dilation, padding=padding)
    room = (*(6 for _ in outer), 40)
    size = tuple(
        max(1, span - begin - end) + draw(st.integers(0, most))
        for span, (begin, end), most in zip(window.span, padding, room, strict=True)
    )
    return window, size


CASES = (
    windows(), st.sampled_from([np.float32, np.float64]), st.integers(0, 40),
    st.integers(1, 2), st.booleans(),
)  # fmt: skip


def _drawn(dtype: Any, extra: int, *shape: int) -> np.ndarray:
    channels = lanes_of(np.dtype(dtype)) + extra
    rng = np.random.default_rng([channels, *shape])
    return rng.standard_normal((shape[0], channels, *shape[1:])).astype(dtype)


@given(*CASES)
def test_forward(
    chosen: tuple[Window, tuple[int, ...]], dtype: Any, extra: int, batch: int,
    last: bool,
) -> None:  # fmt: skip
    window, size = chosen
    x = fenced(_drawn(dtype, extra, batch, *size), last)
    groups = x.shape[1]
    weight = fenced(np.moveaxis(_drawn(dtype, extra, 1, *window.kernel), 0, 1), False)
    bias = _drawn(dtype, extra, 1)[0]

    def convolved(*arrays: np.ndarray) -> np.ndarray:
        return OURS.conv(*arrays, window, groups)

    (got,) = answered(convolved, x, weight, bias)
    assert_close(got, REFERENCE.conv(x, weight, bias, window, groups))


@given(*CASES)
def test_input_gradient(
    chosen: tuple[Window, tuple[int, ...]], dtype: Any, extra: int, batch: int,
    last: bool,
) -> None:  # fmt: skip
    window, size = chosen
    outputs = window.output_size(size)
    grad = fenced(_drawn(dtype, extra, batch, *outputs), last)
    groups = grad.shape[1]
    weight = fenced(np.moveaxis(_drawn(dtype, extra, 1, *window.kernel), 0, 1), False)
    bias = _drawn(dtype, extra, 1)[0]

    def turned(*arrays: np.ndarray) -> np.ndarray:
        return OURS.conv_input_grad(*arrays, size, window, groups)

    (got,) = answered(turned, grad, weight, bias)
    assert_close(
        got, REFERENCE.conv_input_grad(grad, weight, bias, size, window, groups)
    )


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("across", [1, 2, 6, 7, 8, 13, 14, 15, 21, 22, 28, 29])
def test_bounds_and_masks_at_every_end_of_a_row(
    across: int, kernel: int, stride: int
) -> None:
    window = Window.of(kernel, 2, padding=kernel // 2, stride=stride)
    x = fenced(_drawn(np.float32, 5, 2, 5, across))
    groups = x.shape[1]
    weight = np.moveaxis(_drawn(np.float32, 5, 1, kernel, kernel), 0, 1)
    y = REFERENCE.conv(x, weight, None, window, groups)
    got = OURS.conv_clipped(x, weight, None, window, groups, -0.5, 0.25)
    assert_close(got, np.clip(y, -0.5, 0.25))
    grad = fenced(y)
    want = REFERENCE.conv_input_grad(grad, weight, None, (5, across), window, groups)
    back = grad, weight, None, (5, across), window, groups
    got = OURS.conv_input_grad_clipped(*back, -1, None, x)
    assert_close(got, np.where(x > 0, np.maximum(want, -1), 0))


@given(
    st.integers(1, 14), st.integers(1, 7), st.integers(1, 2), st.integers(1, 2),
    st.integers(0, 6),
)  # fmt: skip
@example(14, 3, 1, 1, 1)
@example(14, 3, 1, 2, 1)
def test_each_pixel_is_used_where_it_is_read(
    outputs: int, taps: int, step: int, up: int, first: int
) -> None:
    step = step if up == 1 else 1
    axis = Axis(taps, first, 1 if up == 1 else -1, step, up)
    begin = -(first % up)
    got = {
        (begin + j, t, int(axis.ahead(taps)[0]) + n)
        for n, each in enumerate(users(outputs, taps, step, up))
        for j, t in each
    }
    want = set()
    for j in range(begin, begin + outputs):
        for t in range(taps):
            at, rest = divmod(first + j * step + t * axis.apart, up)
            if not rest:
                want.add((j, t, at))
    assert got == want
