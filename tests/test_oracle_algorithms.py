"""Winograd and Fourier convolutions keep bounds of their own, and no tighter ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import OptionError
from numpy_deconv.oracle import FFT, Numerics, Winograd
from numpy_deconv.oracle.winograd import convolved, magnitude, matrices

f4 = np.float32
Array = np.ndarray[Any, Any]
OPTIONS = {"padding": 1}


def heavy_tailed(rng: np.random.Generator, *shape: int) -> Array:
    sizes = np.exp(2 * rng.normal(size=shape)) * rng.choice([-1, 1], shape)
    return sizes.astype(f4)


def winograd(x: Array, w: Array, m: int) -> Array:
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    return convolved(padded, w, 1, Winograd(m, 3))


def fourier(x: Array, w: Array) -> Array:
    size = tuple(n + 2 for n in x.shape[2:])
    axes = (2, 3)
    signal = np.fft.rfft2(np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)]), axes=axes)
    kernel = np.fft.rfft2(w, s=size, axes=axes).conj()
    assert signal.dtype == np.complex64
    product = np.einsum("nchw,kchw->nkhw", signal, kernel)
    y = np.fft.irfft2(product, s=size, axes=axes)
    return y[..., : x.shape[2], : x.shape[3]].astype(f4)


@pytest.mark.parametrize(("m", "r"), [(2, 3), (4, 3), (6, 3), (2, 5), (3, 2)])
def test_the_matrices_compute_the_convolution(m: int, r: int) -> None:
    At, G, Bt = matrices(Winograd(m, r))
    rng = np.random.default_rng(0)
    d, w = rng.normal(size=m + r - 1), rng.normal(size=r)
    np.testing.assert_allclose(
        At @ ((G @ w) * (Bt @ d)), np.correlate(d, w), atol=1e-11
    )


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("shape", [(9,), (7, 12), (5, 4, 6)])
def test_a_tiled_convolution_is_one(groups: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, *shape))
    w = rng.normal(size=(6, 4 // groups, *(3,) * len(shape)))
    got = convolved(x, w, groups, Winograd(4, 3))
    np.testing.assert_allclose(got, nd.conv(x, w, groups=groups), atol=1e-10)


@pytest.mark.parametrize("m", [2, 4, 6])
def test_winograd_keeps_its_bound_and_not_that_of_a_direct_sum(m: int) -> None:
    beyond = 0.0
    for run in range(5):
        rng = np.random.default_rng(run)
        x, w = heavy_tailed(rng, 1, 3, 26, 26), heavy_tailed(rng, 8, 3, 3, 3)
        got = winograd(x, w, m)
        numerics = Numerics(algo=Winograd(m, 3))
        own = oracle.conform(got, "conv", [x, w], OPTIONS, numerics=numerics)["y"]
        assert own.verdict == "PASS"
        assert own.worst_hard > 0.005
        direct = oracle.conform(got, "conv", [x, w], OPTIONS)["y"]
        beyond = max(beyond, direct.worst_hard)
    assert beyond > 10


def test_winograd_bounds_are_as_large_as_was_published() -> None:
    """The median of W / A: 7, 55 and 220 for F(2, 3), F(4, 3) and F(6, 3)."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 3, 26, 26)), rng.normal(size=(16, 3, 3, 3))
    A = nd.conv(np.abs(x), np.abs(w))
    for m, low, high in [(2, 6, 9), (4, 40, 70), (6, 140, 260)]:
        median = np.median(magnitude(x, w, 1, Winograd(m, 3)) / A)
        assert low < median < high


def test_winograds_bound_by_its_formula() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 5, 8, 8)), rng.normal(size=(2, 5, 3, 3))
    inputs = [x.astype(f4), w.astype(f4), np.array([1e4, 0], f4)]
    W = magnitude(*(a.astype(np.float64) for a in inputs[:2]), 1, Winograd(4, 3))
    bound = oracle.bound("conv", inputs, numerics=Numerics(algo=Winograd(4, 3)))
    roundings = (5 + 2 * (3 + 1 + 2 * 6)) * 2.0**-24
    factor = roundings / (1 - roundings)
    np.testing.assert_allclose(bound.H[:, 0], factor * (W[:, 0] + 1e4), rtol=1e-6)
    np.testing.assert_allclose(bound.H[:, 1], factor * W[:, 1], rtol=1e-6)
    np.testing.assert_array_equal(bound.P, bound.H)


