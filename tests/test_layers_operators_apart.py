"""Layers that imported nets are made of: what is special of one, and refusals."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.layers import Layer, arithmetic, reshaping, statistics
from numpy_deconv.layers.extend import Extend
from numpy_deconv.layers.folding import Col2Im
from numpy_deconv.layers.function import Function
from numpy_deconv.layers.indices import PlaneIndices, WholeIndices
from numpy_deconv.layers.matmul import MatMul
from numpy_deconv.layers.reduction import Reduce
from numpy_deconv.layers.resize import Resampling, Resize
from numpy_deconv.layers.space_depth import DepthToSpace, SpaceToDepth
from numpy_deconv.net import Sequential

RNG = np.random.default_rng(0)


def drawn(*shape: int) -> npt.NDArray[Any]:
    return RNG.uniform(0.2, 1.5, shape)


def test_an_expanded_axis_adds_up() -> None:
    layer = reshaping.Expand((1, 4, 3, 1))
    x = drawn(2, 4, 1, 5)
    y, saved = layer.forward(x)
    assert y.shape == (2, 4, 3, 5)
    (grad,) = layer.vjp(saved, np.ones(y.shape))
    np.testing.assert_array_equal(grad, np.full(x.shape, 3.0))
    ranked = reshaping.Expand((2, 3, 4))
    y, saved = ranked.forward(drawn(3, 1))
    (grad,) = ranked.vjp(saved, np.ones((2, 3, 4)))
    np.testing.assert_array_equal(grad, np.full((3, 1), 8.0))


def test_a_constant_has_no_gradient() -> None:
    layer = reshaping.Constant(drawn(1, 2))
    y, saved = layer.forward(drawn(3, 4, 5))
    assert y.shape == (3, 2)
    (grad,) = layer.vjp(saved, np.ones((3, 2)))
    np.testing.assert_array_equal(grad, np.zeros((3, 4, 5)))


def test_columns_come_together() -> None:
    layer = Col2Im((5, 4), (2, 3), (1, 2), ((0, 1), (1, 1)), (2, 1))
    x = drawn(2, 12, 8)
    y, saved = layer.forward(x)
    signal = RNG.normal(size=y.shape)
    (grad,) = layer.vjp(saved, signal)
    assert grad is not None
    np.testing.assert_allclose((grad * x).sum(), (signal * y).sum())


def test_indices_are_counted_as_onnx_does() -> None:
    switches = np.array([[[[3]], [[5]]], [[[0]], [[1]]]])  # in planes of 2 x 3
    whole = WholeIndices((2, 3)).forward(switches)[0]
    np.testing.assert_array_equal(whole.ravel(), [3, 11, 12, 19])
    columns = WholeIndices((2, 3), by_column=True).forward(switches)[0]
    np.testing.assert_array_equal(columns.ravel(), [1, 11, 12, 20])
    np.testing.assert_array_equal(PlaneIndices((2, 3)).forward(whole)[0], switches)
    assert WholeIndices((2, 3)).vjp(None, whole) == (None,)
    assert PlaneIndices((2, 3)).vjp(None, whole) == (None,)


def test_lengths_are_counted_in_the_precision_of_the_scales() -> None:
    """17/18 in single precision is less, and 18 times it would be cut to 16."""
    scale = float(np.float32(17 / 18))
    assert Resize((2,), (scale,)).resized((1, 1, 18)) == (1, 1, 17)


def test_through_integers_there_is_no_gradient() -> None:
    layer = reshaping.Cast(np.int64)
    y, saved = layer.forward(drawn(2, 3))
    assert y.dtype == np.int64
    np.testing.assert_array_equal(
        layer.vjp(saved, np.ones((2, 3)))[0], np.zeros((2, 3))
    )
    back = reshaping.Cast(np.float64)
    assert back.vjp(back.forward(y)[1], np.ones((2, 3))) == (None,)


def test_integers_are_divided_towards_zero() -> None:
    a, b = np.array([7, -7, 7, -7, 6]), np.array([2, 2, -2, -2, 3])
    quotient, _ = arithmetic.Div().forward(a, b)
    np.testing.assert_array_equal(quotient, [3, -3, -3, 3, 2])


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (arithmetic.Offset(np.ones(5)), (1, 4), "operands have shapes (1, 4), (5,)"),
        (MatMul((None, np.ones((3, 2)))), (1, 4), "have no product"),
        (reshaping.Reshape((3,)), (1, 4), "cannot become (1, 3)"),
        (reshaping.Transpose((0, 2, 1)), (1, 4), "has no axes in the order"),
        (reshaping.Slice((slice(None),) * 3), (1, 4), "3 slices are too many"),
        (reshaping.Gather(np.array([4])), (1, 4), "but axis 1 has 4 entries"),
        (reshaping.Gather(np.array([0]), 2), (1, 4), "has no axis 2"),
        (Reduce("sum", (2,)), (1, 4), "axes (2,) do not all exist"),
        (DepthToSpace(2), (1, 3, 4, 4), "has no blocks of 2 x 2 channels"),
        (SpaceToDepth(3), (1, 1, 4, 4), "is not made of blocks of 3 x 3"),
        (statistics.GroupNorm(3), (1, 4, 2), "has no 3 equal groups"),
        (statistics.LayerNorm(None, None, -2), (1, 4), "would mix the samples"),
        (Extend(((0, 0),)), (1, 4), "1 pairs of padding"),
        (Extend(((0, 0), (1, 1)), "reflect"), (1, 0), "has nothing to repeat"),
        (Resize((2,), (2.0,)), (1, 4), "has no axis 2"),
        (Resize((1,), (0.1,)), (1, 4), "cannot become 0 long"),
    ],
)
def test_inputs_that_do_not_fit(
    layer: Layer, shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ShapeError, match=re.escape(words)):
        Sequential({"layer": layer}).run(np.ones(shape))


def test_options_that_there_are_not() -> None:
    with pytest.raises(OptionError, match=r"no function 'sine': there are abs, "):
        Function("sine")
    with pytest.raises(OptionError, match=r"no reduction 'median': there are sum, "):
        Reduce("median")
    with pytest.raises(OptionError, match="'lanczos' is no way to resample"):
        Resampling("lanczos")
    with pytest.raises(ShapeError, match="Sub reads 1 inputs, got 2"):
        arithmetic.Sub((None, np.array(1.0))).forward(np.ones(2), np.ones(2))


def test_options_of_a_function_travel() -> None:
    layer = Function("celu", {"alpha": 0.8})
    copied = pickle.loads(pickle.dumps(layer))
    x = RNG.normal(size=(2, 3))
    np.testing.assert_array_equal(copied.forward(x)[0], layer.forward(x)[0])
    assert copied.describe() == layer.describe() == "Function celu (alpha 0.8)"
