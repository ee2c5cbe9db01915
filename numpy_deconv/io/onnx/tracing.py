"""What is known of tensors while a net is made of operators, and the net so far.

A tensor of which everything is known (weights, shapes, what is computed of them) is an
array; any other is the output of a layer, of which shape and dtype are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...arrays import Array, is_float
from ...errors import FileFormatError, NumpyDeconvError
from ...layers import Layer
from ...layers.reshaping import Constant
from ...net import Node
from ...net.memory import machine_memory
from .content import Operator

Shape = tuple[int, ...]
FOLDED_BYTES = 2**28
"""So much may be computed while loading, and four times what the file itself holds."""


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor: its shape and dtype, and its array or the layer that puts it out."""

    shape: Shape
    dtype: np.dtype[Any]
    array: Array | None = None
    layer: str = ""

    @classmethod
    def of(cls, array: Any) -> Value:
        """A tensor of which everything is known."""
        known = np.asarray(array)
        return cls(known.shape, known.dtype, known)

    @property
    def is_constant(self) -> bool:
        """Whether it does not depend on the input."""
        return self.array is not None

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return len(self.shape)


@dataclass
class Trace:
    """The net so far, and every tensor by its name in the file."""

    opset: int
    floats: np.dtype[Any] | None
    nodes: dict[str, Node] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    allowance: int = FOLDED_BYTES
    numbered: dict[str, int] = field(default_factory=dict)  # the last of each name

    def constant(self, array: Any) -> Value:
        """An array of the file, in the dtype that the net computes in."""
        known = np.asarray(array)
        if self.floats is not None and is_float(known.dtype):
            with np.errstate(over="ignore"):
                known = known.astype(self.floats, copy=False)
        return Value.of(known)

    def value(self, name: str) -> Value:
        """A tensor by its name; FileFormatError for one that no layer puts out."""
        if name not in self.values:
            raise FileFormatError(f"{name!r} is an output that is not supported")
        return self.values[name]

    def free_name(self, wanted: str) -> str:
        """A name for a layer: the wanted one, or one that is like it and not taken."""
        name = wanted.replace(":", "_") or "layer"
        free, number = name, self.numbered.get(name, 1)
        while free in self.nodes or free == "input":
            number += 1
            free = f"{name}_{number}"
        self.numbered[name] = number
        return free

    def add(
        self,
        layer: Layer,
        sources: Sequence[Value],
        shape: Shape,
        name: str,
        dtype: np.dtype[Any],
    ) -> Value:
        """The output of a layer; computed at once if it depends on constants only."""
        self.check_size(shape, dtype)
        if all(source.is_constant for source in sources):
            self.spend(shape, dtype)
            return Value.of(layer.forward(*(source.array for source in sources))[0])
        free = self.free_name(name)
        self.nodes[free] = Node(layer, tuple(source.layer for source in sources))
        return Value(tuple(shape), dtype, None, free)

    def spend(self, shape: Shape, dtype: np.dtype[Any]) -> None:
        """Raise FileFormatError when constants grow out of all proportion to a file."""
        self.allowance -= math.prod(shape) * dtype.itemsize
        if self.allowance < 0:
            raise FileFormatError(
                f"a constant of shape {tuple(shape)} is worked out of much less: the "
                "constants grow beyond what the file holds"
            )

    def check_size(self, shape: Shape, dtype: np.dtype[Any]) -> None:
        """Raise FileFormatError for a tensor that this machine cannot hold."""
        needed = math.prod(shape) * dtype.itemsize
        if needed > machine_memory() // 2:
            raise FileFormatError(
                f"a tensor of shape {tuple(shape)} takes {needed / 2**30:.1f} GiB, "
                "more than half of the memory of this machine"
            )


