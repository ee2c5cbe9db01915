"""What product kernels do to a result before they write it: bias, bounds, a ReLU's
gradient; by every algorithm, in shares of sums and in merged phases too."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from on_stand_in import PLAIN, REFERENCE, backend, error, normal

from numpy_deconv.backends.cupy_gpu.algorithms import NAMES
from numpy_deconv.backends.cupy_gpu.stand_in import StandIn, compiler
from numpy_deconv.window import Window

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")

BOUNDS = ((0, None), (-2.0, 3.0), (None, None))


def at_odds(algorithm: str, width: int) -> dict[str, Any]:
    """A problem that this algorithm can take, where its tiles have remainders."""
    groups = 12 if algorithm == "depthwise" else 1
    filters = 12 if algorithm == "depthwise" else 36
    dtype = np.float16 if algorithm == "tensor" else np.float32
    return {
        "x": normal(2, 12, 9, width, dtype=dtype),
        "weight": normal(filters, 12 // groups, 3, 3, dtype=dtype),
        "bias": 4 * normal(filters, dtype=dtype),
        "grad": normal(2, filters, 9, width, dtype=dtype),
        "groups": groups,
        "close": {"tensor": 1e-3, "winograd": 1e-5}.get(algorithm, 3e-6),
    }


def wide(*arrays: Any) -> list[Any]:
    return [None if a is None else a.astype(np.float64) for a in arrays]


def made(algorithm: str) -> Any:
    device = StandIn(specialises=algorithm == "depthwise")
    return backend(device, algorithms=(algorithm,))


@pytest.mark.parametrize("algorithm", NAMES)
@pytest.mark.parametrize(("low", "high"), BOUNDS[:2])
def test_bias_is_added_before_results_are_clipped(
    algorithm: str, low: Any, high: Any
) -> None:
    p, ours = at_odds(algorithm, 10), made(algorithm)
    given = (p["x"], p["weight"], p["bias"])
    y = ours.conv_clipped(*given, PLAIN, p["groups"], low, high)
    want = REFERENCE.conv_clipped(*wide(*given), PLAIN, p["groups"], low, high)
    assert error(y, want) < p["close"]
    assert y.min() >= low
    files = {kernel.file for kernel in ours.device.launches}
    assert f"{algorithm.split()[0]}.cu" in files


@pytest.mark.parametrize("algorithm", NAMES)
@pytest.mark.parametrize("width", [8, 10, 11])
@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_nothing_goes_back_through_a_relu_that_was_shut(
    algorithm: str, width: int, low: Any, high: Any
) -> None:
    p, ours = at_odds(algorithm, width), made(algorithm)
    where = p["x"].copy()
    where[:, ::2, 1::3] = 0
    bias = normal(12, dtype=where.dtype)
    given = (p["grad"], p["weight"], bias)
    rest = (p["x"].shape[2:], PLAIN, p["groups"], low, high)
    got = ours.conv_input_grad_clipped(*given, *rest, where)
    want = REFERENCE.conv_input_grad_clipped(*wide(*given), *rest, *wide(where))
    assert error(got, want) < p["close"]
    np.testing.assert_array_equal(got[where <= 0], 0)
    files = [kernel.file for kernel in ours.device.launches]
    assert f"{algorithm.split()[0]}.cu" in files
    assert not any(file.startswith("elementwise") for file in files)  # one pass


def test_a_nan_lets_through_and_an_infinity_that_is_stopped_leaves_a_zero() -> None:
    grad, weight = np.ones((1, 4, 5, 5), np.float32), np.ones((4, 3, 1, 1), np.float32)
    grad[0, 0, 1] = np.inf
    where = np.full((1, 3, 5, 5), -1, np.float32)
    where[0, :, :, 2] = np.nan
    point = Window((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1))
    rest = (None, (5, 5), point, 1, None, None, where)
    got = backend().conv_input_grad_clipped(grad, weight, *rest)
    want = np.where(np.isnan(where), grad.sum(axis=1, keepdims=True), 0)
    np.testing.assert_array_equal(got, want)


def test_shares_of_sums_are_added_before_they_are_looked_at() -> None:
    grad, weight = normal(1, 512, 4, 4), normal(512, 64, 3, 3)
    where, bias = normal(1, 64, 4, 4), normal(64)
    ours = backend(winograd=False)
    rest = ((4, 4), PLAIN, 1, -1.0, None)
    got = ours.conv_input_grad_clipped(grad, weight, bias, *rest, where)
    assert [k.function for k in ours.device.launches] == ["pack", "tiles", "add_shares"]
    want = REFERENCE.conv_input_grad_clipped(
        *wide(grad, weight, bias), *rest, *wide(where)
    )
    assert error(got, want) < 1e-6


@pytest.mark.parametrize("winograd", [True, False])  # phases merged, or apart
def test_strides_come_back_through_a_relu(winograd: bool) -> None:
    window = Window((5, 4), (3, 2), ((2, 1), (0, 1)), (1, 1))
    grad, weight = normal(2, 24, 5, 6), normal(24, 3, 5, 4)
    where, bias = normal(2, 3, 15, 14), normal(3)
    rest = ((15, 14), window, 1, None, 2.0)
    ours = backend(winograd=winograd)
    got = ours.conv_input_grad_clipped(grad, weight, bias, *rest, where)
    want = REFERENCE.conv_input_grad_clipped(
        *wide(grad, weight, bias), *rest, *wide(where)
    )
    assert error(got, want) < 1e-6


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_a_mask_is_an_operand_like_others(dtype: Any) -> None:
    """By name, and in a dtype that kernels do not know."""
    rng = np.random.default_rng(0)
    grad, weight = (
        rng.integers(-4, 5, s).astype(dtype) for s in ((1, 4, 6, 6), (4, 3, 3, 3))
    )
    where = rng.integers(-2, 3, (1, 3, 6, 6)).astype(dtype)
    given = (grad, weight, None, (6, 6), PLAIN, 1, 0, None)
    got = backend().conv_input_grad_clipped(*given, where=where)
    want = REFERENCE.conv_input_grad_clipped(*given, where=where)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got.astype("f8"), want.astype("f8"))


def test_integers_too() -> None:
    rng = np.random.default_rng(0)
    grad, weight = (rng.integers(-9, 9, s) for s in ((1, 4, 6, 6), (4, 3, 3, 3)))
    where = rng.integers(-2, 3, (1, 3, 6, 6))
    given = (grad, weight, None, (6, 6), PLAIN, 1, 0, None)
    got = backend().conv_input_grad_clipped(*given)
    np.testing.assert_array_equal(got, REFERENCE.conv_input_grad_clipped(*given))
    want = REFERENCE.conv_input_grad_clipped(*given) * (where > 0)
    np.testing.assert_array_equal(
        backend().conv_input_grad_clipped(*given, where.astype(grad.dtype)), want
    )


@pytest.mark.parametrize("dtype", [np.float32, np.int64, ml_dtypes.bfloat16])
@pytest.mark.parametrize("low", [0, None])
def test_results_go_where_the_caller_wants_them(dtype: Any, low: Any) -> None:
    """Some of the channels of a larger array, whatever lay there."""
    rng = np.random.default_rng(0)
    x, weight = (
        rng.integers(-4, 5, s).astype(dtype) for s in ((2, 3, 5, 6), (4, 3, 3, 3))
    )
    want = REFERENCE.conv_clipped(x, weight, None, PLAIN, 1, low, None)
    room = np.full((2, 9, 5, 6), 77, want.dtype)
    out = room[:, 3:7]
    got = backend().conv_clipped(x, weight, None, PLAIN, 1, low, None, out)
    assert got is out
    np.testing.assert_array_equal(room[:, 3:7].astype("f8"), want.astype("f8"))
    assert set(room[:, [0, 1, 2, 7, 8]].astype("f8").flat) == {77}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
@pytest.mark.parametrize("apart", [True, False])
def test_an_unpooling_stops_where_the_relu_was_shut(dtype: Any, apart: bool) -> None:
    """In planes of more than one tile, whether values meet or not."""
    rng = np.random.default_rng(0)
    drawn = [rng.permutation(60 * 70)[:80] for _ in range(6)]
    switches = np.array(drawn).reshape(2, 3, 8, 10)
    if not apart:
        switches[..., 1::2] = switches[..., ::2]
    values = rng.integers(-9, 9, switches.shape).astype(dtype)
    where = rng.integers(-2, 3, (2, 3, 60, 70)).astype(dtype)
    got = backend().scatter_masked(values, switches, (60, 70), where)
    want = REFERENCE.scatter(values, switches, (60, 70), "sum") * (where > 0)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype
