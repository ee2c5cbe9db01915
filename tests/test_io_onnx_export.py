"""What is written as ONNX: ONNX Runtime computes the same, and it comes back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx_nets import many_layers

from numpy_deconv import layers
from numpy_deconv.errors import OptionError, OutputError
from numpy_deconv.io.onnx import export_onnx, import_onnx, parse_onnx, write_onnx
from numpy_deconv.io.onnx.writing import WRITERS
from numpy_deconv.layers import Layer, arithmetic, recurrent, reshaping, statistics
from numpy_deconv.layers.comparison import Compare
from numpy_deconv.layers.einsum import Einsum
from numpy_deconv.layers.extend import Extend
from numpy_deconv.layers.folding import Col2Im
from numpy_deconv.layers.function import CURVES, Function
from numpy_deconv.layers.grid_sample import GridSample
from numpy_deconv.layers.matmul import MatMul
from numpy_deconv.layers.picking import CumSum, Pick
from numpy_deconv.layers.quantisation import ByteRange, Quantize, QuantizeBy
from numpy_deconv.layers.reduction import KINDS, Reduce
from numpy_deconv.layers.resize import Resampling, Resize
from numpy_deconv.layers.space_depth import DepthToSpace, SpaceToDepth
from numpy_deconv.net import Graph, Node, Sequential

Array = npt.NDArray[Any]
RNG = np.random.default_rng(0)


def drawn(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def positive(*shape: int) -> Array:
    return RNG.uniform(0.5, 2, shape).astype(np.float32)


def number(value: float) -> Array:
    return np.array(value, np.float32)


PLANE = (2, 4, 6, 9)
HALVES = Resampling("linear", "half_pixel")
CUBIC = Resampling("cubic", "align_corners", exclude_outside=True)
SMALLER = Resampling("linear", "half_pixel", antialias=True)

CASES: list[tuple[Layer, tuple[int, ...]]] = [
    (layers.Conv(drawn(6, 2, 3, 2), drawn(6), (2, 1), "same", groups=2), PLANE),
    (layers.Conv(drawn(6, 4, 3), None, 1, ((2, 1),), 2), (2, 4, 9)),
    (layers.Conv(drawn(3, 4, 2, 2, 2), drawn(3)), (2, 4, 3, 4, 5)),
    (layers.ConvTranspose(drawn(4, 3, 3, 2), drawn(6), (2, 3), 1, (1, 2), 1, 2), PLANE),
    (layers.Linear(drawn(5, 9), drawn(5)), (2, 9)),
    (layers.Linear(drawn(5, 9), drawn(5)), PLANE),
    (layers.Linear(drawn(5, 9)), PLANE),
    (layers.MaxPool((3, 2), (2, 3), (1, 0), ceil_mode=True), PLANE),
    (layers.AvgPool((3, 2), (2, 3), (1, 0)), PLANE),
    (layers.AvgPool(2, count_include_pad=False, padding=1), PLANE),
    (layers.LpPool(2, (2, 3)), PLANE),
    (layers.GlobalAvgPool(), PLANE),
    (layers.GlobalMaxPool(), PLANE),
    (layers.AdaptiveAvgPool((3, 3)), PLANE),
    (layers.AdaptiveAvgPool((4, 2)), PLANE),
    (layers.AdaptiveAvgPool(4), (2, 3, 7)),
    (layers.AdaptiveAvgPool(1), PLANE),
    (layers.AdaptiveMaxPool((3, 3)), PLANE),
    (layers.AdaptiveMaxPool(1), PLANE),
    *((kind(), PLANE) for kind in (layers.ReLU, layers.Sigmoid, layers.Tanh)),
    *((kind(), PLANE) for kind in (layers.SiLU, layers.HardSigmoid, layers.HardSwish)),
    (layers.GELU(), PLANE),
    (layers.GELU("tanh"), PLANE),
    (layers.LeakyReLU(0.2), PLANE),
    (layers.ELU(0.7), PLANE),
    (layers.Clip(-0.5, 0.5), PLANE),
    (layers.Clip(None, 0.5), PLANE),
    (layers.Clip(-0.5), PLANE),
    (layers.Softplus(), PLANE),
    (layers.Softplus(2.0), PLANE),
    (layers.PReLU(drawn(4)), PLANE),
    (layers.PReLU(drawn(1)), PLANE),
    (layers.Softmax(), PLANE),
    (layers.LogSoftmax(-1), PLANE),
    (layers.Identity(), PLANE),
    (layers.Dropout(), PLANE),
    (layers.BatchNorm(drawn(4), positive(4), drawn(4), drawn(4), 1e-3), PLANE),
    (layers.BatchNorm(drawn(4), positive(4)), PLANE),
    (layers.LocalResponseNorm(3, 0.1, 0.6, 2.0), PLANE),
    (statistics.InstanceNorm(drawn(4), drawn(4)), PLANE),
    (statistics.InstanceNorm(), PLANE),
    (statistics.GroupNorm(2, drawn(4), drawn(4), 1e-3), PLANE),
    (statistics.LayerNorm(drawn(6, 9), drawn(6, 9), -2), PLANE),
    (statistics.LayerNorm(), PLANE),
    (layers.Flatten(), PLANE),
    (layers.Flatten(2), PLANE),
    (layers.Pad(((1, 2), (0, 3)), "replicate"), PLANE),
    (layers.Pad(1, "constant", 0.5), PLANE),
    (layers.Upsample(2), PLANE),
    (layers.Upsample((1.5, 2), "bilinear"), PLANE),
    (layers.Upsample((0.7, 1.7)), PLANE),
    (Extend(((0, 0), (1, 2), (0, 0), (3, 0)), "reflect"), PLANE),
    (Extend(((0, 0), (1, 2), (0, 0), (3, 0)), "constant", -1.0), PLANE),
    (Resize((2, 3), (1.7, 0.6), None, HALVES), PLANE),
    (Resize((2, 3), None, (4, 13), CUBIC), PLANE),
    (Resize((2, 3), (0.5, 0.5), None, SMALLER), PLANE),
    (arithmetic.Offset(drawn(4, 1, 1)), PLANE),
    (arithmetic.Scale(drawn(9)), PLANE),
    (arithmetic.Sub((number(1), None)), PLANE),
    (arithmetic.Div((number(1), None)), PLANE),
    (arithmetic.Pow((None, number(3))), PLANE),
    (arithmetic.Maximum((None, drawn(4, 1, 1))), PLANE),
    (arithmetic.Minimum((None, drawn(4, 1, 1))), PLANE),
    (arithmetic.Where((drawn(6, 9) > 0, None, number(7))), PLANE),
    (MatMul((None, drawn(4, 9, 2))), PLANE),
    (MatMul((drawn(5, 6), None)), PLANE),
    *((Reduce(kind, (1, -1)), PLANE) for kind in KINDS if "log" not in kind),
    (Reduce("log_sum_exp", (2,), keepdims=False), PLANE),
    (Reduce("log_sum", (-1,)), PLANE),
    (reshaping.Reshape((2, -1, 9)), PLANE),
    (reshaping.Reshape((2, 2, 54), batch=False), (1, 4, 6, 9)),
    (reshaping.Transpose((0, 3, 1, 2)), PLANE),
    (reshaping.Slice((slice(None), slice(1, -1), slice(None, None, -2))), PLANE),
    (reshaping.Gather(np.array([[2, 0], [0, -1]]), 2), PLANE),
    (reshaping.Expand((5, 1, 6, 9)), (2, 1, 4, 6, 9)),
    (reshaping.Cast(np.float64), PLANE),
    (DepthToSpace(2), PLANE),
    (DepthToSpace(2, by_channel=True), PLANE),
    (SpaceToDepth(3), PLANE),
    (Einsum((None, drawn(5, 9)), "nchw,kw->nkch"), PLANE),
    (Einsum((drawn(4, 6), None), "ch,nchw"), PLANE),
    (Pick((None,), np.array([[3, 0], [215, 3]])), PLANE),
    (Pick((None,), np.array([[3, 0], [215, 3]]), False), PLANE),
    (CumSum(2), PLANE),
    (CumSum(-1, exclusive=True, reverse=True), PLANE),
    (statistics.RMSNorm(drawn(6, 9), None, -2), PLANE),
    (statistics.RMSNorm(), PLANE),
    (recurrent.RNN(drawn(5, 9), drawn(5, 5), drawn(5), drawn(5)), (4, 2, 9)),
    (
        recurrent.GRU(drawn(9, 9), drawn(9, 3), drawn(9), drawn(9), reverse=True),
        (4, 2, 9),
    ),
    (
        recurrent.GRU(drawn(9, 9), drawn(9, 3), drawn(9), drawn(9), reset_after=False),
        (4, 2, 9),
    ),
    (
        recurrent.LSTM(
            drawn(12, 9), drawn(12, 3), drawn(12), drawn(12), (drawn(1, 3), drawn(1, 3))
        ),
        (4, 2, 9),
    ),
    (GridSample((None, drawn(2, 3, 5, 2) / 2)), PLANE),
    (GridSample((None, drawn(2, 3, 5, 2) / 2), "linear", "border", True), PLANE),
    (Quantize(number(0.1), number(3), 0, 255), PLANE),
    (Compare((None, number(0.3)), "greater"), PLANE),
    (Col2Im((5, 4), (2, 3), (1, 2), ((0, 1), (1, 1)), (2, 1)), (2, 12, 8)),
]
OPTIONS = {
    "selu": {"alpha": 1.6, "gamma": 1.1},
    "celu": {"alpha": 0.8},
    "line_clipped": {"alpha": 0.3, "beta": 0.4},
    "swish": {"alpha": 1.5},
    "thresholded": {"alpha": 0.3},
}
CASES += [(Function(name, OPTIONS.get(name, {})), PLANE) for name in CURVES]
OF_TWO = (layers.Add, layers.Mul, arithmetic.Sub, arithmetic.Maximum)


def by_runtime(model: onnx.ModelProto, x: Array) -> Array:
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    raw = model.SerializeToString()
    session = runtime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"input": x})
    return np.asarray(y)


def checked(net: Graph, x: Array) -> None:
    """Three ways to one answer: ours, ONNX Runtime's, and ours of what was written."""
    y = net(x)
    model = export_onnx(net, x.shape)
    onnx.checker.check_model(model)
    theirs = by_runtime(model, x)
    assert theirs.shape == y.shape and theirs.dtype == y.dtype
    np.testing.assert_allclose(theirs, y, rtol=1e-5, atol=1e-5)
    content = parse_onnx(model.SerializeToString())
    again = import_onnx(content, shape=x.shape, floats=None)
    assert again.output_shape == y.shape
    np.testing.assert_allclose(again.net(x), y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "shape"), CASES, ids=[each.describe() for each, _ in CASES]
)
def test_a_layer(layer: Layer, shape: tuple[int, ...]) -> None:
    rooted = isinstance(layer, Function) and layer.name in ("log", "sqrt", "reciprocal")
    x = drawn(*shape)
    if rooted or isinstance(layer, Reduce | arithmetic.Pow):
        x = np.abs(x) + np.float32(0.1)
    checked(Sequential({"layer": layer}), x)


