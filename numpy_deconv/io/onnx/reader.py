"""An ONNX file as plain data, everything checked; nothing in it is executed."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import FileFormatError, OptionError
from ..atomic import PathLike
from ..raw_arrays import array_dtype
from ..regular_file import open_regular_file
from .content import Declared, OnnxContent, Operator, Subgraph
from .functions import without_functions
from .tensors import as_text, element_code, read_tensor

OPSETS = (7, 28)
"""The operator sets whose meaning is known here; newer ones are tried."""

MOST_BYTES = 2**31 - 1
"""Of one protobuf message; larger models keep their weights in a file beside."""

UNKNOWN = -1
"""What some write for a size that is open, where the standard has nothing or a name."""

STANDARD = ("", "ai.onnx")
KINDS = {1: "f", 2: "i", 3: "s", 4: "t", 5: "g", 6: "floats", 7: "ints", 8: "strings"}
"""Fields of AttributeProto that are read, by its type."""


def read_onnx(path: PathLike) -> OnnxContent:
    """What is in an ONNX file.

    Raises FileFormatError, one sentence, for a file that is missing, truncated, no
    ONNX, or does not hold together (a cycle, a tensor made twice or nowhere, data that
    are not as long as their shape); OptionError where the package onnx is missing.
    """
    file, size = open_regular_file(path)
    with file:
        if size > MOST_BYTES:
            raise FileFormatError(
                f"{path} has {size} bytes, more than an ONNX file can have: save its "
                "weights as external data"
            )
        raw = file.read()
    try:
        return parse_onnx(raw, Path(path).parent)
    except FileFormatError as error:
        raise FileFormatError(f"{path}: {error}") from error


def parse_onnx(raw: bytes, folder: Path | None = None) -> OnnxContent:
    """What is in the bytes of an ONNX file that lies in ``folder``."""
    model = _message(raw)
    if not model.HasField("graph") or not model.graph.node:
        raise FileFormatError("no ONNX model: it has no graph with operators in it")
    if model.functions:
        model = without_functions(model)
    graph = model.graph
    constants = _constants(graph, folder)
    declared = [_declared(v) for v in graph.input if as_text(v.name) not in constants]
    inputs = {each.name: each for each in declared}
    if len(inputs) < len(declared):
        raise FileFormatError("two inputs have one name")
    operators = [_operator(node, folder) for node in graph.node]
    return OnnxContent(
        opset=_opset(model),
        inputs=inputs,
        constants=constants,
        operators=tuple(in_order(operators, {*inputs, *constants})),
        outputs=tuple(as_text(value.name) for value in graph.output),
        metadata={as_text(e.key): as_text(e.value) for e in model.metadata_props},
        producer=as_text(model.producer_name),
    )


def _constants(graph: Any, folder: Path | None) -> dict[str, Array]:
    if graph.sparse_initializer:
        raise FileFormatError("holds sparse tensors: save them as dense ones")
    constants: dict[str, Array] = {}
    for tensor in graph.initializer:
        name = as_text(tensor.name)
        if name in constants:
            raise FileFormatError(f"tensor {name!r} is in the file twice")
        constants[name] = read_tensor(tensor, folder)
    return constants


def _subgraph(graph: Any, folder: Path | None) -> Subgraph:
    constants = _constants(graph, folder)
    operators = [_operator(node, folder) for node in graph.node]
    made = {name for each in operators for name in each.outputs}
    around = {name for each in operators for name in each.reads} - made
    ordered = in_order(operators, {*constants, *around})
    inputs = tuple(as_text(value.name) for value in graph.input)
    outputs = tuple(as_text(value.name) for value in graph.output)
    return Subgraph(constants, tuple(ordered), outputs, inputs)


def _message(raw: bytes) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise OptionError(
            "reading ONNX needs the package onnx: pip install 'numpy-deconv[onnx]'"
        ) from error
    try:
        return onnx.ModelProto.FromString(raw)
    except Exception as error:  # of protobuf's own, which differ by version
        raise FileFormatError("no ONNX file, or a damaged or truncated one") from error


def _opset(model: Any) -> int:
    for entry in model.opset_import:
        if entry.domain in STANDARD:
            version = int(entry.version)
            if version < OPSETS[0]:
                raise FileFormatError(
                    f"uses operator set {version}: {OPSETS[0]} and newer are read, and "
                    "onnx.version_converter brings it there"
                )
            return version
    raise FileFormatError("does not say which operator set it uses")


def _declared(value: Any) -> Declared:
    kind, name = value.type, as_text(value.name)
    if kind.WhichOneof("value") != "tensor_type":
        raise FileFormatError(f"input {name!r} is not a tensor")
    tensor = kind.tensor_type
    code = element_code(tensor.elem_type, f"input {name!r}")
    shape = None
    if tensor.HasField("shape"):
        shape = tuple(_dimension(dim) for dim in tensor.shape.dim)
        for length in shape:
            if isinstance(length, int) and length < 0:
                raise FileFormatError(f"input {name!r} has the shape {shape}")
    return Declared(name, np.dtype(array_dtype(code)), shape)


def _dimension(dim: Any) -> int | str | None:
    if dim.HasField("dim_value") and dim.dim_value != UNKNOWN:
        return int(dim.dim_value)
    return as_text(dim.dim_param) or None


def _operator(node: Any, folder: Path | None) -> Operator:
    kind, domain = as_text(node.op_type), as_text(node.domain)
    attributes = {
        as_text(each.name): _attribute(each, kind, folder) for each in node.attribute
    }
    return Operator(
        kind,
        as_text(node.name),
        tuple(map(as_text, node.input)),
        tuple(map(as_text, node.output)),
        attributes,
        "" if domain in STANDARD else domain,
    )


def _attribute(attribute: Any, operator: str, folder: Path | None) -> Any:
    field = KINDS.get(attribute.type)
    if field is None:
        raise FileFormatError(
            f"attribute {as_text(attribute.name)!r} of a {operator} is of a type, "
            f"{attribute.type}, that is not read here"
        )
    value = getattr(attribute, field)
    match field:
        case "g":
            return _subgraph(value, folder)
        case "t":
            return read_tensor(value, folder)
        case "s":
            return value.decode("utf-8", "replace")
        case "strings":
            return tuple(each.decode("utf-8", "replace") for each in value)
        case "floats" | "ints":
            return tuple(value)
    return value


def in_order(operators: Iterable[Operator], known: set[str]) -> list[Operator]:
    """The operators, each after those whose outputs it reads.

    Raises FileFormatError for a tensor that is made twice or nowhere, and for a cycle.
    """
    listed = list(operators)
    makers = _makers(listed, known)
    waiting: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    for index, operator in enumerate(listed):
        sources = {makers[name] for name in operator.reads if name in makers}
        for name in operator.reads:
            if name not in makers and name not in known:
                raise FileFormatError(
                    f"{operator.kind} {operator.label!r} reads {name[:80]!r}, which "
                    "nothing in the file makes"
                )
        waiting[index] = len(sources)
        for source in sources:
            readers.setdefault(source, []).append(index)
    ready = [index for index in waiting if waiting[index] == 0]  # a heap: sorted
    ordered = []
    while ready:
        index = heapq.heappop(ready)
        ordered.append(listed[index])
        for reader in readers.get(index, ()):
            waiting[reader] -= 1
            if waiting[reader] == 0:
                heapq.heappush(ready, reader)
    if len(ordered) < len(listed):
        stuck = next(listed[index] for index in waiting if waiting[index])
        raise FileFormatError(
            f"{stuck.kind} {stuck.label!r} depends on its own output: the graph has a "
            "cycle"
        )
    return ordered


def _makers(operators: list[Operator], known: set[str]) -> Mapping[str, int]:
    makers: dict[str, int] = {}
    for index, operator in enumerate(operators):
        for name in filter(None, operator.outputs):
            if name in makers or name in known:
                raise FileFormatError(
                    f"{operator.kind} {operator.label!r} makes {name[:80]!r}, which is "
                    "there already: a tensor has one source"
                )
            makers[name] = index
    return makers
