"""Flags of a Semantics about normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numpy_deconv import oracle
from numpy_deconv.errors import ShapeError
from numpy_deconv.oracle import Semantics

NAN, INF = np.nan, np.inf


def row(*values: float) -> np.ndarray[Any, Any]:
    return np.array([[values]], np.float64)


def reference(op: str, inputs: Any, options: Any, **flags: Any) -> Any:
    return oracle.reference(op, inputs, options, semantics=Semantics(**flags))


def test_response_norm() -> None:
    x = np.array([[[3.0], [4.0], [5.0]]])
    options = {"size": 2, "alpha": 2.0, "beta": 1.0, "k": 0.0}
    before = reference("local_response_norm", [x], options)
    np.testing.assert_allclose(before.ravel(), [3 / 9, 4 / 25, 5 / 41])
    after = reference("local_response_norm", [x], options, lrn_centre="after")
    np.testing.assert_allclose(after.ravel(), [3 / 25, 4 / 41, 5 / 25])
    total = reference("local_response_norm", [x], options, lrn_alpha="sum")
    np.testing.assert_allclose(total.ravel(), [3 / 18, 4 / 50, 5 / 82])


@pytest.mark.parametrize("flags", [{"lrn_centre": "after"}, {"lrn_alpha": "sum"}])
@pytest.mark.parametrize("size", [2, 3])
def test_response_norms_gradient_in_the_same_meaning(flags: Any, size: int) -> None:
    """Against a central difference of the value."""
    rng = np.random.default_rng(0)
    x, grad = rng.normal(size=(1, 5, 2)), rng.normal(size=(1, 5, 2))
    options = {"size": size, "alpha": 0.7}
    found = reference("local_response_norm.backward", [grad, x], options, **flags)
    for at in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[at] = 1e-6
        up = reference("local_response_norm", [x + step], options, **flags)
        down = reference("local_response_norm", [x - step], options, **flags)
        slope = ((up - down) * grad).sum() / 2e-6
        np.testing.assert_allclose(found[at], slope, atol=1e-8)
    bound = oracle.bound(
        "local_response_norm.backward",
        [grad, x],
        options,
        semantics=Semantics(**flags),
    )
    assert (np.abs(found) <= bound.A * (1 + 1e-12)).all()


def test_batch_norms_default_eps() -> None:
    inputs = [row(1, 2), np.zeros(1), np.zeros(1)]
    torch_like = oracle.reference("batch_norm", inputs)
    np.testing.assert_allclose(torch_like, row(1, 2) / 1e-5**0.5)
    tf = oracle.reference("batch_norm", inputs, semantics="tf")
    np.testing.assert_allclose(tf, row(1, 2) / 1e-3**0.5)


@pytest.mark.parametrize(
    ("flags", "mean", "var"),
    [
        ({}, 0.75 * 8 + 0.25 * 2, 0.75 * 4 + 0.25 * 2),
        ({"momentum": "old"}, 0.25 * 8 + 0.75 * 2, 0.25 * 4 + 0.75 * 2),
        ({"running_var": "population"}, 6.5, 0.75 * 4 + 0.25 * 1),
    ],
)
def test_running_statistics_of_training(flags: Any, mean: float, var: float) -> None:
    inputs = [row(1, 3), np.array([8.0]), np.array([4.0])]
    options = {"eps": 0.0, "momentum": 0.25}
    found = reference("batch_norm_training", inputs, options, **flags)
    np.testing.assert_array_equal(found[0], row(-1, 1))
    np.testing.assert_allclose(found[1:], [[mean], [var]])


def test_one_value_has_no_sample_variance() -> None:
    inputs = [row(3), np.zeros(1), np.ones(1)]
    with pytest.raises(ShapeError, match="too few values for a variance"):
        reference("batch_norm_training", inputs, {})
    found = reference("batch_norm_training", inputs, {}, running_var="population")
    np.testing.assert_array_equal(found[0], row(0))


def test_training_refuses_other_shapes() -> None:
    x, one = np.ones((2, 3, 4)), np.ones(3)
    with pytest.raises(ShapeError, match=r"mean has shape \(2,\), expected \(3,\)"):
        reference("batch_norm_training", [x, np.ones(2), one], {})
    with pytest.raises(ShapeError, match=r"x has shape \(3,\): expected \(N, C, ...\)"):
        reference("batch_norm_training", [one, one, one], {})