def test_every_layer_that_is_written_has_a_case() -> None:
    tried = {type(layer) for layer, _ in CASES}
    several = {*OF_TWO, layers.Concat, layers.MaxUnpool, reshaping.Constant}
    several |= {ByteRange, QuantizeBy}  # refused
    assert set(WRITERS) == tried | several


@pytest.mark.parametrize("kind", OF_TWO)
def test_a_layer_of_two_inputs(kind: Any) -> None:
    pool = layers.GlobalAvgPool()
    nodes = {"pool": Node(pool), "both": Node(kind(), ("input", "pool"))}
    checked(Graph(nodes), drawn(*PLANE))


def test_a_constant_beside_activations() -> None:
    nodes = {
        "token": Node(reshaping.Constant(drawn(1, 2, 6, 9))),
        "both": Node(layers.Concat(), ("token", "input")),
    }
    checked(Graph(nodes), drawn(*PLANE))


def test_a_net_with_switches_and_branches() -> None:
    net = many_layers()
    x = drawn(3, 3, 8, 8)
    checked(net, x)
    model = export_onnx(net, x.shape)
    back = import_onnx(parse_onnx(model.SerializeToString())).net
    assert list(back) == list(net)
    assert [type(back[name]) for name in back] == [type(net[name]) for name in net]
    np.testing.assert_array_equal(back(x), net(x))


