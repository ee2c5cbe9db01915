"""The GPU's kernels, run on the CPU: every algorithm, index and kind of card."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from on_stand_in import PLAIN, REFERENCE, backend, error, normal

from numpy_deconv import check_backend, oracle
from numpy_deconv.backends.cupy_gpu.algorithms import NAMES
from numpy_deconv.backends.cupy_gpu.stand_in import StandIn, compiler
from numpy_deconv.contract.recipes import RECIPES
from numpy_deconv.errors import OptionError
from numpy_deconv.window import Window

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")

TRIO = ("conv", "conv_input_grad", "conv_weight_grad")


@pytest.mark.parametrize("algorithm", NAMES)
def test_an_algorithm_meets_the_contract_wherever_it_can_be_used(
    algorithm: str,
) -> None:
    narrow = algorithm == "depthwise"  # it needs its window when it is compiled
    ours = backend(StandIn(specialises=narrow), algorithms=(algorithm,))
    report = check_backend(ours, kernels=["conv", "conv_input_grad"], examples=60)
    assert report.ok, str(report)
    files = {kernel.file for kernel in ours.device.launches}
    assert f"{algorithm.split()[0]}.cu" in files


@pytest.mark.parametrize("kernel", RECIPES)
def test_indices_of_64_bits_give_the_same(kernel: str) -> None:
    report = check_backend(
        backend(StandIn(index="long long")), kernels=[kernel], examples=8
    )
    assert report.ok, str(report)


def test_a_card_without_these_tensor_cores_meets_the_contract() -> None:
    ours = backend(StandIn(capability=70))
    report = check_backend(ours, kernels=TRIO, examples=60)
    assert report.ok, str(report)
    assert "tensor.cu" not in {kernel.file for kernel in ours.device.launches}


@pytest.mark.parametrize("kernel", ["max_pool", "col2im", "avg_pool_grad", "conv"])
def test_kernels_compiled_for_a_window_meet_the_contract(kernel: str) -> None:
    ours = backend(StandIn(specialises=True))
    report = check_backend(ours, kernels=[kernel], examples=8)
    assert report.ok, str(report)


SHAPES = [
    # batch, channels, filters, size: tiles of every kind, and what is left over of them
    (2, 33, 70, (19, 23)),
    (1, 48, 130, (12, 12)),
    (3, 64, 64, (9, 10)),
    (2, 3, 65, (14, 13)),
]


@pytest.mark.parametrize(("batch", "channels", "filters", "size"), SHAPES)
@pytest.mark.parametrize("algorithm", ["winograd", "tensor", *NAMES[4:-1], "direct"])
def test_large_tiles_and_their_remainders(
    algorithm: str, batch: int, channels: int, filters: int, size: tuple[int, int]
) -> None:
    dtype = np.float16 if algorithm == "tensor" else np.float32
    x = normal(batch, channels, *size, dtype=dtype)
    weight = normal(filters, channels, 3, 3, dtype=dtype)
    bias = normal(filters, dtype=dtype)
    ours = backend(algorithms=(algorithm,))
    y = ours.conv(x, weight, bias, PLAIN, 1)
    wide = [a.astype(np.float64) for a in (x, weight, bias)]
    want = REFERENCE.conv(*wide, PLAIN, 1)
    assert error(y, want) < (1e-3 if dtype == np.float16 else 3e-6)
    back = ours.conv_input_grad(y, weight, None, size, PLAIN, 1)
    want = REFERENCE.conv_input_grad(
        y.astype(np.float64), wide[1], None, size, PLAIN, 1
    )
    assert error(back, want) < (1e-3 if dtype == np.float16 else 3e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("specialises", [False, True])
def test_nan_and_the_first_of_equals_win(dtype: Any, specialises: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 2, (2, 3, 12, 13)).astype(dtype)
    for value in (np.nan, -np.inf, np.inf):
        x[rng.random(x.shape) < 0.15] = value
    window = Window((3, 2), (2, 1), ((1, 0), (0, 1)), (1, 2))
    ours = backend(StandIn(specialises=specialises))
    for got, want in zip(
        ours.max_pool(x, window), REFERENCE.max_pool(x, window), strict=True
    ):
        np.testing.assert_array_equal(got, want)


def test_strided_transposed_convolutions_merge_their_phases() -> None:
    """AlexNet's first layer, upwards: 4x4 phases of 3 filters are 48 of one product."""
    window = Window((11, 11), (4, 4), ((2, 2), (2, 2)), (1, 1))
    grad, weight = normal(2, 24, 7, 7), normal(24, 3, 11, 11)
    ours = backend()
    got = ours.conv_input_grad(grad, weight, None, (32, 31), window, 1)
    wide = (grad.astype(np.float64), weight.astype(np.float64))
    want = REFERENCE.conv_input_grad(*wide, None, (32, 31), window, 1)
    assert error(got, want) < 1e-6
    (product,) = [k for k in ours.device.launches if k.file == "tiles.cu"]
    assert ("HIGH", "64") in product.macros


