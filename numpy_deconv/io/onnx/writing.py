"""The ONNX graph that is being written, and who writes which layer into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import OptionError
from ...layers import Layer

OPSET = 21
"""What is written: the first with a group norm of one scale per channel."""


@dataclass
class Draft:
    """Nodes and constants so far, as plain data."""

    nodes: list[tuple[str, str, list[str], list[str], dict[str, Any]]] = field(
        default_factory=list
    )
    constants: dict[str, Any] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def constant(self, array: Any, name: str) -> str:
        """The tensor of an array, one however often the array is read."""
        if id(array) in self.names:
            return self.names[id(array)]
        free, number = name, 2
        while free in self.constants:
            free, number = f"{name}_{number}", number + 1
        self.constants[free] = array
        self.names[id(array)] = free
        return free


class Place:
    """One layer of the net, where it stands: what it reads, and the shapes there."""

    def __init__(
        self,
        draft: Draft,
        name: str,
        layer: Layer,
        inputs: list[str],
        shapes: list[tuple[int, ...]],
        shape: tuple[int, ...],
        indices: bool,
    ):
        self.draft, self.name, self.layer = draft, name, layer
        self.inputs, self.shapes, self.shape = inputs, shapes, shape
        self.indices = indices

    @property
    def size(self) -> tuple[int, ...]:
        """Spatial size of the first input."""
        return self.shapes[0][2:]

    def parameter(self, field_name: str, value: Any = None) -> str:
        """The tensor of one of the layer's arrays, or of ``value`` in its place."""
        array = getattr(self.layer, field_name) if value is None else value
        return self.draft.constant(array, f"{self.name}.{field_name}")

    def numbers(self, what: str, *values: int) -> str:
        """A tensor of integers, such as a shape."""
        array = np.array(values, np.int64)
        return self.draft.constant(array, f"{self.name}.{what}")

    def scalar(self, what: str, value: float, dtype: Any = np.float32) -> str:
        """A tensor of one number."""
        return self.draft.constant(np.array(value, dtype), f"{self.name}.{what}")

    def _free(self, name: str) -> str:
        while name in self.draft.taken:
            name += "_"
        self.draft.taken.add(name)
        return name

    def node(
        self, kind: str, inputs: list[str], step: str = "", **attributes: Any
    ) -> str:
        """Add an operator; without ``step`` its output is the layer's own."""
        output = self._free(f"{self.name}/{step}") if step else self.name
        outputs = [output]
        if kind == "MaxPool" and self.indices and not step:
            outputs.append(f"{self.name}/switches")
        self.draft.nodes.append((kind, output, inputs, outputs, attributes))
        return output


Writer = Callable[[Place], Any]
WRITERS: dict[type[Layer], Writer] = {}
"""What writes each type of layer."""


def writes(*kinds: type[Layer]) -> Callable[[Writer], Writer]:
    """Decorator: the function writes layers of these types."""

    def register(function: Writer) -> Writer:
        WRITERS.update(dict.fromkeys(kinds, function))
        return function

    return register


def cannot(place: Place, why: str) -> OptionError:
    """What is said of a layer that ONNX has no operators for."""
    return OptionError(
        f"layer {place.name!r} ({place.layer.describe()}) cannot be written as ONNX: "
        f"{why}"
    )
