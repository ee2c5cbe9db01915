"""Compiled pools and resampling, on channels that fill vectors, or do not, or both."""

from __future__ import annotations

from typing import Any

import case_sliding  # noqa: F401  it fills MAKERS
import numpy as np
import pytest
from case_request import MAKERS, Request, values
from fenced_arrays import answered, fenced
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.backends.numba_cpu import pooling, separable
from numpy_deconv.oracle import assert_conforms
from numpy_deconv.reference import pooling as reference
from numpy_deconv.window import Window

CHANNELS = (1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 65, 130)
DTYPES = (np.float32, np.float64)


class Drawn:
    """A pool of the shared cases, on more channels than those have."""

    def __init__(self, draw: st.DrawFn, name: str, kind: str | None = None):
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        kind = kind or draw(st.sampled_from(("normal", "ties", "integers")))
        self.seed = draw(st.integers(0, 2**16))
        request = Request(draw, dtype, False, kind, self.seed)
        (x,), self.options = MAKERS[name](request)
        self.size = x.shape[2:]
        shape = (max(1, len(x)), draw(st.sampled_from(CHANNELS)), *self.size)
        self.last = draw(st.booleans())
        self.x = fenced(values(request.random(7), shape, kind, dtype), self.last)

    @property
    def window(self) -> Window:
        options = {
            name: value
            for name, value in self.options.items()
            if name in ("stride", "padding", "dilation", "ceil_mode")
        }
        kernel = self.options["kernel_size"]
        rank = len(self.size)
        return Window.of_pool(kernel, rank, input_size=self.size, **options)

    @property
    def attrs(self) -> dict[str, Any]:
        """The public function's options, with the window's own padding in pairs."""
        return {**self.options, "padding": self.window.padding}

    def grad(self, y: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(self.seed)
        return fenced(rng.normal(size=y.shape).astype(y.dtype), self.last)


@st.composite
def drawn(draw: st.DrawFn, name: str, kind: str | None = None) -> Drawn:
    return Drawn(draw, name, kind)


def same_winners(
    got: tuple[np.ndarray, ...], expected: tuple[np.ndarray, np.ndarray]
) -> None:
    for mine, right in zip(got, expected, strict=True):
        assert mine.dtype == right.dtype
        np.testing.assert_array_equal(mine, right)


@given(drawn("max_pool"))
def test_max_pool(case: Drawn) -> None:
    got = answered(lambda x: pooling.max_pool(x, case.window), case.x)
    same_winners(got, reference.max_pool(case.x, case.window))


@given(drawn("max_pool"))
def test_max_pool_of_what_is_asked_for_beforehand(case: Drawn) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separable, "FAR", 0)
        got = answered(lambda x: pooling.max_pool(x, case.window), case.x)
    same_winners(got, reference.max_pool(case.x, case.window))


@given(drawn("max_pool", "specials"))
def test_max_pool_of_nan_and_infinities(case: Drawn) -> None:
    got = answered(lambda x: pooling.max_pool(x, case.window), case.x)
    same_winners(got, reference.max_pool(case.x, case.window))


@given(drawn("adaptive_max_pool"), st.tuples(*[st.integers(1, 5)] * 3))
def test_adaptive_max_pool(case: Drawn, outputs: tuple[int, ...]) -> None:
    outputs = outputs[: len(case.size)]
    got = answered(lambda x: pooling.adaptive_max_pool(x, outputs), case.x)
    same_winners(got, reference.adaptive_max_pool(case.x, outputs))


@given(drawn("avg_pool"))
def test_avg_pool_and_its_gradient(case: Drawn) -> None:
    arguments = case.window, case.options["count_include_pad"]
    (y,) = answered(lambda x: pooling.avg_pool(x, *arguments), case.x)
    assert_conforms(y, "avg_pool", [case.x], case.attrs)
    grad = case.grad(y)
    (back,) = answered(lambda g: pooling.avg_pool_grad(g, case.size, *arguments), grad)
    assert_conforms(back, "avg_pool.backward", [grad, case.x], case.attrs)


@given(drawn("lp_pool", "normal"))
def test_lp_pool_and_its_gradient(case: Drawn) -> None:
    arguments = case.window, 2.0, case.options["rescale_clipped"]
    (y,) = answered(lambda x: pooling.lp_pool(x, *arguments), case.x)
    attrs = {**case.attrs, "norm_type": 2.0}
    assert_conforms(y, "lp_pool", [case.x], attrs)
    grad = case.grad(y)
    call = lambda g, x: pooling.lp_pool_grad(g, x, y, *arguments)  # noqa: E731
    (back,) = answered(call, grad, case.x)
    assert_conforms(back, "lp_pool.backward", [grad, case.x], attrs)


@given(drawn("adaptive_avg_pool"), st.tuples(*[st.integers(1, 5)] * 3))
def test_adaptive_avg_pool_and_its_gradient(
    case: Drawn, outputs: tuple[int, ...]
) -> None:
    outputs = outputs[: len(case.size)]
    (y,) = answered(lambda x: pooling.adaptive_avg_pool(x, outputs), case.x)
    attrs = {"output_size": outputs}
    assert_conforms(y, "adaptive_avg_pool", [case.x], attrs)
    grad = case.grad(y)
    (back,) = answered(lambda g: pooling.adaptive_avg_pool_grad(g, case.size), grad)
    assert_conforms(back, "adaptive_avg_pool.backward", [grad, case.x], attrs)


@given(
    drawn("adaptive_avg_pool"),
    st.tuples(*[st.sampled_from((1.0, 2.0, 3.0, 1.5, 2.5))] * 3),
    st.sampled_from(("nearest", "bilinear")),
)
def test_upsampling_and_its_gradient(
    case: Drawn, scale: tuple[float, ...], mode: str
) -> None:
    scale = scale[: len(case.size)]
    (y,) = answered(lambda x: pooling.upsample(x, scale, mode), case.x)
    attrs = {"scale": scale, "mode": mode}
    assert_conforms(y, "upsample", [case.x], attrs)
    grad = case.grad(y)
    call = lambda g: pooling.upsample_grad(g, case.size, scale, mode)  # noqa: E731
    (back,) = answered(call, grad)
    assert_conforms(back, "upsample.backward", [grad, case.x], attrs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("channels", "kernel"), [(64, 2), (96, 3), (35, 3), (3, 2)])
def test_results_larger_than_the_caches(
    channels: int, kernel: int, dtype: type[np.floating]
) -> None:
    rng = np.random.default_rng(channels)
    side = int((9e6 / channels / 8) ** 0.5) * 2  # switches of 9 MB
    x = fenced(rng.normal(size=(1, channels, side, side)).astype(dtype))
    window = Window.of_pool(kernel, 2, stride=2)
    got = answered(lambda x: pooling.max_pool(x, window), x)
    same_winners(got, reference.max_pool(x, window))
