"""Products of gathered pixels: zeros made on the way, and results past the caches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from convolution_problems import problems
from fenced_arrays import answered
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.numba_cpu import NumbaBackend, ending, gathered
from numpy_deconv.backends.numba_cpu.convolution import _backward, _forward
from numpy_deconv.window import Window

REFERENCE, OURS = NumpyBackend(), NumbaBackend(winograd=False)
DTYPES = st.sampled_from([np.float32, np.float64])


def close(got: np.ndarray, want: np.ndarray) -> None:
    """Sums in another order."""
    precision = 1e-4 if want.dtype == np.float32 else 1e-12
    scale = float(np.abs(want).max(initial=1))
    np.testing.assert_allclose(got, want, rtol=0, atol=precision * scale)


def normal(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def forget() -> None:
    """Let plans be made anew."""
    for plans in (gathered.plan, _forward, _backward):
        plans.cache_clear()


@pytest.fixture
def streaming(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every result is larger than the caches."""
    monkeypatch.setattr(ending, "STREAMED", 1)
    forget()
    yield
    forget()


@given(
    st.integers(1, 3),
    st.integers(1, 5000),
    st.integers(1, 9),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.integers(1, 3),
    st.integers(1, 3),
    DTYPES,
)
def test_long_lines_are_cut_into_segments(
    channels: int,
    length: int,
    kernel: int,
    padding: tuple[int, int],
    stride: int,
    dilation: int,
    dtype: Any,
) -> None:
    reach = (kernel - 1) * dilation + 1
    window = Window.of(kernel, 1, padding=(padding,), stride=stride, dilation=dilation)
    x = normal((2, channels, max(length, reach)), dtype)
    weight = normal((5, channels, kernel), dtype, 1)
    (got,) = answered(lambda *given_: OURS.conv(*given_, None, window, 1), x, weight)
    close(got, REFERENCE.conv(x, weight, None, window, 1))


@pytest.mark.parametrize("shape", [(1, 3, 224, 224), (2, 40, 30, 31), (1, 7, 9, 9, 9)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bands_of_lines_with_zeros_around(shape: tuple[int, ...], dtype: Any) -> None:
    rank = len(shape) - 2
    for stride, padding in (
        (1, 1),
        (2, 0),
        (2, ((0, 3),) * rank),
        (1, ((5, 0),) * rank),
    ):
        window = Window.of(3, rank, padding=padding, stride=stride)
        x, weight = normal(shape, dtype), normal((20, shape[1], *(3,) * rank), dtype, 1)
        got = OURS.conv(x, weight, None, window, 1)
        close(got, REFERENCE.conv(x, weight, None, window, 1))


@given(st.integers(0, 7), st.integers(0, 9), st.integers(1, 2), DTYPES)
def test_some_channels_of_others_with_zeros_around(
    before: int, after: int, groups: int, dtype: Any
) -> None:
    channels, window = 6, Window.of(3, 2, padding=1, stride=2)
    whole = np.moveaxis(normal((2, 9, 11, before + channels + after), dtype), -1, 1)
    x = whole[:, before : before + channels]
    weight = normal((8, channels // groups, 3, 3), dtype, 1)
    got = OURS.conv(x, weight, None, window, groups)
    close(got, REFERENCE.conv(x, weight, None, window, groups))


CALLS: dict[str, Callable[[NumpyBackend, dict[str, Any]], np.ndarray]] = {
    "forward": lambda backend, case: backend.conv(
        case["x"], case["weight"], case["bias"], case["window"], case["groups"]
    ),
    "back": lambda backend, case: backend.conv_input_grad(
        case["grad"], case["weight"], None, case["x"].shape[2:], case["window"],
        case["groups"],
    ),
}  # fmt: skip


@pytest.mark.usefixtures("streaming")
@pytest.mark.parametrize("name", CALLS)
@given(case=problems())
def test_past_the_caches(name: str, case: dict[str, Any]) -> None:
    for ours in (OURS, NumbaBackend()):
        close(CALLS[name](ours, case), CALLS[name](REFERENCE, case))


@pytest.mark.usefixtures("streaming")
@pytest.mark.parametrize("winograd", [False, True])
@pytest.mark.parametrize("first", [0, 1, 16])
def test_past_the_caches_only_on_their_lines(winograd: bool, first: int) -> None:
    """Whole vectors that do not lie on lines are written as any others are."""
    backend, window = NumbaBackend(winograd=winograd), Window.of(3, 2, padding=1)
    x, weight = normal((1, 16, 24, 24), "f4"), normal((32, 16, 3, 3), "f4", 1)
    memory = np.full(24 * 24 * 64 + 64, np.nan, np.float32)
    start = -memory.ctypes.data % 64 // 4 + first
    whole = memory[start : start + 24 * 24 * 64].reshape(1, 24, 24, 64)
    out = np.moveaxis(whole[..., :32], -1, 1)
    backend.conv_clipped(x, weight, None, window, 1, None, None, out=out)
    close(out, REFERENCE.conv(x, weight, None, window, 1))
    assert np.isnan(whole[..., 32:]).all()


@given(st.integers(1, 70), st.integers(1, 40), DTYPES)
def test_nothing_beyond_the_last_column(columns: int, pixels: int, dtype: Any) -> None:
    """Vectors that are not whole are written in part."""
    window = Window.of(1, 1)
    whole = np.full((1, pixels, columns + 17), 7, dtype)
    out = np.moveaxis(whole[..., :columns], -1, 1)
    x, weight = normal((1, 5, pixels), dtype), normal((columns, 5, 1), dtype, 1)
    OURS.conv_clipped(x, weight, None, window, 1, None, None, out=out)
    close(out, REFERENCE.conv(x, weight, None, window, 1))
    assert (whole[..., columns:] == 7).all()
