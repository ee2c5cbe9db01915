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