def test_a_fourier_transform_keeps_its_bound() -> None:
    worst = 0.0
    for run in range(5):
        rng = np.random.default_rng(run)
        x, w = heavy_tailed(rng, 1, 3, 26, 26), heavy_tailed(rng, 8, 3, 3, 3)
        got = fourier(x, w)
        numerics = Numerics(algo=FFT())
        own = oracle.conform(got, "conv", [x, w], OPTIONS, numerics=numerics)["y"]
        assert own.verdict == "PASS"
        worst = max(worst, own.worst_hard)
        assert not oracle.conform(got, "conv", [x, w], OPTIONS)["y"].ok
    assert worst > 0.005


@pytest.mark.parametrize("kernel", [winograd, fourier])
def test_any_algorithm_is_the_loosest_of_all(kernel: Any) -> None:
    rng = np.random.default_rng(0)
    x, w = heavy_tailed(rng, 1, 3, 15, 15), heavy_tailed(rng, 4, 3, 3, 3)
    got = fourier(x, w) if kernel is fourier else winograd(x, w, 4)
    numerics = Numerics(algo="any")
    assert oracle.conform(got, "conv", [x, w], OPTIONS, numerics=numerics)["y"].ok


@pytest.mark.parametrize("algo", [Winograd(4, 3), FFT(), "any"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("op", ["conv.backward", "conv_transpose.backward"])
def test_gradients_have_bounds_of_the_algorithm(
    algo: Any, groups: int, op: str
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 7, 9)).astype(f4)
    options = {"padding": ((0, 1), (2, 1)), "groups": groups}
    forward = op.removesuffix(".backward")
    shape = (6, 4 // groups, 3, 3) if forward == "conv" else (4, 6 // groups, 3, 3)
    w = rng.normal(size=shape).astype(f4)
    y, pullback = nd.vjp(getattr(nd, forward), x, w, **options)
    grad = rng.normal(size=y.shape).astype(f4)
    inputs = [grad, x, w]
    numerics = Numerics(algo=algo)
    own = oracle.bounds(op, inputs, options, numerics=numerics)
    direct = oracle.bounds(op, inputs, options)
    got = dict(zip(("x", "weight"), pullback(grad), strict=True))
    for name, bound in own.items():
        assert bound.H.shape == got[name].shape
        assert (np.abs(got[name] - bound.y) <= bound.H).all()
        if algo != FFT():
            assert (bound.H > direct[name].H).all()


def test_elsewhere_a_winograd_kernel_falls_back_to_a_direct_sum() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 2, 9, 9)).astype(f4), rng.normal(size=(3, 2, 3, 3))
    inputs = [x, w.astype(f4)]
    numerics = Numerics(algo=Winograd(4, 3))
    for options in ({"stride": 2}, {"dilation": 2}):
        own = oracle.bound("conv", inputs, options, numerics=numerics)
        direct = oracle.bound("conv", inputs, options)
        np.testing.assert_array_equal(own.H, direct.H)
    wide = oracle.bound("conv", inputs, numerics=Numerics(algo=Winograd(2, 5)))
    np.testing.assert_array_equal(wide.H, oracle.bound("conv", inputs).H)


def test_rounded_factors_matter_more_in_winograd() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 2, 9, 9)), rng.normal(size=(3, 2, 3, 3))
    inputs = [x.astype(f4), w.astype(f4)]
    plain = oracle.bound("conv", inputs, numerics=Numerics(algo=Winograd(4, 3)))
    rounded = oracle.bound(
        "conv", inputs, numerics=Numerics(inp="tf32", algo=Winograd(4, 3))
    )
    assert (rounded.H > 10 * plain.H).all()


def test_wrong_schemes() -> None:
    with pytest.raises(
        OptionError, match=r"Winograd\(0, 3\) needs m and r of at least"
    ):
        Winograd(0, 3)
    with pytest.raises(OptionError, match="needs 4 distinct points"):
        Winograd(2, 3 + 1, (0.0, 1.0, 1.0))
    with pytest.raises(OptionError, match="has no usual points: give them"):
        matrices(Winograd(12, 3))
