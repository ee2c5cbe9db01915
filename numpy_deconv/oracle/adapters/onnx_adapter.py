"""Kernels behind an ONNX runtime: each call becomes a model of one node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import OptionError
from .adapter import Adapter

OPSET = 21
NODES = {
    "conv": "Conv",
    "conv_transpose": "ConvTranspose",
    "max_pool": "MaxPool",
    "avg_pool": "AveragePool",
    "lp_pool": "LpPool",
    "global_avg_pool": "GlobalAveragePool",
    "global_max_pool": "GlobalMaxPool",
    "relu": "Relu",
    "leaky_relu": "LeakyRelu",
    "elu": "Elu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "batch_norm": "BatchNormalization",
    "local_response_norm": "LRN",
    "concat": "Concat",
}
"""ONNX's name for each operation that a single node computes."""

_RENAMED = {
    "kernel_size": "kernel_shape",
    "stride": "strides",
    "dilation": "dilations",
    "groups": "group",
    "norm_type": "p",
    "slope": "alpha",
    "eps": "epsilon",
    "k": "bias",
}


def node_attributes(op: str, attrs: Mapping[str, Any]) -> dict[str, Any]:
    """A call's attributes in ONNX's words: ``pads`` has all begins, then all ends."""
    found: dict[str, Any] = {}
    for name, value in attrs.items():
        if value is None or name == "rescale_clipped":
            continue
        if name == "padding":
            pairs = [tuple(p) if np.ndim(p) else (p, p) for p in value]
            found["pads"] = [b for b, _ in pairs] + [e for _, e in pairs]
        elif name in ("ceil_mode", "count_include_pad", "norm_type"):
            found[_RENAMED.get(name, name)] = int(value)
        elif isinstance(value, tuple):
            found[_RENAMED.get(name, name)] = list(value)
        else:
            found[_RENAMED.get(name, name)] = value
    if op in ("max_pool", "avg_pool", "lp_pool") and "strides" not in found:
        found["strides"] = found["kernel_shape"]
    return found


def node_model(
    op: str, arrays: Sequence[Array | None], attrs: Mapping[str, Any]
) -> Any:
    """An ONNX model of the one call, with inputs ``i0``, ``i1`` ... in ONNX's order."""
    try:
        import onnx
    except ImportError as error:
        raise OptionError("this needs onnx: pip install onnx") from error
    if op not in NODES:
        raise OptionError(f"{op} is no single ONNX node: use one of {tuple(NODES)}")
    given = onnx_inputs(op, arrays)
    names = [f"i{i}" for i in range(len(given))]
    outputs = ["y", "switches"] if op == "max_pool" else ["y"]
    node = onnx.helper.make_node(
        NODES[op], names, outputs, **node_attributes(op, attrs)
    )
    kinds = [onnx.helper.np_dtype_to_tensor_dtype(a.dtype) for a in given]
    infos = [
        onnx.helper.make_tensor_value_info(name, kind, a.shape)
        for name, kind, a in zip(names, kinds, given, strict=True)
    ]
    open_shape = [None] * given[0].ndim
    results = [onnx.helper.make_tensor_value_info("y", kinds[0], open_shape)]
    if op == "max_pool":
        whole = onnx.TensorProto.INT64
        results.append(
            onnx.helper.make_tensor_value_info("switches", whole, open_shape)
        )
    graph = onnx.helper.make_graph([node], op, infos, results)
    opset = onnx.helper.make_opsetid("", OPSET)
    return onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)


def onnx_inputs(op: str, arrays: Sequence[Array | None]) -> list[Array]:
    """The arrays that are there, in ONNX's order, scale and shift made up."""
    if op != "batch_norm":
        return [np.ascontiguousarray(a) for a in arrays if a is not None]
    x, mean, var, *rest = arrays
    count = np.asarray(mean).shape
    weight, bias = (*rest, None, None)[:2]
    dtype = np.asarray(x).dtype
    scale = np.ones(count, dtype) if weight is None else weight
    shift = np.zeros(count, dtype) if bias is None else bias
    return [np.ascontiguousarray(a) for a in (x, scale, shift, mean, var)]


class OnnxAdapter(Adapter):
    """The candidate makes a session of a serialised model: an object with ``run``.

    ``lambda model: onnxruntime.InferenceSession(model)``, for one.
    """

    name = "onnx"

    def call(
        self,
        kernel: Callable[[bytes], Any],
        arrays: Sequence[Array | None],
        attrs: Mapping[str, Any],
        op: str,
    ) -> Any:
        """The session's outputs."""
        session = kernel(node_model(op, arrays, attrs).SerializeToString())
        given = onnx_inputs(op, arrays)
        found = session.run(None, {f"i{i}": a for i, a in enumerate(given)})
        return tuple(found) if len(found) > 1 else found[0]