def test_sums_are_cut_into_shares_where_blocks_are_few() -> None:
    x, weight = normal(1, 512, 4, 4), normal(64, 512, 3, 3)
    ours = backend(winograd=False)
    once, again = (ours.conv(x, weight, None, PLAIN, 1) for _ in range(2))
    names = [kernel.function for kernel in ours.device.launches]
    assert names == 2 * ["pack", "tiles", "add_shares"]
    assert once.tobytes() == again.tobytes()
    wide = x.astype(np.float64), weight.astype(np.float64)
    assert error(once, REFERENCE.conv(*wide, None, PLAIN, 1)) < 1e-6


def test_weights_learn_in_groups_of_many_tiles() -> None:
    """And nothing is read for positions that tiles have beyond the last."""
    x, grad = normal(1, 2 * 12, 5, 5), normal(1, 2 * 70, 5, 5)
    grad[0, ::5, 0, 0] = np.inf
    got = backend().conv_weight_grad(grad, x, PLAIN, 2)
    wide = grad.astype(np.float64), x.astype(np.float64)
    with np.errstate(invalid="ignore"):  # what padding has for an infinity
        want = REFERENCE.conv_weight_grad(*wide, PLAIN, 2)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    assert error(got[finite], want[finite]) < 1e-6


def test_tf32_only_where_it_is_asked_for() -> None:
    x, weight = normal(1, 32, 16, 16), normal(64, 32, 3, 3)
    want = REFERENCE.conv(x.astype("f8"), weight.astype("f8"), None, PLAIN, 1)
    plain = backend(winograd=False).conv(x, weight, None, PLAIN, 1)
    low = backend(precision="tf32").conv(x, weight, None, PLAIN, 1)
    assert error(plain, want) < 1e-6
    assert 1e-5 < error(low, want) < 1e-3
    call = ("conv", [x, weight])
    padding = {"padding": 1}
    oracle.assert_conforms(low, *call, padding, numerics="tf32")
    with pytest.raises(AssertionError):
        oracle.assert_conforms(low, *call, padding)


@pytest.mark.parametrize("size", [(130, 80), (60, 70), (50, 60)], ids=str)
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("overlap", ["sum", "assign", "first", "max", "mean"])
def test_scatter_looks_only_where_switches_point(
    overlap: str, apart: bool, size: tuple[int, int]
) -> None:
    """Planes of many tiles, of few, of one and a part; switches in no order at all,
    several of them at one place or none."""
    rng, area = np.random.default_rng(0), math.prod(size)
    values, switches = normal(2, 3, 50, 60), rng.integers(0, area, (2, 3, 50, 60))
    if apart:
        drawn = [rng.permutation(area)[:3000] for _ in range(6)]
        switches = np.array(drawn).reshape(2, 3, 50, 60)
    got = backend().scatter(values, switches, size, overlap)
    want = REFERENCE.scatter(values, switches, size, overlap)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
    grad = normal(2, 3, *size)
    got = backend().scatter_grad(grad, values, switches, overlap)
    want = REFERENCE.scatter_grad(grad, values, switches, overlap)
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("overlap", ["sum", "max", "mean"])
@pytest.mark.parametrize("first", [0, 500, 2998])
def test_two_values_that_meet_among_many_that_do_not(overlap: str, first: int) -> None:
    size = (130, 80)
    values, switches = normal(1, 1, 3000), np.arange(3000)[None, None] * 3
    switches[0, 0, first + 1] = switches[0, 0, first]
    got = backend().scatter(values, switches, size, overlap)
    want = REFERENCE.scatter(values, switches, size, overlap)
    np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("place", [2047, 2048, 4095, 4096])
def test_a_chunk_that_points_at_the_edge_of_a_tile(place: int) -> None:
    values, switches = normal(1, 1, 600), np.full((1, 1, 600), place)
    switches[..., 300:] = 5
    got = backend().scatter(values, switches, (12_000,), "assign")
    want = REFERENCE.scatter(values, switches, (12_000,), "assign")
    np.testing.assert_array_equal(got, want)


def test_the_largest_number_is_finite_in_tf32() -> None:
    x = np.full((1, 32, 4, 4), np.finfo(np.float32).max, np.float32)
    point = Window((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1))
    ours = backend(precision="tf32", algorithms=("tensor",))
    weight = np.zeros((32, 32, 1, 1), np.float32)
    np.testing.assert_array_equal(ours.conv(x, weight, None, point, 1), 0)
    weight[...] = x[0, 0, 0, 0]
    np.testing.assert_array_equal(ours.conv(0 * x, weight, None, point, 1), 0)


def test_a_switch_beside_the_plane_writes_nothing() -> None:
    values, switches = np.ones((1, 1, 3), np.float32), np.array([[[1, 7, -2]]])
    got = backend().scatter(values, switches, (4,), "sum")
    np.testing.assert_array_equal(got, [[[0, 1, 0, 0]]])


def test_softplus_is_a_line_beyond_its_threshold() -> None:
    x = np.linspace(-3, 9, 25, dtype=np.float32)[None, None]
    options = {"beta": 0.5, "threshold": 2.0}
    got = backend().activation(x, "softplus", **options)
    np.testing.assert_array_equal(got[x > 4], x[x > 4])
    want = REFERENCE.activation(x, "softplus", **options)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_options_that_do_not_exist() -> None:
    with pytest.raises(OptionError, match=r"precision must be one of .*got 'half'"):
        backend(precision="half")
    with pytest.raises(
        OptionError, match="no algorithm 'fft': the table has depthwise"
    ):
        backend(algorithms=("fft",))
