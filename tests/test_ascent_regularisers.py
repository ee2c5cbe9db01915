"""Fines: by autograd, by central differences, and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch_ascent
from central_differences import assert_is_gradient

from numpy_deconv.errors import OptionError
from numpy_deconv.methods.ascent import L1, L2, Power, TotalVariation
from numpy_deconv.methods.ascent.regularisers import Regulariser

OPTIONS: list[tuple[type[Regulariser], dict[str, Any]]] = [
    (L1, {}),
    (L2, {}),
    (Power, {}),
    (Power, {"exponent": 1.5}),
    (TotalVariation, {}),
    (TotalVariation, {"beta": 1.0}),
    (TotalVariation, {"beta": 1.5}),
    (TotalVariation, {"beta": 3.0}),
    (TotalVariation, {"beta": 2.0, "separate": True}),
    (TotalVariation, {"beta": 1.0, "separate": True}),
    (TotalVariation, {"beta": 2.5, "separate": True}),
]


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=shape)


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
@pytest.mark.parametrize("shape", [(1, 3, 6, 7), (2, 1, 5, 1), (1, 2, 1, 4)])
@pytest.mark.parametrize("mean", [False, True])
def test_values_and_gradients_are_torchs(
    kind: type[Regulariser], options: dict[str, Any], shape: tuple[int, ...], mean: bool
) -> None:
    x = picture(*shape)
    value, gradient = kind(0.3, mean=mean, **options).measure(x)
    loss = torch_ascent.REGULARISERS[kind.__name__]
    expected = torch_ascent.gradient_of(lambda at: loss(at, **options), x)
    weight = 0.3 / (x.size if mean else 1)
    np.testing.assert_allclose(value, weight * expected[0], rtol=1e-12)
    np.testing.assert_allclose(gradient, weight * expected[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
@pytest.mark.parametrize("shape", [(1, 3, 6, 7), (2, 2, 9), (1, 2, 3, 4, 5)])
def test_gradients_at_any_rank(
    kind: type[Regulariser], options: dict[str, Any], shape: tuple[int, ...]
) -> None:
    x, fine = picture(*shape), kind(0.7, **options)
    assert_is_gradient(lambda at: fine.measure(at)[0], x, fine.measure(x)[1])


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_a_flat_picture_is_no_trouble(
    kind: type[Regulariser], options: dict[str, Any]
) -> None:
    value, gradient = kind(1.0, **options).measure(np.zeros((1, 3, 4, 5)))
    assert value == 0
    np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_float32_stays_float32(
    kind: type[Regulariser], options: dict[str, Any]
) -> None:
    x = picture(1, 3, 6, 7).astype(np.float32)
    assert kind(0.5, **options).measure(x)[1].dtype == np.float32


def test_total_variation_by_hand() -> None:
    x = np.array([[[[0.0, 3.0], [4.0, 0.0]]]])
    # from the corners: (3, 4), (0, -3) down the right side, (-4, 0) along the bottom
    assert TotalVariation(1.0, beta=1).measure(x)[0] == 5 + 3 + 4
    assert TotalVariation(1.0).measure(x)[0] == 25 + 9 + 16
    assert TotalVariation(2.0, beta=1, separate=True).measure(x)[0] == 2 * 14
    assert TotalVariation(1.0, mean=True).measure(x)[0] == 50 / 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L2(-1.0), "weight of L2 must not be negative, got -1"),
        (lambda: L1(np.inf), "weight of L1 must not be negative"),
        (lambda: Power(1.0, exponent=1), "exponent must be more than 1, got 1"),
        (lambda: TotalVariation(1.0, beta=0.5), "beta must be at least 1, got 0.5"),
    ],
)
def test_wrong_options(make: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
