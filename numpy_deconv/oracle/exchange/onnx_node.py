"""What a node of an ONNX model computes, as a call of the oracle.

``node_call("MaxPool", [x], {"kernel_shape": [3, 3], "strides": [2, 2]}).reference()``
is the standard's answer. The words are translated back by
:mod:`numpy_deconv.oracle.adapters.onnx_adapter`. ``opset`` matters for few operators:

- Softmax and LogSoftmax up to 12 work on all axes from ``axis`` on, as one.
- ConvTranspose up to 10 gives the odd element of automatic padding to the other end.
- BatchNormalization trains where ``is_test`` is 0 (up to 6), has statistics of each
  position where ``spatial`` is 0 (up to 8), and ``training_mode`` from 14 on.
- A window of ``ceil_mode`` that starts in the end padding is ignored by the text from
  22 on only, and by the ONNX reference and ONNX Runtime in every opset: so here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import OptionError, ShapeError
from ..call import bind
from ..coordinates import coordinates, flattened
from ..semantics import SEMANTICS, Semantics
from ..truth import truth

LATEST = 22


@dataclass(frozen=True)
class NodeCall:
    """The arguments of :func:`~numpy_deconv.oracle.reference` for an ONNX node.

    ``shape`` is the shape of the first result where ONNX's differs.
    """

    op: str
    inputs: tuple[Array | None, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    semantics: Semantics = SEMANTICS["onnx"]
    shape: tuple[int, ...] | None = None

    def reference(self) -> tuple[Array, ...]:
        """The true outputs, in the node's order."""
        call = bind(self.op, self.inputs, self.attrs, self.semantics)
        first, *rest = truth(call).values
        return (first if self.shape is None else first.reshape(self.shape), *rest)


class Node:
    """One node: its inputs, and its attributes with ONNX's defaults."""

    def __init__(
        self, inputs: Sequence[Array | None], attrs: Mapping[str, Any], opset: int
    ) -> None:
        self.inputs, self.opset = tuple(inputs), opset
        self._attrs = {
            n: v.decode() if isinstance(v, bytes) else v for n, v in attrs.items()
        }

    @property
    def x(self) -> Array:
        """The first input."""
        return np.asarray(self.inputs[0])

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return self.x.ndim - 2

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self._attrs.get(name, default)

    def axes(self, name: str, default: int = 1) -> tuple[int, ...]:
        """An attribute with one number for each spatial axis."""
        return tuple(self.get(name) or (default,) * self.rank)

    def pads(self, rank: int | None = None) -> Any:
        """``pads`` and ``auto_pad`` as (begin, end) pairs or a word."""
        words = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}
        auto = self.get("auto_pad", "NOTSET")
        if auto in words:
            return words[auto]
        rank = self.rank if rank is None else rank
        both = tuple(self.get("pads") or (0,) * (2 * rank))
        return tuple(zip(both[:rank], both[rank:], strict=True))


Translator = Callable[[Node], NodeCall]


def node_call(
    operator: str,
    inputs: Sequence[Array | None],
    attributes: Mapping[str, Any] | None = None,
    *,
    opset: int = LATEST,
) -> NodeCall:
    """The oracle's call for an ONNX operator, under ``semantics="onnx"``.

    ``attributes`` are the node's own, ``inputs`` its arrays in ONNX's order (None for
    one left out). Raises OptionError for an operator that is not known.

    >>> x = np.array([[[1.0, 3.0, 2.0, 4.0]]])
    >>> node_call("MaxPool", [x], {"kernel_shape": [2], "strides": [2]}).reference()
    (array([[[3., 4.]]]), array([[[1, 3]]]))
    """
    if operator not in OPERATORS:
        raise OptionError(
            f"the oracle has no ONNX operator {operator!r}: it has {tuple(OPERATORS)}"
        )
    return OPERATORS[operator](Node(inputs, attributes or {}, opset))


def _conv(node: Node) -> NodeCall:
    return NodeCall("conv", node.inputs, {**_geometry(node), "padding": node.pads()})


def _geometry(node: Node) -> dict[str, Any]:
    return {
        "stride": node.axes("strides"),
        "dilation": node.axes("dilations"),
        "groups": node.get("group", 1),
    }


def _conv_transpose(node: Node) -> NodeCall:
    weight = np.asarray(node.inputs[1])
    options, extra = _geometry(node), node.axes("output_padding", 0)
    size, stride = node.x.shape[2:], options["stride"]
    span = [
        d * (k - 1) + 1
        for d, k in zip(options["dilation"], weight.shape[2:], strict=True)
    ]
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape")
    if wanted is None and auto.startswith("SAME"):
        wanted = [n * s for n, s in zip(size, stride, strict=True)]
    if wanted is None:
        options |= {"padding": node.pads(), "output_padding": extra}
        return NodeCall("conv_transpose", node.inputs, options)
    spread = [
        s * (n - 1) + e + k - w
        for s, n, e, k, w in zip(
            stride, size, extra, span, tuple(wanted)[-node.rank :], strict=True
        )
    ]
    upper = (auto == "SAME_UPPER") == (node.opset >= 11)
    pairs = []
    for total in (max(0, n) for n in spread):
        small, large = total // 2, total - total // 2
        pairs.append((small, large) if upper else (large, small))
    # an output larger than what is spread: as if it had output padding
    grown = tuple(e + max(0, -n) for e, n in zip(extra, spread, strict=True))
    options |= {"padding": tuple(pairs), "output_padding": grown}
    return NodeCall("conv_transpose", node.inputs, options)


