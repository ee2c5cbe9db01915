"""What an ONNX file holds, as plain data: nothing of protobuf is left in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...arrays import Array

LONGEST_NAME = 200
"""Of a layer; the rest of a longer name says nothing to anybody."""

Dimension = int | str | None  # a number, a name, or nothing known


@dataclass(frozen=True)
class Declared:
    """An input as the file declares it; ``shape`` None: not even its rank is said."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[Dimension, ...] | None


@dataclass(frozen=True)
class Operator:
    """One node: what it computes of which tensors; an input left out is ``""``."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""

    @property
    def reads(self) -> tuple[str, ...]:
        """Its inputs that are there, and what its subgraphs read from around."""
        graphs = (a for a in self.attributes.values() if isinstance(a, Subgraph))
        around = (name for graph in graphs for name in graph.reads)
        return (*filter(None, self.inputs), *around)

    @property
    def key(self) -> str:
        """Its kind, after its domain unless that is the standard one."""
        return f"{self.domain}.{self.kind}" if self.domain else self.kind

    @property
    def label(self) -> str:
        """How messages call it."""
        found = self.name or next((o for o in self.outputs if o), "") or self.kind
        return found[:LONGEST_NAME]


@dataclass(frozen=True)
class Subgraph:
    """An attribute that is a graph of its own: a branch, or the body of a loop."""

    constants: Mapping[str, Array]
    operators: tuple[Operator, ...]
    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """What it reads of the graph around it."""
        inside = {*self.constants, *self.inputs}
        inside.update(name for each in self.operators for name in each.outputs)
        read = (name for each in self.operators for name in each.reads)
        return tuple(name for name in (*read, *self.outputs) if name not in inside)


@dataclass(frozen=True)
class OnnxContent:
    """A model: operators in order of computation, constants by tensor name."""

    opset: int
    inputs: Mapping[str, Declared]
    constants: Mapping[str, Array]
    operators: tuple[Operator, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str]
    producer: str = ""
