"""A ``Graph`` as an ONNX model, by the operators' own definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from numpy_deconv import layers
from numpy_deconv.errors import NetError
from numpy_deconv.layers import Conv, Layer
from numpy_deconv.net import Graph

from ..case import Array

OPSET = 17


def model_of(net: Graph, shape: Sequence[int], *, switches: bool) -> bytes:
    """The net on ``x`` of this shape; with ``switches`` the last pool's are put out."""
    nodes, arrays = [], {}
    outputs = [net.output]
    for name, node in net.nodes.items():
        inputs = [_name(source) for source in node.inputs]
        operator, own, options = _operator(node.layer)
        for key, value in own.items():
            arrays[f"{name}.{key}"] = value
            inputs.append(f"{name}.{key}")
        puts_out = [name]
        if switches and name == net.output:
            puts_out.append(f"{name}:switches")
            outputs = puts_out
        nodes.append(helper.make_node(operator, inputs, puts_out, **options))
    return _serialized(nodes, arrays, shape, outputs)


def transposed(conv: Conv, shape: Sequence[int], size: Sequence[int]) -> bytes:
    """The adjoint of a convolution, from gradients of this shape to planes of a size.

    Padding and output padding follow from the sizes: ``output_shape`` with "same"
    padding at the end, else explicit ``pads``.
    """
    options: dict[str, Any] = {
        "strides": [conv.stride] * 2,
        "group": conv.groups,
        "kernel_shape": list(conv.weight.shape[2:]),
    }
    if conv.padding == "same":
        options |= {"auto_pad": "SAME_UPPER", "output_shape": list(size)}
    else:
        extra = [
            n + 2 * conv.padding - (m - 1) * conv.stride - k
            for n, m, k in zip(size, shape[2:], conv.weight.shape[2:], strict=True)
        ]
        options |= {"pads": [conv.padding] * 4, "output_padding": extra}
    node = helper.make_node("ConvTranspose", ["x", "weight"], ["y"], **options)
    return _serialized([node], {"weight": conv.weight}, shape, ["y"])


def _name(source: str) -> str:
    return "x" if source == "input" else source


def _serialized(
    nodes: list[Any], arrays: dict[str, Array], shape: Sequence[int], outputs: list[str]
) -> bytes:
    kinds = [
        TensorProto.INT64 if name.endswith(":switches") else TensorProto.FLOAT
        for name in outputs
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [
            helper.make_tensor_value_info(name, kind, None)
            for name, kind in zip(outputs, kinds, strict=True)
        ],
        [
            numpy_helper.from_array(np.ascontiguousarray(each), name)
            for name, each in arrays.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 9  # what runtimes of the last years read
    return bytes(model.SerializeToString())


def _operator(layer: Layer) -> tuple[str, dict[str, Array], dict[str, Any]]:
    """Operator, initializers in the order of its inputs, attributes."""
    match layer:
        case layers.Conv():
            options: dict[str, Any] = {
                "strides": [layer.stride] * 2,
                "group": layer.groups,
            }
            if layer.padding == "same":
                options["auto_pad"] = "SAME_UPPER"
            else:
                options["pads"] = [layer.padding] * 4
            return "Conv", layer.params, options
        case layers.Linear():
            return "Gemm", layer.params, {"transB": 1}
        case layers.ReLU():
            return "Relu", {}, {}
        case layers.Clip():
            low, high = np.float32(layer.low), np.float32(layer.high)
            return "Clip", {"low": np.array(low), "high": np.array(high)}, {}
        case layers.MaxPool():
            options = {
                "kernel_shape": [layer.kernel_size] * 2,
                "strides": [layer.stride] * 2,
                "ceil_mode": int(layer.ceil_mode),
            }
            return "MaxPool", {}, options
        case layers.BatchNorm():
            keys = ("weight", "bias", "mean", "var")
            own = {key: layer.params[key] for key in keys}
            return "BatchNormalization", own, {"epsilon": layer.eps}
        case layers.LocalResponseNorm():
            options = {"alpha": layer.alpha, "beta": layer.beta, "bias": layer.k}
            return "LRN", {}, {"size": layer.size, **options}
        case layers.GlobalAvgPool():
            return "GlobalAveragePool", {}, {}
        case layers.AdaptiveAvgPool():
            # In these nets it meets planes of its own size, which it leaves alone.
            return "Identity", {}, {}
        case layers.Concat():
            return "Concat", {}, {"axis": 1}
        case layers.Add():
            return "Add", {}, {}
        case layers.Flatten():
            return "Flatten", {}, {"axis": 1}
        case layers.Dropout():
            return "Identity", {}, {}
    raise NetError(f"the ONNX side has no {layer.describe()}: add it there")