def _pool(op: str) -> Translator:
    def translate(node: Node) -> NodeCall:
        options = {
            "kernel_size": tuple(node.get("kernel_shape")),
            "stride": node.axes("strides"),
            "padding": node.pads(),
            "dilation": node.axes("dilations"),
            "ceil_mode": bool(node.get("ceil_mode", 0)),
        }
        semantics = SEMANTICS["onnx"]
        if op == "avg_pool":
            options["count_include_pad"] = bool(node.get("count_include_pad", 0))
        if op == "lp_pool":
            options["norm_type"] = float(node.get("p", 2))
        if op == "max_pool" and node.get("storage_order", 0):
            semantics = replace(semantics, storage_order="column")
        return NodeCall(op, node.inputs[:1], options, semantics)

    return translate


def _plain(op: str, **renamed: str) -> Translator:
    """An operator whose attributes are the function's, under other names."""

    def translate(node: Node) -> NodeCall:
        given = {ours: node.get(theirs) for ours, theirs in renamed.items()}
        options = {name: value for name, value in given.items() if value is not None}
        return NodeCall(op, node.inputs, options)

    return translate


def _max_unpool(node: Node) -> NodeCall:
    """Indices count the whole array of the inferred size, as in the official test."""
    x, indices = node.x, np.asarray(node.inputs[1])
    kernel, stride = node.get("kernel_shape"), node.axes("strides")
    inferred = tuple(
        (n - 1) * s + k - b - e
        for n, s, k, (b, e) in zip(
            x.shape[2:], stride, kernel, node.pads(), strict=True
        )
    )
    size = inferred
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        size = tuple(int(n) for n in np.asarray(node.inputs[2])[-node.rank :])
    at = coordinates(indices % math.prod(inferred), inferred)
    if any(int(i.max(initial=0)) >= n for i, n in zip(at, size, strict=True)):
        raise ShapeError(
            f"MaxUnpool's indices count a plane of {inferred}, the size without "
            f"output_shape, and reach beyond {size}"
        )
    switches = flattened(at, size)
    return NodeCall("max_unpool", (x, switches), {"output_size": size})


def _col2im(node: Node) -> NodeCall:
    size, kernel = (tuple(np.asarray(a).tolist()) for a in node.inputs[1:3])
    rank = len(size)
    options = {
        "output_size": size,
        "kernel_size": kernel,
        "stride": tuple(node.get("strides") or (1,) * rank),
        "dilation": tuple(node.get("dilations") or (1,) * rank),
        "padding": node.pads(rank),
    }
    return NodeCall("col2im", node.inputs[:1], options)


def _softmax(op: str) -> Translator:
    def translate(node: Node) -> NodeCall:
        x = node.x
        if node.opset >= 13:
            return NodeCall(op, (x,), {"axis": node.get("axis", -1)})
        axis = node.get("axis", 1) % x.ndim
        flat = x.reshape(math.prod(x.shape[:axis]), -1)
        return NodeCall(op, (flat,), {"axis": 1}, shape=x.shape)

    return translate


def _batch_norm(node: Node) -> NodeCall:
    x, weight, bias, mean, var = node.inputs
    options = {"eps": node.get("epsilon", 1e-5)}
    inputs = (x, mean, var, weight, bias)
    if node.get("training_mode", 0) or (node.opset < 7 and not node.get("is_test", 0)):
        options["momentum"] = node.get("momentum", 0.9)
        return NodeCall("batch_norm_training", inputs, options)
    if node.opset < 9 and not node.get("spatial", 1):
        size = node.x.shape
        flat = [None if a is None else np.asarray(a).reshape(-1) for a in inputs[1:]]
        rows = node.x.reshape(size[0], -1)
        return NodeCall("batch_norm", (rows, *flat), options, shape=size)
    return NodeCall("batch_norm", inputs, options)


OPERATORS: dict[str, Translator] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "MaxPool": _pool("max_pool"),
    "AveragePool": _pool("avg_pool"),
    "LpPool": _pool("lp_pool"),
    "MaxUnpool": _max_unpool,
    "GlobalMaxPool": _plain("global_max_pool"),
    "GlobalAveragePool": _plain("global_avg_pool"),
    "Col2Im": _col2im,
    "LRN": _plain(
        "local_response_norm", size="size", alpha="alpha", beta="beta", k="bias"
    ),
    "BatchNormalization": _batch_norm,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "Relu": _plain("relu"),
    "LeakyRelu": _plain("leaky_relu", slope="alpha"),
    "Elu": _plain("elu", alpha="alpha"),
    "Sigmoid": _plain("sigmoid"),
    "Tanh": _plain("tanh"),
}
"""How each operator's node becomes a call."""