def test_one_array_is_written_once() -> None:
    conv = layers.Conv(drawn(3, 3, 1, 1))
    net = Sequential({"one": conv, "two": layers.ReLU(), "three": conv})
    model = export_onnx(net, (1, 3, 4, 4))
    assert [each.name for each in model.graph.initializer] == ["one.weight"]


def test_metadata_and_names() -> None:
    net = Sequential({"conv": layers.Conv(drawn(2, 3, 1, 1), drawn(2))})
    model = export_onnx(net, (4, 3, 5, 6), metadata={"a": "b"})
    assert {each.name for each in model.graph.initializer} == {
        "conv.weight",
        "conv.bias",
    }
    assert model.producer_name == "numpy-deconv"
    content = parse_onnx(model.SerializeToString())
    assert content.inputs["input"].shape == ("N", 3, 5, 6)
    assert content.metadata == {"a": "b"} and content.producer == "numpy-deconv"


class Odd(layers.Identity):
    """A layer that ONNX knows nothing of."""


def test_layers_that_cannot_be_written() -> None:
    net = Sequential({"odd": Odd(), "relu": layers.ReLU(), "odder": Odd()})
    with pytest.raises(OptionError, match=re.escape("'odd' (Odd), 'odder' (Odd)")):
        export_onnx(net, (1, 3, 4, 4))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (layers.LocalResponseNorm(4), "counts another channel"),
        (layers.LpPool(1.5, 2), "whole powers only"),
        (layers.AdaptiveMaxPool(4), "does not share out evenly"),
        (layers.ConvTranspose(drawn(4, 1, 2, 2), None, 1, 0, 1, 2), "reaches its stri"),
        (SpaceToDepth(3, by_channel=True), "before the channels only"),
        (ByteRange(), "what is quantised as the net runs"),
        (Pick((None, drawn(1, 3)), np.array([0, 1])), "constants beside samples"),
        (reshaping.Reshape((0, 4)), "an axis of 0 would mean"),
        (
            Resize((2,), None, (4,), Resampling(coordinates="tf_crop_and_resize"),
                   ((0.0, 0.5),)),
            "regions are not written",
        ),
        (Resize((2,), (2.0,), (12,)), "scales and sizes together"),
        (Resize((2,), (0.5,), None, Resampling(nearest="simple")), "as the first one"),
    ],
)  # fmt: skip
def test_options_that_onnx_does_not_have(layer: Layer, words: str) -> None:
    net = Sequential({"layer": layer})
    shape = (0, *PLANE[1:]) if isinstance(layer, reshaping.Reshape) else PLANE
    if isinstance(layer, reshaping.Reshape):
        net = Sequential({"none": reshaping.Slice((slice(None), slice(0, 0))),
                          "layer": layer})  # fmt: skip
    with pytest.raises(OptionError, match=words):
        export_onnx(net, shape)


def test_unpooling_that_onnx_does_not_have() -> None:
    nodes = {
        "pool": Node(layers.MaxPool(2)),
        "up": Node(layers.MaxUnpool(2, overlap="sum"), ("pool", "pool:switches")),
    }
    with pytest.raises(OptionError, match='overlap="assign" by the switches'):
        export_onnx(Graph(nodes), (1, 2, 4, 4))


def test_cells_that_onnx_does_not_put_out() -> None:
    weights = drawn(12, 9), drawn(12, 3), drawn(12), drawn(12)
    net = Sequential({"lstm": recurrent.LSTM(*weights, shown=1)})
    with pytest.raises(OptionError, match="every cell in time is no output"):
        export_onnx(net, (4, 1, 9))


def test_a_file_too_large_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numpy_deconv.io.onnx.exporter.MOST_BYTES", 1000)
    path = tmp_path / "net.onnx"
    with pytest.raises(OutputError, match="an ONNX file at most 2 GiB"):
        write_onnx(path, many_layers(), (1, 3, 8, 8))
    assert not list(tmp_path.iterdir())
