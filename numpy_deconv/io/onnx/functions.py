"""Operators that a model defines itself, replaced by what they are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import FileFormatError
from .tensors import as_text

MOST_NODES = 100_000
"""Of a graph once everything is replaced: functions of functions grow without end."""

DEEPEST = 50
"""So many functions may stand in one another."""

Key = tuple[str, str, str]


def without_functions(model: Any) -> Any:
    """The model (a ModelProto) with the body of each function in its places.

    Raises FileFormatError for functions that contain themselves, that grow beyond
    :data:`MOST_NODES`, or that do not fit where they stand.
    """
    functions = {_key(each): each for each in model.functions}
    counted: dict[Key, int] = {}
    total = sum(_nodes(node, functions, counted, 0) for node in model.graph.node)
    if total > MOST_NODES:
        raise FileFormatError(
            f"its own operators stand for {total} others, more than {MOST_NODES}"
        )
    from onnx import inliner

    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # of the C++ inliner's own
        names = ", ".join(sorted({as_text(name) for _, name, _ in functions})[:5])
        raise FileFormatError(
            f"its own operators ({names}) cannot be replaced by what they are made of"
        ) from error


def _key(function: Any) -> Key:
    return function.domain, function.name, function.overload


def _nodes(
    node: Any, functions: Mapping[Key, Any], counted: dict[Key, int], depth: int
) -> int:
    """How many operators a node stands for."""
    key = (node.domain, node.op_type, node.overload)
    inner = sum(_nodes(each, functions, counted, depth) for each in _inside(node))
    if key not in functions:
        return 1 + inner
    if depth > DEEPEST:
        raise FileFormatError(
            f"its own operator {as_text(node.op_type)!r} contains itself, or stands "
            f"more than {DEEPEST} deep"
        )
    if key not in counted:
        body = functions[key].node
        counted[key] = sum(_nodes(n, functions, counted, depth + 1) for n in body)
    return counted[key] + inner


def _inside(node: Any) -> Iterator[Any]:
    """The nodes of its subgraphs."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield from attribute.g.node
