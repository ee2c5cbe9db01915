"""Calls of the test suites that people use today, in this library's words.

PyTorch's OpInfo is a table of sample inputs of every operator, the ONNX project's node
tests are models of one node with their results. What this library has no words for
(``align_corners``, other kinds of data) is left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from numpy_deconv import oracle
from numpy_deconv.oracle import OPERATIONS
from numpy_deconv.oracle.exchange.onnx_node import OPERATORS


class Sample(NamedTuple):
    """A call, and the result that the suite demands (None: PyTorch's own)."""

    arrays: tuple[Any, ...]
    attrs: dict[str, Any]
    wanted: tuple[Any, ...] | None = None


CONV = ("weight", "bias", "stride", "padding", "dilation", "groups")
TRANSPOSED = (
    *("weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
)
MAX = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
AVERAGE = (
    *("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "divisor_override",
)
UNPOOL = ("switches", "kernel_size", "stride", "padding", "output_size")
RANKED = {
    "conv{}d": ("conv", CONV),
    "conv_transpose{}d": ("conv_transpose", TRANSPOSED),
    "max_pool{}d": ("max_pool", MAX),
    "avg_pool{}d": ("avg_pool", AVERAGE),
    "adaptive_avg_pool{}d": ("adaptive_avg_pool", ("output_size",)),
    "adaptive_max_pool{}d": ("adaptive_max_pool", ("output_size", "return_indices")),
    "max_unpool{}d": ("max_unpool", UNPOOL),
}
PLAIN = {
    "nn.functional.unfold": (
        "im2col",
        ("kernel_size", "dilation", "padding", "stride"),
    ),
    "nn.functional.linear": ("linear", ("weight", "bias")),
    "nn.functional.relu": ("relu", ("inplace",)),
    "nn.functional.leaky_relu": ("leaky_relu", ("negative_slope", "inplace")),
    "nn.functional.prelu": ("prelu", ("weight",)),
    "nn.functional.elu": ("elu", ("alpha", "inplace")),
    "nn.functional.gelu": ("gelu", ("approximate",)),
    "nn.functional.softplus": ("softplus", ("beta", "threshold")),
    "nn.functional.local_response_norm": (
        "local_response_norm",
        ("size", "alpha", "beta", "k"),
    ),
    "nn.functional.batch_norm": (
        "batch_norm",
        ("mean", "var", "weight", "bias", "training", "momentum", "eps"),
    ),
    "nn.functional.mse_loss": ("mse", ("target",)),
    "nn.functional.cross_entropy": ("cross_entropy", ("labels",)),
    "nn.functional.interpolate": ("upsample", ("size", "scale_factor", "mode")),
    "nn.functional.pad": ("pad", ("pads", "mode", "value")),
    "clamp": ("clip", ("low", "high")),
    "softmax": ("softmax", ("axis",)),
    "log_softmax": ("log_softmax", ("axis",)),
    "flatten": ("flatten", ("start_axis", "end_dim")),
    "cat": ("concat", ("axis",)),
}
RENAMED = {
    "negative_slope": "slope",
    "dim": "axis",
    "start_dim": "start_axis",
    "running_mean": "mean",
    "running_var": "var",
    "indices": "switches",
    "min": "low",
    "max": "high",
}
DROPPED = {"return_indices", "inplace", "end_dim", "scale_factor", "size", "pads"}
LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}


@cache
def opinfo_samples(op: str) -> tuple[Sample, ...]:
    """OpInfo's sample inputs of an operation, or of a gradient's function."""
    from torch import float32, manual_seed
    from torch.testing._internal.common_methods_invocations import op_db

    forward = op.removesuffix(".backward")
    found = []
    for info in op_db:
        ours, names, rank = _ours(info.name)
        if ours != forward or float32 not in info.dtypes:
            continue
        manual_seed(0)
        for sample in info.sample_inputs("cpu", float32):
            made = _translated(forward, names, sample)
            if made is not None:
                found.append(_batched(forward, made, rank))
    return tuple(found)


def _ours(name: str) -> tuple[str, tuple[str, ...], int]:
    """Operation, names of the arguments after the first, and spatial axes (0: any)."""
    for pattern, (op, names) in RANKED.items():
        for rank in (1, 2, 3):
            if name == f"nn.functional.{pattern.format(rank)}":
                return op, names, rank
    return *PLAIN.get(name, ("", ())), 0


def _batched(op: str, sample: Sample, rank: int) -> Sample:
    """A sample that is one image, as a batch of one."""
    x, *rest = sample.arrays
    if not rank or x.ndim != rank + 1:
        return sample
    if op == "max_unpool":
        rest = [rest[0][None]]
    return sample._replace(arrays=(x[None], *rest))


def _translated(op: str, names: tuple[str, ...], sample: Any) -> Sample | None:
    """A sample with arrays and attributes apart; None where it has no words here."""
    given = dict(zip(names, sample.args, strict=False))
    given |= {RENAMED.get(name, name): v for name, v in sample.kwargs.items()}
    x = sample.input
    if op == "concat":
        arrays = tuple(_array(a) for a in x)
        return Sample(arrays, {"axis": given.get("axis", 0)})
    found = OPERATIONS[op]
    x = _array(x)
    arrays = {found.inputs[0]: x}
    for name in found.inputs[1:]:
        value = given.pop(name, None)
        arrays[name] = None if value is None else _array(value)
    attrs = {n: v for n, v in given.items() if n in found.attributes}
    known = (*attrs, *DROPPED, "momentum")
    odd = [n for n, v in given.items() if n not in known and not is_default(v)]
    if odd and op != "max_unpool":
        return None
    if op == "max_unpool":
        size = given.get("output_size")
        if size is None:
            return None
        attrs = {"output_size": tuple(size)[2:] or tuple(size)}
    if op == "upsample":
        scale, mode = given.get("scale_factor"), given.get("mode", "nearest")
        fits = LINEAR.get(mode, x.ndim - 2) == x.ndim - 2
        if scale is None or mode not in ("nearest", *LINEAR) or not fits:
            return None
        mode = "nearest" if mode == "nearest" else "bilinear"
        attrs = {"scale": scale, "mode": mode}
    if op == "pad":
        edges = given["pads"]
        pairs = list(zip(edges[::2], edges[1::2], strict=True))[::-1]
        attrs["padding"] = ((0, 0),) * (x.ndim - 2 - len(pairs)) + tuple(pairs)
        attrs["value"] = attrs.get("value") or 0.0
    attrs = {n: _plain(v) for n, v in attrs.items() if v is not None or n == "low"}
    return Sample(tuple(arrays.values()), attrs)


def is_default(value: Any) -> bool:
    """Whether an option that has no word here is off."""
    return value is None or value is False


def _array(tensor: Any) -> Any:
    return tensor.detach().numpy()


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else value


@cache
def node_samples(op: str) -> tuple[Sample, ...]:
    """The ONNX project's node tests of a function; it has none of gradients."""
    return tuple(sample for each, sample in _node_samples() if each == op)


@cache
def _node_samples() -> tuple[tuple[str, Sample], ...]:
    return tuple(_every_node())


def _every_node() -> Iterator[tuple[str, Sample]]:
    import onnx
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = load_model_tests(kind="node")
    for test in tests:
        graph = None if test.model is None else test.model.graph
        if graph is None or len(graph.node) != 1:
            continue
        (node,) = graph.node
        if node.op_type not in OPERATORS:
            continue
        attrs = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        opset = test.model.opset_import[0].version
        for given, wanted in test.data_sets:
            by_name = dict(zip((i.name for i in graph.input), given, strict=True))
            inputs = [by_name.get(name) for name in node.input]
            call = oracle.node_call(node.op_type, inputs, attrs, opset=opset)
            if call.shape is None:
                yield call.op, _sample_of(call, wanted)


def _sample_of(call: oracle.NodeCall, wanted: Any) -> Sample:
    attrs, results = dict(call.attrs), list(wanted)
    if call.op == "max_pool" and len(results) > 1:
        # counted in the plane here, and in the array there
        results[1] = results[1] % np.prod(np.shape(call.inputs[0])[2:])
        if call.semantics.storage_order == "column":
            results = results[:1]
    return Sample(tuple(call.inputs), attrs, tuple(results))
