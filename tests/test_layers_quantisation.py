"""Rounding to steps: values, the gradient straight through, windows of planes."""

from __future__ import annotations

import numpy as np
import pytest

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.layers import Conv
from numpy_deconv.layers.comparison import COMPARISONS, Compare
from numpy_deconv.layers.quantisation import Quantize
from numpy_deconv.net import Graph, Node, project_units

EACH = np.array([0.1, 0.2, 0.05, 0.5]).reshape(4, 1, 1)
ONE = Quantize(np.array(0.125), np.array(3.0), 0, 255)
LAYERS = [ONE, Quantize(EACH, EACH * 0, -128, 127)]


def test_halves_go_to_even_and_ends_are_clipped() -> None:
    x = np.array([[-0.5, 0.0625, 0.1875, 0.3125, 40.0]], np.float32)
    step, zero = np.array(0.125, np.float32), np.array(3, np.float32)
    layer = Quantize(step, zero, 0, 255)
    y, saved = layer.forward(x)
    np.testing.assert_array_equal(y, [[0, 3, 5, 5, 255]])
    assert y.dtype == np.float32
    (grad,) = layer.vjp(saved, np.ones_like(y))
    assert grad is not None and grad.dtype == np.float32
    np.testing.assert_allclose(grad, [[0, 8, 8, 8, 0]])
    assert layer.describe() == "Quantize to 0..255"


@pytest.mark.parametrize("layer", LAYERS, ids=["one scale", "per channel"])
def test_windows_are_parts_of_whole_planes(layer: Quantize) -> None:
    rng = np.random.default_rng(0)
    conv = Conv(rng.normal(size=(4, 4, 3, 3)), padding=1)
    nodes = {"below": Node(conv), "layer": Node(layer, ("below",))}
    tape = Graph(nodes).run(rng.normal(size=(2, 4, 6, 9)), keep=("layer",))
    units = [(0, 0, 0, 0), (1, 3, 5, 8), (0, 2, 3, 4)]
    for part in project_units(tape, units, [1.0, -2.0, 1.5], start="layer"):
        for row, number in enumerate(part.units.tolist()):
            signal = np.zeros(tape["layer"].shape)
            signal[units[number]] = (1.0, -2.0, 1.5)[number]
            want = tape.project(signal, start="layer")[units[number][0]]
            np.testing.assert_allclose(part.planes()[row], want, atol=1e-12)


def test_a_scale_for_each_position_needs_whole_planes() -> None:
    layer = Quantize(np.full((6, 9), 0.1), np.array(0.0), 0, 255)
    x = np.random.default_rng(0).normal(size=(1, 2, 6, 9))
    tape = Graph({"layer": Node(layer)}).run(x, keep=("layer",))
    (part,) = project_units(tape, [(0, 1, 2, 3)], [1.0], start="layer")
    want = np.zeros(x.shape)
    want[0, 1, 2, 3] = 10.0 if x[0, 1, 2, 3] > -0.05 else 0.0
    np.testing.assert_allclose(part.planes(), want)


def test_a_scale_that_does_not_fit() -> None:
    with pytest.raises(ShapeError, match="do not fit each other"):
        LAYERS[1].forward(np.ones((1, 3, 2, 2)))


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_comparison_has_no_gradient(name: str) -> None:
    x = np.array([[0.0, 1.0, 2.0]])
    alone = name in ("not", "is_nan")
    layer = Compare((None,) if alone else (None, np.array(1.0)), name)
    y, saved = layer.forward(x)
    assert y.dtype == bool and y.shape == x.shape
    assert layer.vjp(saved, np.ones_like(x)) == (None,)
    assert layer.describe() == f"Compare {name}"


def test_a_comparison_that_there_is_not() -> None:
    with pytest.raises(OptionError, match="no comparison 'about': there are and, eq"):
        Compare((), "about")
