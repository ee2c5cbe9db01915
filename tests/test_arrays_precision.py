"""The one rule of precision: nothing is promoted, halves are rounded once, integers
are exact or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv.arrays import accumulator, narrowed
from numpy_deconv.errors import DTypeError

pytestmark = pytest.mark.usefixtures("backend")

HALVES = (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16))
FLOATS = (*HALVES, np.dtype(np.float32), np.dtype(np.float64))


def filled(value: float, like: np.ndarray, *shape: int) -> np.ndarray:
    return np.full(shape, value).astype(like.dtype)


Function = Callable[[np.ndarray], Any]
FUNCTIONS: dict[str, Function] = {
    "conv": lambda x: nd.conv(x, filled(0.375, x, 3, 4, 2, 3), filled(0.5, x, 3)),
    "conv_transpose": lambda x: nd.conv_transpose(
        x, filled(0.375, x, 4, 2, 2, 3), stride=2
    ),
    "linear": lambda x: nd.linear(x, filled(0.375, x, 3, 6), filled(0.5, x, 3)),
    "avg_pool": lambda x: nd.avg_pool(x, (3, 2)),
    "lp_pool": lambda x: nd.lp_pool(x, 2, (3, 2)),
    "adaptive_avg_pool": lambda x: nd.adaptive_avg_pool(x, (2, 5)),
    "col2im": lambda x: nd.col2im(x.reshape(2, 4, 30), (6, 7), (2, 2)),
    "max_unpool": lambda x: nd.max_unpool(
        x, np.zeros(x.shape, np.int64), (2, 2), overlap="sum"
    ),
    "sigmoid": nd.sigmoid,
    "gelu": nd.gelu,
    "softmax": nd.softmax,
    "prelu": lambda x: nd.prelu(x - filled(1, x, 1), filled(0.375, x, 4)),
    "batch_norm": lambda x: nd.batch_norm(x, filled(0.375, x, 4), filled(1.5, x, 4)),
    "local_response_norm": lambda x: nd.local_response_norm(x, 3, alpha=0.5),
    "upsample": lambda x: nd.upsample(x, 1.5, mode="bilinear"),
    "cross_entropy": lambda x: nd.cross_entropy(x, np.zeros((2, 5, 6), np.int64)),
    "mse": lambda x: nd.mse(x, filled(0.375, x, *x.shape)),
}
MOVING: dict[str, Function] = {
    "im2col": lambda x: nd.im2col(x, (2, 3)),
    "max_pool": lambda x: nd.max_pool(x, (2, 3))[0],
    "adaptive_max_pool": lambda x: nd.adaptive_max_pool(x, (2, 3))[0],
    "max_unpool": lambda x: nd.max_unpool(x, np.zeros(x.shape, np.int64), (2, 2)),
    "relu": nd.relu,
    "clip": lambda x: nd.clip(x, 1, 1.5),
    "pad": lambda x: nd.pad(x, 1, mode="reflect"),
    "upsample": lambda x: nd.upsample(x, 2),
    "concat": lambda x: nd.concat(x, x),
    "flatten": nd.flatten,
}


def values(dtype: np.dtype) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 2, (2, 4, 5, 6)).astype(dtype)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_halves_are_computed_in_float32_and_rounded_once(
    name: str, dtype: np.dtype
) -> None:
    x = values(dtype)
    got = np.asarray(FUNCTIONS[name](x))
    want = np.asarray(FUNCTIONS[name](x.astype(np.float64)))
    assert got.dtype == dtype
    # float32's own error may tip a number that lies between two halves
    assert (got == want.astype(dtype)).mean() > 0.97
    half_a_step = 2.0**-11 if dtype == np.float16 else 2.0**-8
    off = np.abs(got.astype(np.float64) - want)
    assert (off <= 1.001 * half_a_step * np.abs(want)).all()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", MOVING)
def test_moving_keeps_every_dtype_and_value(name: str, dtype: np.dtype) -> None:
    x = values(dtype)
    got = MOVING[name](x)
    assert got.dtype == dtype
    np.testing.assert_array_equal(
        got.astype(np.float64), MOVING[name](x.astype(np.float64))
    )


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_nothing_is_promoted(name: str, dtype: np.dtype) -> None:
    assert np.asarray(FUNCTIONS[name](values(dtype))).dtype == dtype


GRADIENTS = {
    nd.conv: lambda x: (x, filled(0.5, x, 3, 4, 2, 3), filled(0.5, x, 3)),
    nd.conv_transpose: lambda x: (x, filled(0.5, x, 4, 3, 2, 3), filled(0.5, x, 3)),
    nd.linear: lambda x: (x, filled(0.5, x, 3, 6), filled(0.5, x, 3)),
    nd.batch_norm: lambda x: (x, *filled(0.5, x, 4, 4)),
    nd.prelu: lambda x: (x, filled(0.5, x, 4)),
    nd.softmax: lambda x: (x,),
    nd.global_avg_pool: lambda x: (x,),
    nd.global_max_pool: lambda x: (x,),
    nd.mse: lambda x: (x, filled(0.5, x, *x.shape)),
}


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("function", GRADIENTS)
def test_gradients_are_not_promoted_either(
    function: Callable[..., Any], dtype: np.dtype
) -> None:
    arrays = GRADIENTS[function](values(dtype))
    y, pullback = nd.vjp(function, *arrays)
    # a gradient of a wider float comes from a wider loss, and is rounded
    for grad in (y, np.asarray(y).astype(np.float64)):
        assert [g.dtype for g in pullback(grad)] == [dtype] * len(arrays)


SHARED = (nd.conv, nd.conv_transpose, nd.linear, nd.batch_norm, nd.prelu)


@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("function", SHARED)
def test_gradients_of_shared_halves_are_summed_in_float32(
    function: Callable[..., Any], dtype: np.dtype
) -> None:
    signs = filled(1.25, values(dtype), 1)  # prelu's slope counts on the negative side
    arrays = GRADIENTS[function](np.tile(values(dtype) - signs, (60, 1, 1, 1)))
    y, pullback = nd.vjp(function, *arrays)
    grad = np.random.default_rng(1).uniform(0.5, 2, y.shape).astype(dtype)
    _, exact = nd.vjp(function, *(a.astype(np.float64) for a in arrays))
    half_a_step = 2.0**-11 if dtype == np.float16 else 2.0**-8
    for got, want in zip(pullback(grad), exact(grad.astype(np.float64)), strict=True):
        off = np.abs(got.astype(np.float64) - want)
        assert (off <= 1.001 * half_a_step * np.abs(want) + 1e-5 * want.max()).all()


@pytest.mark.parametrize("scalar", [np.float64, np.array])
def test_options_that_are_numpy_scalars_promote_nothing(scalar: Any) -> None:
    x = values(np.dtype(np.float32))
    channel = np.ones(4, np.float32)
    for function, arrays, options in (
        (nd.batch_norm, (x, channel, channel), {"eps": 1e-3}),
        (nd.local_response_norm, (x,), {"size": 3, "alpha": 0.5, "k": 2.0}),
        (nd.elu, (x,), {"alpha": 0.5}),
        (nd.softplus, (x,), {"beta": 2.0}),
        (nd.upsample, (x,), {"scale": 2.0, "mode": "bilinear"}),
    ):
        given = {k: scalar(v) if type(v) is float else v for k, v in options.items()}
        got, pullback = nd.vjp(function, *arrays, **given)
        np.testing.assert_array_equal(got, function(*arrays, **options))
        assert {got.dtype, *(g.dtype for g in pullback(got))} == {x.dtype}


@pytest.mark.parametrize(
    "call",
    [
        lambda a, b: nd.conv(a, b),
        lambda a, b: nd.conv(a, a, b[0, 0]),
        lambda a, b: nd.conv_transpose(a, b),
        lambda a, b: nd.conv_input_grad(a, b, (1,)),
        lambda a, b: nd.conv_weight_grad(a, b, 1),
        lambda a, b: nd.linear(a, b[0]),
        lambda a, b: nd.concat(a, b),
        lambda a, b: nd.mse(a, b),
        lambda a, b: nd.prelu(a, b[0, 0]),
        lambda a, b: nd.batch_norm(a, a[0, 0], b[0, 0]),
    ],
)
@pytest.mark.parametrize("other", [np.float64, np.float16, np.int32])
def test_mixtures_are_refused(call: Callable[..., Any], other: type) -> None:
    one, two = np.ones((1, 1, 1), np.float32), np.ones((1, 1, 1), other)
    with pytest.raises(
        DTypeError,
        match=rf"is float32.* is {np.dtype(other)}.*: convert them to one dtype, nothi",
    ):
        call(one, two)


def test_the_accumulator_of_every_dtype() -> None:
    assert [accumulator(d) for d in FLOATS] == ["f4", "f4", "f4", "f8"]
    assert {accumulator(np.dtype(code)) for code in ("i1", "u1", "i4", "u8")} == {
        np.dtype(np.int64)
    }


def test_what_does_not_fit_is_not_wrapped() -> None:
    wide = np.array([-129, 5], np.int64)
    with pytest.raises(
        DTypeError, match="result reaches from -129 to 5, which int8 cannot hold: conve"
    ):
        narrowed(wide, np.dtype(np.int8))
    assert narrowed(wide + 1, np.dtype(np.int8)).dtype == np.int8
    assert narrowed(wide[:0], np.dtype(np.int8)).dtype == np.int8


def test_integer_sums_beyond_int64_are_refused() -> None:
    for call in (
        lambda: nd.conv(np.full((1, 1, 2), 2**62), np.ones((1, 1, 2), np.int64)),
        lambda: nd.linear(np.full((1, 4), 2**62), np.ones((1, 4), np.int64)),
    ):
        with pytest.raises(DTypeError, match="may not fit int64"):
            call()
    large = nd.conv(np.full((1, 1, 2), 2**60), np.ones((1, 1, 2), np.int64))
    assert large.item() == 2**61
