"""Compiled activations, normalisation and columns, in any order of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from case_request import Request
from case_window import conv_window
from fenced_arrays import answered, fenced
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.backends.numba_cpu import activations, columns, normalisation
from numpy_deconv.contract.dense import OPTIONS
from numpy_deconv.contract.layout import LAYOUTS, laid_out
from numpy_deconv.oracle import assert_conforms
from numpy_deconv.reference import activations as reference
from numpy_deconv.reference import columns as plain_columns
from numpy_deconv.reference import normalisation as plain
from numpy_deconv.window import Window

DTYPES = st.sampled_from((np.float32, np.float64))
CHANNELS = st.sampled_from((1, 3, 4, 7, 15, 16, 17, 33, 64, 65, 130))


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(sorted(reference.ACTIVATIONS)))
    choices = OPTIONS.get(name, {}).items()
    return name, {option: draw(st.sampled_from(v)) for option, v in choices}


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.sampled_from(((5,), (33,), (7, 9), (1, 1), (3, 4, 5))))
    x = rng.normal(size=(draw(st.integers(1, 3)), draw(CHANNELS), *size))
    return fenced((4 * x).astype(draw(DTYPES)), draw(st.booleans()))


@given(calls(), images(), st.integers(1, 3))
def test_activation_and_its_gradient(
    call: tuple[str, dict[str, Any]], x: np.ndarray, batch: int
) -> None:
    name, options = call
    (y,) = answered(lambda x: activations.activation(x, name, **options), x)
    assert_conforms(y, name, [x], options)
    batch = batch if len(x) == 1 else len(x)
    rng = np.random.default_rng(batch)
    grad = fenced(rng.normal(size=(batch, *x.shape[1:])).astype(x.dtype))
    arguments = grad, x
    (back,) = answered(
        lambda g, x: activations.activation_grad(g, x, name, **options), *arguments
    )
    shared = np.broadcast_to(x, grad.shape)
    assert_conforms(back, f"{name}.backward", [grad, shared], options)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "tanh"])
def test_any_layout(layout: str, name: str) -> None:
    options = {"slope": 0.1} if name == "leaky_relu" else {}
    rng = np.random.default_rng(0)
    x, grad = (laid_out(rng.normal(size=(2, 3, 4, 5)), layout) for _ in range(2))
    y = activations.activation(x, name, **options)
    np.testing.assert_array_equal(y, reference.activation(x, name, **options))
    for other in (x, np.ascontiguousarray(x)):
        back = activations.activation_grad(grad, other, name, **options)
        expected = reference.activation_grad(grad, other, name, **options)
        np.testing.assert_array_equal(back, expected)


def test_one_sample_serves_gradients_that_lie_side_by_side() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 3, 4, 5))
    grad = rng.normal(size=(3, 4, 5, 7)).transpose(3, 0, 1, 2)  # samples innermost
    back = activations.activation_grad(grad, x, "relu")
    np.testing.assert_array_equal(back, reference.activation_grad(grad, x, "relu"))


def test_nan_passes_a_gradient_through_relu_and_none_through_clip() -> None:
    x, grad = np.full((1, 1, 9), np.nan), np.ones((1, 1, 9))
    np.testing.assert_array_equal(activations.activation_grad(grad, x, "relu"), grad)
    bounds = {"low": None, "high": 1}
    clipped = activations.activation_grad(grad, x, "clip", **bounds)
    np.testing.assert_array_equal(clipped, 0 * grad)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1), (3, 1, 0, 2)])
def test_the_order_of_memory_is_kept(order: tuple[int, ...]) -> None:
    x = np.ones((2, 3, 4, 5)).transpose(order)
    assert activations.activation(x, "relu").strides == x.strides


@pytest.mark.parametrize("name", ["relu", "clip", "sigmoid", "silu", "leaky_relu"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_numbers(name: str, dtype: type[np.floating]) -> None:
    options = {"clip": {"low": -1, "high": 2}, "leaky_relu": {"slope": 0.1}}
    tiny, top = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    edges = [np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -tiny, top, -top, -1, 2]
    x = np.array([[[*edges, *np.linspace(-120, 120, 999)]]], dtype)
    got = activations.activation(x, name, **options.get(name, {}))
    assert_conforms(got, name, [x], options.get(name, {}))


def test_sigmoid_to_the_last_digits() -> None:
    x = np.linspace(-740, 740, 100_001).reshape(1, 1, -1)
    assert_conforms(activations.activation(x, "sigmoid"), "sigmoid", [x])


@given(images())
def test_batch_norm_and_its_gradient(x: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    channels = x.shape[1]
    mean, weight, bias = rng.normal(size=(3, channels)).astype(x.dtype)
    var = rng.uniform(0.5, 2, channels).astype(x.dtype)
    rest = mean, var, weight, bias, 1e-5
    (y,) = answered(lambda x: normalisation.batch_norm(x, *rest), x)
    np.testing.assert_array_equal(y, plain.batch_norm(x, *rest))
    few = var, weight, 1e-5
    (back,) = answered(lambda g: normalisation.batch_norm_input_grad(g, *few), x)
    np.testing.assert_array_equal(back, plain.batch_norm_input_grad(x, *few))


@pytest.mark.parametrize("channels", [1, 5, 63, 64, 96])
@pytest.mark.parametrize("pixels", [1, 7, 9000])
def test_batch_norm_of_many_tasks(channels: int, pixels: int) -> None:
    """Statistics are read anew each time, in steps and from read-only memory too."""
    rng = np.random.default_rng(channels)
    for dtype in (np.float32, np.float32, np.float64):
        x = rng.normal(size=(2, channels, pixels)).astype(dtype)
        apart = rng.uniform(0.5, 2, (channels, 4)).astype(dtype)
        apart.flags.writeable = False
        mean, var, weight, bias = apart.T
        y = normalisation.batch_norm(x, mean, var, weight, bias, 1e-5)
        want = plain.batch_norm(x, mean, var, weight, bias, 1e-5)
        np.testing.assert_array_equal(y, want)
        back = normalisation.batch_norm_input_grad(x, var, weight, 1e-5)
        want = plain.batch_norm_input_grad(x, var, weight, 1e-5)
        np.testing.assert_array_equal(back, want)


@given(
    images(),
    st.integers(1, 9),
    st.sampled_from((0.75, 0.5, 1.3)),
    st.sampled_from((1e-4, 0.5)),
    st.integers(1, 3),
)
def test_local_response_norm_and_its_gradient(
    x: np.ndarray, size: int, beta: float, alpha: float, batch: int
) -> None:
    options = size, alpha, beta, 1.5
    attrs = dict(zip(("size", "alpha", "beta", "k"), options, strict=True))
    (y,) = answered(lambda x: normalisation.local_response_norm(x, *options), x)
    assert_conforms(y, "local_response_norm", [x], attrs)
    batch = batch if len(x) == 1 else len(x)
    rng = np.random.default_rng(size)
    grad = fenced(rng.normal(size=(batch, *x.shape[1:])).astype(x.dtype))
    (back,) = answered(
        lambda g, x: normalisation.local_response_norm_grad(g, x, *options), grad, x
    )
    shared = np.broadcast_to(x, grad.shape)
    assert_conforms(back, "local_response_norm.backward", [grad, shared], attrs)


def test_a_large_channel_leaves_nothing_behind_in_its_neighbours() -> None:
    x = np.full((1, 32, 1), 1e-3, np.float32)
    x[0, 4] = 1e8
    options = 5, 1.0, 0.75, 1e-6
    attrs = dict(zip(("size", "alpha", "beta", "k"), options, strict=True))
    got = normalisation.local_response_norm(x, *options)
    assert_conforms(got, "local_response_norm", [x], attrs)


@given(st.data(), DTYPES, CHANNELS, st.booleans())
def test_columns_and_back(
    data: st.DataObject, dtype: type[np.floating], channels: int, last: bool
) -> None:
    seed = data.draw(st.integers(0, 2**16))
    request = Request(data.draw, np.dtype(dtype), False, "normal", seed)
    sliding = conv_window(request, request.rank())
    options = dict(sliding.options)
    rank = len(sliding.sizes)
    window = Window.of(sliding.kernel, rank, input_size=sliding.sizes, **options)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, channels, *sliding.sizes)).astype(dtype)
    x = fenced(x, last)
    outputs = window.output_size(sliding.sizes)
    (got,) = answered(lambda x: columns.im2col(x, window, outputs), x)
    expected = plain_columns.im2col(x, window, outputs)
    np.testing.assert_array_equal(got, expected)
    assert got.flags.c_contiguous
    back = plain_columns.col2im(expected, window, outputs, sliding.sizes)
    rows = fenced(expected, False)
    (image,) = answered(
        lambda rows: columns.col2im(rows, window, outputs, sliding.sizes), rows
    )
    np.testing.assert_array_equal(image, back)


@pytest.mark.parametrize("last", [True, False])
def test_more_than_one_thread_has_to_do(last: bool) -> None:
    rng = np.random.default_rng(0)
    x = fenced(rng.normal(size=(2, 40, 60, 70)).astype(np.float32), last)
    for name in ("relu", "sigmoid", "tanh"):
        (y,) = answered(lambda x, name=name: activations.activation(x, name), x)
        assert_conforms(y, name, [x])
    options = 5, 1e-4, 0.75, 2.0
    attrs = dict(zip(("size", "alpha", "beta", "k"), options, strict=True))
    (y,) = answered(lambda x: normalisation.local_response_norm(x, *options), x)
    assert_conforms(y, "local_response_norm", [x], attrs)
