"""A forward run, step by step; what to save of it is its caller's choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..arrays import Array
from ..errors import NetError, NumpyDeconvError
from ..layers import ReLU
from .joints import Joint
from .steps import INPUT, Step

if TYPE_CHECKING:
    from .graph import Node


class Forward:
    """Iterating computes: ``(name, output, what the layer saved)``, one by one.

    What is in ``saved`` can be read by later layers as ``"pool:switches"``; those are
    the layers in ``parts_read``. ``values`` are let go when their step says so; only
    one who ``saves`` for a way back gets what was ``joined``.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        x: Array,
        steps: Sequence[Step],
        *,
        saves: bool = True,
    ):
        self.nodes, self.steps, self.saves = nodes, steps, saves
        self.values: dict[str, Array] = {INPUT: x}
        self.saved: dict[str, Any] = {}
        self.joined: dict[str, Array] = {}  # what lies in one piece, only of ReLUs
        self._joints = {s.name: Joint(s.channels) for s in steps if s.channels}

    @property
    def parts_read(self) -> set[str]:
        """Layers of which others read what they saved."""
        reads = (read for step in self.steps for read in self.nodes[step.name].inputs)
        return {read.partition(":")[0] for read in reads if ":" in read}

    def __iter__(self) -> Iterator[tuple[str, Array, Any]]:
        for step in self.steps:
            layer = self.nodes[step.name].layer
            try:
                xs = [self._read(source) for source in self.nodes[step.name].inputs]
                computed = step.run(layer, xs, self._joints)
            except NumpyDeconvError as error:
                raise type(error)(
                    f"layer {step.number} {step.name!r} ({layer.describe()}): {error}"
                ) from error
            del xs
            joint = self._joints.pop(step.name, None)
            if joint is not None and self._keeps(step.name):
                whole = joint.whole()
                if whole is not None:
                    self.joined[step.name] = whole
            for name, (value, memory) in computed.items():
                self.values[name] = value
                yield name, value, memory
            for name in step.drops:
                del self.values[name]

    def _keeps(self, joint: str) -> bool:
        """Whether what ReLUs put out, which a way back looks at, is all there is."""
        made_of = (self.nodes[read].layer for read in self.nodes[joint].inputs)
        return self.saves and all(type(layer) is ReLU for layer in made_of)

    def _read(self, source: str) -> Array:
        name, _, part = source.partition(":")
        if not part:
            return self.values[name]
        if not hasattr(self.saved.get(name), part):
            raise NetError(f"{name!r} saves no {part!r}: a max pool saves 'switches'")
        return getattr(self.saved[name], part)
