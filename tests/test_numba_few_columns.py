"""Convolution to a few channels, against the definition and at its own edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fenced_arrays import answered, fenced
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv import oracle
from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.numba_cpu import NumbaBackend, few_columns
from numpy_deconv.backends.numba_cpu.ending import PLAIN
from numpy_deconv.backends.numba_cpu.few_columns import LEAST, MOST
from numpy_deconv.window import Window

REFERENCE, OURS = NumpyBackend(), NumbaBackend()


class Drawn:
    """``y = conv(x)`` of stride 1 and its input gradient, both to a few channels."""

    def __init__(self, draw: st.DrawFn):
        rank = draw(st.integers(1, 2))
        self.rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        self.dtype = draw(st.sampled_from((np.float32, np.float64)))

        def each(low: int, high: int) -> tuple[int, ...]:
            return tuple(draw(st.integers(low, high)) for _ in range(rank))

        kernel, dilation = each(1, 5), each(1, 3)
        padding = tuple(
            (draw(st.integers(0, 6)), draw(st.integers(0, 6))) for _ in kernel
        )
        self.window = Window(kernel, (1,) * rank, padding, dilation)
        top = {1: 90, 2: 23}[rank]
        self.size = tuple(
            draw(st.integers(max(1, span - b - e), span + top))
            for span, (b, e) in zip(self.window.span, padding, strict=True)
        )
        self.few = draw(st.integers(1, MOST))
        self.many = draw(st.sampled_from((LEAST, 13, 16, 33)))
        self.batch, self.last = draw(st.integers(1, 3)), draw(st.booleans())
        self.bias = self.normal(self.few) if draw(st.booleans()) else None

    def normal(self, *shape: int) -> np.ndarray:
        return self.rng.normal(size=shape).astype(self.dtype)

    def fenced(self, channels: int, size: tuple[int, ...]) -> np.ndarray:
        return fenced(self.normal(self.batch, channels, *size), self.last)

    @property
    def options(self) -> dict[str, Any]:
        window = self.window
        return {
            "stride": window.stride,
            "padding": window.padding,
            "dilation": window.dilation,
            "groups": 1,
        }


drawn = st.composite(Drawn)()


@given(drawn, st.booleans())
def test_forward(case: Drawn, part: bool) -> None:
    weight = case.normal(case.few, case.many, *case.window.kernel)
    x = case.fenced(case.many, case.size)
    if part and case.last:  # some channels of others
        x = case.fenced(case.many + 5, case.size)[:, 2 : 2 + case.many]
    (got,) = answered(lambda x: OURS.conv(x, weight, case.bias, case.window, 1), x)
    inputs = [x, weight, case.bias]
    oracle.assert_conforms(got, "conv", inputs, case.options, semantics="numpy_deconv")


@given(drawn, st.booleans())
def test_input_gradient(case: Drawn, masked: bool) -> None:
    weight = case.normal(case.many, case.few, *case.window.kernel)
    grad = case.fenced(case.many, case.window.output_size(case.size))
    mask = case.fenced(case.few, case.size) if masked else None
    given = weight, case.bias, case.size, case.window, 1
    (got,) = answered(
        lambda g: OURS.conv_input_grad_clipped(g, *given, -0.5, 2, where=mask), grad
    )
    wide = [None if a is None else a.astype(np.float64) for a in (grad, *given[:2])]
    exact = REFERENCE.conv_input_grad(*wide, *given[2:]).clip(-0.5, 2)
    if mask is not None:
        exact[mask <= 0] = 0
    close = 1e-12 if case.dtype == np.float64 else 1e-4
    np.testing.assert_allclose(got, exact, rtol=0, atol=close)


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_what_is_not_finite_stays_where_it_is_read(strange: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 16, 9, 30)).astype(np.float32)
    x[0, 3, 4, 17] = strange
    weight = rng.normal(size=(3, 16, 3, 5)).astype(np.float32)
    arguments = x, weight, None, Window.of((3, 5), 2, padding=(1, 2)), 1
    got, expected = OURS.conv(*arguments), REFERENCE.conv(*arguments)
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(expected))
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))


def test_bands_of_any_height(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 16, 31, 9)).astype(np.float32)
    weight = rng.normal(size=(2, 16, 4, 3)).astype(np.float32)
    window = Window.of((4, 3), 2, padding=(2, 1))
    results = []
    for size in (0, 1 << 15, 1 << 17, 1 << 30):
        monkeypatch.setattr(few_columns, "BAND", size)
        few_columns.plan.cache_clear()
        plan = few_columns.plan(
            x.shape, 2, window, window.output_size(x.shape[2:]), x.dtype, PLAIN
        )
        results.append(plan(x, weight, None).tobytes())
    few_columns.plan.cache_clear()
    assert len(set(results)) == 1
