"""Small nets, and the ONNX models that they or single operators make."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from numpy_deconv import layers
from numpy_deconv.layers.arithmetic import Scale
from numpy_deconv.layers.reduction import Reduce
from numpy_deconv.layers.reshaping import Gather, Reshape, Slice, Transpose
from numpy_deconv.layers.resize import Resize
from numpy_deconv.net import Graph, Node

Array = npt.NDArray[Any]


def one_operator(
    kind: str,
    shape: tuple[Any, ...],
    constants: dict[str, Any] | None = None,
    *,
    opset: int = 21,
    outputs: tuple[str, ...] = ("y",),
    inputs: tuple[str, ...] | None = None,
    domain: str = "",
    **attributes: Any,
) -> onnx.ModelProto:
    """A model of one operator that reads the input ``x`` and these constants."""
    given = {name: np.asarray(value) for name, value in (constants or {}).items()}
    names = ["x", *given] if inputs is None else list(inputs)
    node = helper.make_node(
        kind, names, list(outputs), name="node", domain=domain, **attributes
    )
    return model_of([node], shape, given, outputs[:1], opset)


def model_of(
    nodes: list[onnx.NodeProto],
    shape: tuple[Any, ...],
    constants: dict[str, Array] | None = None,
    outputs: tuple[str, ...] = ("y",),
    opset: int = 21,
) -> onnx.ModelProto:
    """A model of these nodes with the one float32 input ``x``."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    ends = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
    arrays = [numpy_helper.from_array(a, n) for n, a in (constants or {}).items()]
    graph = helper.make_graph(nodes, "test", [x], ends, arrays)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10
    )


def many_layers() -> Graph:
    """A net of many kinds of layers, on ``(N, 3, 8, 8)``."""
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> Array:
        return rng.normal(size=shape).astype(np.float32)

    bn = layers.BatchNorm(drawn(4), np.abs(drawn(4)), drawn(4), drawn(4))
    last_columns = Slice((slice(None), slice(None), slice(1, None, 2)))
    return Graph(
        {
            "conv": Node(layers.Conv(drawn(4, 3, 3, 3), drawn(4), padding=1)),
            "bn": Node(bn, ("conv",)),
            "relu": Node(layers.ReLU(), ("bn",)),
            "pool": Node(layers.MaxPool(2), ("relu",)),
            "unpool": Node(layers.MaxUnpool(2), ("pool", "pool:switches")),
            "sum": Node(layers.Add(), ("unpool", "relu")),
            "scaled": Node(Scale(drawn(4, 1, 1)), ("sum",)),
            "larger": Node(Resize((2, 3), scales=(1.5, 1.5)), ("scaled",)),
            "some": Node(Gather(np.array([0, 2, 2])), ("larger",)),
            "pad": Node(layers.Pad(((1, 2), (0, 1)), "reflect"), ("some",)),
            "rows": Node(last_columns, ("pad",)),
            "joined": Node(layers.Concat(), ("rows", "rows")),
            "turned": Node(Transpose((0, 1, 3, 2)), ("joined",)),
            "flat": Node(Reshape((6, -1)), ("turned",)),
            "mean": Node(Reduce("mean", (1,), keepdims=False), ("flat",)),
            "fc": Node(layers.Linear(drawn(5, 91), drawn(5)), ("mean",)),
            "softmax": Node(layers.Softmax(), ("fc",)),
        }
    )


def many_operators() -> onnx.ModelProto:
    """A recogniser of text as others export it, on ``(1, 3, 8, 8)``: attention, states
    carried along, entries picked and placed, a loop, quantised as it runs."""
    rng = np.random.default_rng(1)
    node = helper.make_node

    def drawn(*shape: int) -> Array:
        return rng.normal(size=shape).astype(np.float32)

    turn = helper.make_graph(
        [
            node("Add", ["held", "held"], ["twice"]),
            node("Identity", ["going"], ["more"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("held", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("more", TensorProto.BOOL, []),
            helper.make_tensor_value_info("twice", TensorProto.FLOAT, None),
        ],
    )
    grid = rng.uniform(-1, 1, (1, 4, 5, 2)).astype(np.float32)
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "step", "zero"]),
        node("ConvInteger", ["q", "w8", "zero"], ["sums"], pads=[1, 1, 1, 1]),
        node("Cast", ["sums"], ["floats"], to=1),
        node("Mul", ["floats", "step"], ["maps"]),
        node("GridSample", ["maps", "grid"], ["read"], padding_mode="border"),
        node("Einsum", ["read", "mixing"], ["mixed"], equation="nchw,cd->nhwd"),
        node("GatherND", ["mixed", "rows"], ["row"], batch_dims=1),
        node("ScatterND", ["row", "where", "news"], ["placed"]),
        node("CumSum", ["placed", "axis"], ["summed"], reverse=1),
        node("RMSNormalization", ["summed", "scale"], ["normal"]),
        node("Attention", ["normal", "normal", "normal"], ["seen"], is_causal=1,
             q_num_heads=2, kv_num_heads=2),
        node("Trilu", ["seen", "diagonal"], ["lower"], upper=0),
        node("Transpose", ["lower"], ["time"], perm=[1, 0, 2]),
        node("LSTM", ["time", "lw", "lr"], ["states"], hidden_size=3,
             direction="bidirectional"),
        node("Transpose", ["states"], ["turned"], perm=[0, 2, 1, 3]),
        node("Reshape", ["turned", "shape"], ["flat"]),
        node("GRU", ["flat", "gw", "gr"], ["", "last"], hidden_size=2),
        node("Loop", ["count", "", "last"], ["grown"], body=turn),
        node("GatherElements", ["grown", "elements"], ["some"], axis=2),
        node("Squeeze", ["some", "first"], ["y"]),
    ]  # fmt: skip
    constants = {
        "w8": rng.integers(-9, 9, (6, 3, 3, 3)).astype(np.int8),
        "grid": grid,
        "mixing": drawn(6, 4),
        "rows": np.array([[[0, 1], [3, 2], [1, 4]]]),
        "where": np.array([[0, 0], [0, 2]]),
        "news": drawn(2, 4),
        "axis": np.array(1),
        "scale": drawn(4),
        "diagonal": np.array(1),
        "lw": drawn(2, 12, 4),
        "lr": drawn(2, 12, 3),
        "shape": np.array([0, 0, -1]),
        "gw": drawn(1, 6, 6),
        "gr": drawn(1, 6, 2),
        "count": np.array(3),
        "elements": np.array([[[1, 0, 1]]]),
        "first": np.array([0]),
    }
    return model_of(nodes, (1, 3, 8, 8), constants, opset=23)
