"""From an ONNX model to a net: constants folded, shapes inferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...arrays import is_float
from ...errors import FileFormatError, OptionError
from ...layers import Identity, Layer
from ...net import Graph, Node
from ...registry import use_backend
from . import (  # noqa: F401  each registers the operators that it knows
    operators_activation,
    operators_arithmetic,
    operators_arrangement,
    operators_attention,
    operators_constant,
    operators_fused,
    operators_integer,
    operators_normalisation,
    operators_picking,
    operators_quantised,
    operators_recurrent,
    operators_reduction,
    operators_resampling,
    operators_shape,
    operators_window,
)
from .content import Declared, OnnxContent, Operator
from .tracing import OPERATORS, Trace, Value, run_operator

NAMED = 8  # so many nodes of one unknown operator are named


@dataclass(frozen=True, eq=False)
class Imported:
    """A net made of an ONNX model.

    ``input`` is the tensor that became the net's, ``shape`` the one it was traced with
    and ``declared`` what the file says of it; ``output`` the tensor the net ends with,
    ``output_shape`` its shape; ``layers`` the layer of each tensor that has one.
    """

    net: Graph
    input: str
    declared: Declared
    shape: tuple[int, ...]
    output: str
    output_shape: tuple[int, ...]
    layers: Mapping[str, str]


def import_onnx(
    content: OnnxContent,
    *,
    shape: Sequence[int] | None = None,
    inputs: Mapping[str, Any] | None = None,
    output: str | None = None,
    floats: Any = np.float32,
    front: Mapping[str, Layer] | None = None,
) -> Imported:
    """The net that computes ``output`` (by default the first) of a model.

    ``shape`` is the shape of its input, needed where the file leaves it open; a net
    whose shapes are worked out in the graph is made for that one, but for any batch.
    ``inputs`` are arrays for inputs that are to be constants: all but one. Constants of
    any floating type become ``floats``; None leaves them as they are. Layers of
    ``front`` are put before the model's input; ``shape`` is then what the first takes.

    Raises FileFormatError naming every operator that is not known, or the one that
    cannot be a layer and why; OptionError for an input or output that does not exist.
    """
    trace, declared, sizes, output = traced(
        content, shape, inputs, output, floats, front or {}
    )
    return _finished(trace, declared, sizes, output)


def traced(
    content: OnnxContent,
    shape: Sequence[int] | None,
    inputs: Mapping[str, Any] | None,
    output: str | None,
    floats: Any,
    front: Mapping[str, Layer],
) -> tuple[Trace, Declared, tuple[int, ...], str]:
    """Every tensor that the output depends on; see :func:`import_onnx`."""
    output = _output(content, output)
    needed = _needed(content.operators, output)
    _check_known(needed)
    given = {name: np.asarray(value) for name, value in (inputs or {}).items()}
    for name in given:
        if name not in content.inputs:
            raise OptionError(
                f"the model has no input {name!r}: it has {', '.join(content.inputs)}"
            )
    declared = _input(content, needed, set(given), output)
    sizes = _shape(declared, shape, bool(front))
    dtype = declared.dtype
    if floats is not None and is_float(dtype):
        dtype = np.dtype(floats)
    trace = Trace(content.opset, None if floats is None else np.dtype(floats))
    trace.allowance += 4 * sum(array.nbytes for array in content.constants.values())
    trace.check_size(sizes, dtype)
    value = Value(sizes, dtype, None, "input")
    for name, layer in front.items():
        y, _ = layer.forward(np.zeros(value.shape, dtype))
        value = trace.add(layer, [value], y.shape, name, dtype)
    _check_declared(declared, value.shape)
    trace.values[declared.name] = value
    for name, array in {**content.constants, **given}.items():
        trace.values[name] = trace.constant(array)
    with use_backend("numpy"), np.errstate(all="ignore"):
        for node in needed:
            run_operator(trace, node)
    return trace, declared, sizes, output


def _finished(
    trace: Trace, declared: Declared, sizes: tuple[int, ...], output: str
) -> Imported:
    result = trace.value(output)
    if result.array is not None:
        raise FileFormatError(
            f"output {output!r} does not depend on the input {declared.name!r}"
        )
    nodes = _ending_with(trace.nodes, result.layer)
    if not nodes:  # the output is the input
        nodes = {"identity": Node(Identity())}
    layers = {
        name: value.layer
        for name, value in trace.values.items()
        if value.layer.partition(":")[0] in nodes
    }
    return Imported(
        Graph(nodes), declared.name, declared, sizes, output, result.shape, layers
    )


def _ending_with(nodes: Mapping[str, Node], last: str) -> dict[str, Node]:
    """The layers that the last one depends on, with it as the last."""
    name, _, part = last.partition(":")
    if part:
        raise FileFormatError(f"the output is what {name!r} saves, which is no layer")
    wanted = {name}
    for each in reversed(list(nodes)):
        if each in wanted:
            wanted |= {source.partition(":")[0] for source in nodes[each].inputs}
    return {each: node for each, node in nodes.items() if each in wanted}


def _output(content: OnnxContent, output: str | None) -> str:
    if not content.outputs:
        raise FileFormatError("the graph has no outputs")
    chosen = content.outputs[0] if output is None else output
    made = {name for node in content.operators for name in node.outputs if name}
    if chosen not in made | set(content.inputs) | set(content.constants):
        if output is None:
            raise FileFormatError(f"no operator makes the graph's output {chosen!r}")
        raise OptionError(
            f"the model makes no tensor {output!r}: its outputs are "
            f"{', '.join(content.outputs)}"
        )
    return chosen


def _needed(operators: Sequence[Operator], output: str) -> list[Operator]:
    """The operators that the output depends on."""
    wanted, found = {output}, []
    for node in reversed(operators):
        if wanted.intersection(node.outputs):
            wanted.update(node.reads)
            found.append(node)
    return found[::-1]


def _check_known(operators: Sequence[Operator]) -> None:
    """Every operator that is not known at once, with the nodes it stands at."""
    unknown: dict[str, list[str]] = {}
    for node in operators:
        if node.key not in OPERATORS:
            unknown.setdefault(node.key[:80], []).append(node.label)
    if unknown:
        listed = "; ".join(
            f"{kind} ({', '.join(names[:NAMED])}"
            + (f" and {len(names) - NAMED} more)" if len(names) > NAMED else ")")
            for kind, names in sorted(unknown.items())
        )
        raise FileFormatError(f"operators that are not known here: {listed}")


def declared_input(content: OnnxContent) -> Declared:
    """The input that the first output depends on; errors as of :func:`import_onnx`."""
    output = _output(content, None)
    return _input(content, _needed(content.operators, output), set(), output)


def _input(
    content: OnnxContent, needed: Sequence[Operator], given: set[str], output: str
) -> Declared:
    """The one input that is not a constant; of several, those nobody reads are left."""
    read = {name for node in needed for name in node.reads} | {output}
    found = [
        declared
        for name, declared in content.inputs.items()
        if name in read and name not in given
    ]
    if not found:
        raise FileFormatError(f"output {output!r} does not depend on any input")
    if len(found) > 1:
        names = ", ".join(repr(each.name) for each in found)
        raise OptionError(
            f"the model has {len(found)} inputs, {names}, and a net has one: give the "
            "others as constants, import_onnx(content, inputs={name: array})"
        )
    return found[0]


def _shape(
    declared: Declared, shape: Sequence[int] | None, in_front: bool
) -> tuple[int, ...]:
    if shape is not None:
        return tuple(int(n) for n in shape)
    open_axes = declared.shape is None or any(
        not isinstance(d, int) for d in declared.shape[1:]
    )
    if declared.shape is None or open_axes or in_front:
        raise OptionError(
            f"input {declared.name!r} is declared as {_written(declared)}: give its "
            "shape, import_onnx(content, shape=...)"
        )
    return tuple(d if isinstance(d, int) else 1 for d in declared.shape)


def _check_declared(declared: Declared, shape: tuple[int, ...]) -> None:
    """Of any batch; what the file leaves open may be anything."""
    wanted = declared.shape
    if wanted is not None and not (
        len(shape) == len(wanted)
        and all(
            n == d or not isinstance(d, int)
            for n, d in zip(shape[1:], wanted[1:], strict=True)
        )
    ):
        raise OptionError(
            f"input {declared.name!r} is declared as {_written(declared)}, which "
            f"{shape} does not fit"
        )


def _written(declared: Declared) -> str:
    if declared.shape is None:
        return "of any shape"
    return "(" + ", ".join(str(d or "?") for d in declared.shape) + ")"
