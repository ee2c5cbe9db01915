"""Layers that imported nets are made of: gradients, what they read, windows of them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from numpy_deconv import layers
from numpy_deconv.layers import Layer, arithmetic, reshaping, statistics
from numpy_deconv.layers.einsum import Einsum
from numpy_deconv.layers.extend import Extend
from numpy_deconv.layers.function import CURVES, Function
from numpy_deconv.layers.grid_sample import BORDERS, MODES, GridSample
from numpy_deconv.layers.matmul import MatMul
from numpy_deconv.layers.picking import CumSum, Pick
from numpy_deconv.layers.reduction import KINDS, Reduce
from numpy_deconv.layers.resize import COORDINATES, NEAREST, Resampling, Resize
from numpy_deconv.layers.space_depth import DepthToSpace, SpaceToDepth
from numpy_deconv.net import Graph, Node, project_units

Array = npt.NDArray[Any]
RNG = np.random.default_rng(0)
PLANE = (1, 4, 6, 9)


def drawn(*shape: int) -> Array:
    return RNG.uniform(0.2, 1.5, shape)


def number(value: float) -> Array:
    return np.array(float(value))


WAYS = [
    Resampling(mode, coordinates, nearest, exclude_outside=exclude, antialias=smooth)
    for mode in ("nearest", "linear", "cubic")
    for coordinates in COORDINATES
    for nearest in (NEAREST if mode == "nearest" else NEAREST[:1])
    for exclude, smooth in ((False, False), (mode == "cubic", mode != "nearest"))
]
SHUFFLE = reshaping.Slice((slice(None), slice(1, None), slice(None, None, -2)))

LAYERS: list[Layer] = [
    arithmetic.Offset(drawn(4, 1, 1)),
    arithmetic.Offset(drawn(6, 9)),
    arithmetic.Scale(drawn(4, 1, 1)),
    arithmetic.Scale(number(0.5)),
    arithmetic.Scale(drawn(1, 4, 6, 1)),
    arithmetic.Sub((number(1), None)),
    arithmetic.Sub((None, drawn(4, 1, 1))),
    arithmetic.Div((number(1), None)),
    arithmetic.Div((None, drawn(6, 9))),
    arithmetic.Pow((None, number(3))),
    arithmetic.Pow((drawn(4, 1, 1), None)),
    arithmetic.Maximum((None, drawn(4, 1, 1))),
    arithmetic.Minimum((drawn(4, 1, 1), None)),
    arithmetic.Where((drawn(6, 9) > 0.8, None, number(7))),
    MatMul((None, drawn(4, 9, 2))),
    MatMul((drawn(5, 6), None)),
    MatMul((None, drawn(9))),
    *(Function(name) for name in ("abs", "erf", "exp", "log", "mish", "reciprocal")),
    *(Function(name) for name in ("sin", "cos", "softsign", "sqrt", "floor", "sign")),
    Function("selu", {"alpha": 1.6, "gamma": 1.1}),
    Function("celu", {"alpha": 0.8}),
    Function("line_clipped", {"alpha": 0.6, "beta": 0.2}),
    Function("swish", {"alpha": 1.5}),
    Function("thresholded", {"alpha": 0.7}),
    *(Reduce(kind, axes) for kind in KINDS for axes in ((1,), (2, 3))),
    Reduce("mean", (1,), keepdims=False),
    Reduce("sum", (-1,), keepdims=False),
    Reduce("l2", (2,), keepdims=False),
    reshaping.Reshape((2, 2, 6, 9)),
    reshaping.Reshape((24, 9)),
    reshaping.Reshape((-1,)),
    reshaping.Transpose((0, 1, 3, 2)),
    reshaping.Transpose((0, 3, 1, 2)),
    SHUFFLE,
    reshaping.Slice((slice(None), slice(None), slice(1, -1))),
    reshaping.Gather(np.array([3, 0, 0])),
    reshaping.Gather(np.array([8, -8, 0]), 3),
    reshaping.Gather(np.array([[1, 2], [0, 1]]), 2),
    reshaping.Gather(np.array(2), 2),
    reshaping.Cast(np.float64),
    DepthToSpace(2),
    DepthToSpace(2, by_channel=True),
    SpaceToDepth(3),
    SpaceToDepth(3, by_channel=True),
    statistics.InstanceNorm(drawn(4), drawn(4)),
    statistics.GroupNorm(2, drawn(4), drawn(4)),
    statistics.LayerNorm(drawn(9), drawn(9)),
    statistics.LayerNorm(drawn(6, 9), None, -2),
    Extend(((0, 0), (1, 0), (2, 1), (0, 3)), "reflect"),
    Extend(((0, 0), (1, 0), (2, 1), (0, 3)), "constant", 2.0),
    *(
        Resize((2, 3), (1.7, 0.6), None, way,
               ((0.1, 0.9), (0.2, 1.2)) if way.coordinates.startswith("tf_c") else None)
        for way in WAYS
    ),
    Resize((3,), None, (13,)),
    Einsum((None, drawn(5, 4, 6)), "nchw,kch->nkw"),
    Einsum((drawn(4), None, drawn(9, 2)), "c, ...chw, wv -> ...hv"),
    Einsum((None, drawn(1, 6)), "nchw,ch->nwc"),
    Einsum((None,), "nchw->nw"),
    Pick((None,), np.array([[3, 0], [215, 3]])),
    Pick((drawn(1, 5), None), np.array([[[3], [7]], [[6], [219]]])),
    CumSum(3),
    CumSum(-3, exclusive=True),
    CumSum(2, reverse=True),
    statistics.RMSNorm(drawn(9)),
    statistics.RMSNorm(drawn(6, 9), None, -2),
    *(
        GridSample((None, 1.4 * drawn(1, 5, 3, 2) - 1), mode, border, corners)
        for mode in MODES for border in BORDERS for corners in (False, True)
    ),
]  # fmt: skip

every_layer = pytest.mark.parametrize(
    "layer", LAYERS, ids=[f"{i}-{each.describe()}" for i, each in enumerate(LAYERS)]
)


@every_layer
def test_gradient_is_the_slope(layer: Layer) -> None:
    x = drawn(2, *PLANE[1:])
    y, saved = layer.forward(x)
    signal = RNG.normal(size=y.shape)
    (grad,) = layer.vjp(saved, signal)
    assert grad is not None and grad.shape == x.shape
    step = 1e-6 * RNG.normal(size=x.shape)
    ends = [float((layer.forward(x + s * step)[0] * signal).sum()) for s in (1, -1)]
    slope = float((grad * step).sum())
    assert (
        abs((ends[0] - ends[1]) / 2 - slope) < 1e-6 * np.abs(grad * step).sum() + 1e-14
    )


@every_layer
def test_many_gradients_of_one_sample(layer: Layer) -> None:
    x = drawn(*PLANE)
    y, saved = layer.forward(x)
    signals = RNG.normal(size=(3, *y.shape[1:]))
    for kept in (saved, layer.slim(saved, y)):
        (together,) = layer.vjp(kept, signals)
        assert together is not None
        for row, signal in enumerate(signals):
            (alone,) = layer.vjp(kept, signal[None])
            np.testing.assert_allclose(together[row : row + 1], alone, atol=1e-12)


@every_layer
def test_reads_what_changes_it(layer: Layer) -> None:
    """No position that changes a unit is left out of what it is said to read."""
    x = drawn(*PLANE)
    y, _ = layer.forward(x)
    for place in ((0,) * (y.ndim - 2), tuple(n - 1 for n in y.shape[2:])):
        at = tuple(np.array([p]) for p in place)
        (read,) = layer.reads(at, [x.shape[2:]], y.shape[2:])
        assert all((np.diff(p) > 0).all() for p in read)
        outside = x.copy()
        inside = np.zeros(x.shape[2:], bool)
        inside[np.ix_(*read)] = True
        outside[..., ~inside] += 10
        unit = (0, slice(None), *place)
        again, _ = layer.forward(outside)
        np.testing.assert_allclose(again[unit], y[unit], rtol=1e-12)


@every_layer
def test_windows_are_parts_of_whole_planes(layer: Layer) -> None:
    """In a net, where signals of single units go down through it on windows."""
    conv = layers.Conv(drawn(4, 4, 3, 3), padding=1)
    nodes = {"below": Node(conv), "layer": Node(layer, ("below",))}
    tape = Graph(nodes).run(drawn(2, *PLANE[1:]), keep=("layer",))
    shape = tape["layer"].shape
    units = [(0,) * len(shape), tuple(n - 1 for n in shape)]
    for part in project_units(tape, units, [1.0, -2.0], start="layer"):
        for row, number_ in enumerate(part.units.tolist()):
            signal = np.zeros(shape)
            signal[units[number_]] = (1.0, -2.0)[number_]
            want = tape.project(signal, start="layer")[units[number_][0]]
            np.testing.assert_allclose(part.planes()[row], want, atol=1e-12)


@pytest.mark.parametrize(
    "layer", [each for each in LAYERS if each.params], ids=lambda each: each.describe()
)
def test_parameters_have_their_slopes(layer: Layer) -> None:
    x = drawn(2, *PLANE[1:])
    y, saved = layer.forward(x)
    signal = RNG.normal(size=y.shape)
    grads = layer.param_grads(saved, signal)
    assert grads.keys() == layer.params.keys()
    for name, value in layer.params.items():
        step = 1e-6 * RNG.normal(size=value.shape)
        ends = []
        for sign in (1, -1):
            changed = copy.copy(layer)
            object.__setattr__(changed, name, value + sign * step)
            ends.append(float((changed.forward(x)[0] * signal).sum()))
        slope = float((grads[name] * step).sum())
        assert abs((ends[0] - ends[1]) / 2 - slope) < 1e-6 * np.abs(step).sum()


def test_every_curve_has_a_test() -> None:
    tried = {each.name for each in LAYERS if isinstance(each, Function)}
    steps = {"ceil", "round"}  # as floor
    assert set(CURVES) == tried | steps