class Call:
    """One operator with its tensors, as the functions that know operators see it."""

    def __init__(self, trace: Trace, operator: Operator):
        self.trace, self.operator = trace, operator
        self.kind, self.opset = operator.kind, trace.opset
        self.inputs: list[Value | None] = [
            trace.value(name) if name else None for name in operator.inputs
        ]
        self.wanted = [bool(name) for name in operator.outputs]

    def input(self, index: int) -> Value:
        """An input that has to be there."""
        value = self.optional(index)
        if value is None:
            raise FileFormatError(f"it has no input {index}, which it needs")
        return value

    def optional(self, index: int) -> Value | None:
        """An input, or None where it was left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def constant(self, index: int, what: str) -> Array:
        """The array of an input that may not depend on the net's input."""
        value = self.input(index)
        if value.array is None:
            raise FileFormatError(
                f"its {what} depends on the input of the net, and only a constant one "
                "is supported"
            )
        return value.array

    def optional_constant(self, index: int, what: str) -> Array | None:
        """The same, or None where it was left out."""
        return None if self.optional(index) is None else self.constant(index, what)

    def whole_numbers(self, index: int, name: str) -> tuple[int, ...] | None:
        """A list of integers, once an attribute and now an input; None if left out."""
        if self.optional(index) is not None:
            array = self.constant(index, name)
            if array.dtype.kind not in "iu":
                raise FileFormatError(f"its {name} are {array.dtype}, not integers")
            if array.size > 1024:
                raise FileFormatError(f"it has {array.size} {name}, more than axes")
            return tuple(int(n) for n in array.reshape(-1))
        return self.attribute(name, None, tuple)

    def attribute(self, name: str, default: Any, kind: type | None = None) -> Any:
        """An attribute of the type of its default; FileFormatError for another."""
        if name not in self.operator.attributes:
            return default
        value = self.operator.attributes[name]
        wanted = kind or type(default)
        if wanted is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, wanted):
            raise FileFormatError(
                f"its {name} is a {type(value).__name__}, not a {wanted.__name__}"
            )
        return value

    def instead(
        self,
        kind: str,
        *inputs: Value | None,
        step: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Call:
        """Another operator in its place, reading these; ``step`` as of :meth:`add`."""
        other = copy(self)
        other.kind, other.inputs = kind, list(inputs)
        name = f"{self.operator.label}/{step}" if step else self.operator.label
        given = self.operator.attributes if attributes is None else attributes
        other.operator = replace(
            self.operator, name=name, attributes=given, inputs=(), outputs=("y",)
        )
        other.wanted = [True]
        return other

    def add(
        self,
        layer: Layer,
        *sources: Value,
        shape: Shape | None = None,
        step: str = "",
        dtype: np.dtype[Any] | None = None,
    ) -> Value:
        """The output of a layer; ``step`` names one that is not the operator's last.

        Shape and dtype are those of its first input unless given.
        """
        name = f"{self.operator.label}/{step}" if step else self.operator.label
        target = sources[0].shape if shape is None else tuple(shape)
        kind = sources[0].dtype if dtype is None else dtype
        return self.trace.add(layer, sources, target, name, kind)

    def as_layer(self, value: Value, like: Value) -> Value:
        """A constant as the output of a layer, which a layer of inputs only can read.

        ``like`` is a tensor of as many samples.
        """
        if value.array is None:
            return value
        if not value.rank or value.shape[0] not in (1, like.shape[0]):
            raise FileFormatError(
                f"a constant of shape {value.shape} does not stand beside a batch of "
                f"{like.shape[0]}"
            )
        layer = Constant(value.array)
        shape = (like.shape[0], *value.shape[1:])
        return self.add(layer, like, shape=shape, step="constant", dtype=value.dtype)


BROKEN = (ArithmeticError, LookupError, TypeError, ValueError, MemoryError)
"""What numbers that nobody foresaw may still come to."""

Results = Value | tuple[Value | None, ...]
Importer = Callable[[Call], Results]
OPERATORS: dict[str, Importer] = {}
"""What makes layers of each kind of operator, by :attr:`Operator.key`."""


def operator(*kinds: str) -> Callable[[Importer], Importer]:
    """Decorator: the function makes layers of these kinds of operators."""

    def register(function: Importer) -> Importer:
        OPERATORS.update(dict.fromkeys(kinds, function))
        return function

    return register


def run_operator(trace: Trace, node: Operator) -> None:
    """Add one operator to the net; its errors say which one it is."""
    try:
        call = Call(trace, node)
        if node.key not in OPERATORS:
            raise FileFormatError("it is not known here")
        found = OPERATORS[node.key](call)
        results = found if isinstance(found, tuple) else (found,)
        for name, value in zip(node.outputs, results, strict=False):
            if name and value is not None:
                trace.values[name] = value
    except NumpyDeconvError as error:
        raise FileFormatError(f"{node.kind} {node.label!r}: {error}") from error
    except BROKEN as error:
        raise FileFormatError(
            f"{node.kind} {node.label!r}: its numbers do not make sense ({error})"
        ) from error
