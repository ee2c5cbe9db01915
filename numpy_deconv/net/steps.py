"""The order of a forward run: what is computed together, and when it is let go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..arrays import Array
from ..layers import Conv, Layer, ReLU

if TYPE_CHECKING:
    from .graph import Node

INPUT = "input"


@dataclass(frozen=True)
class Step:
    """One node, the ReLU computed in one pass with it, what nobody reads after it."""

    number: int
    name: str
    relu: str | None = None
    drops: tuple[str, ...] = ()

    def run(self, layer: Layer, xs: list[Array]) -> dict[str, tuple[Array, Any]]:
        """Output, and what was saved for the way back, by name."""
        if self.relu is None or not isinstance(layer, Conv):
            return {self.name: layer.forward(*xs)}
        y, saved = layer.forward_clipped(xs[0], 0, None)
        # the sum before the ReLU is nowhere: y has its shape, and the ReLU's slope
        return {self.name: (y, saved), self.relu: (y, y)}


def all_steps(nodes: Mapping[str, Node], last: str) -> Iterator[Step]:
    """Every node up to ``last``, one by one."""
    for number, name in enumerate(nodes, start=1):
        yield Step(number, name)
        if name == last:
            return


def lean_steps(nodes: Mapping[str, Node], kept: set[str]) -> list[Step]:
    """What the kept activations depend on; each value is dropped after its last reader.

    A Conv that only a ReLU reads is computed with it, unless it is itself kept.
    """
    needed = set(kept)
    for name in reversed(list(nodes)):
        if name in needed:
            needed.update(_source(read) for read in nodes[name].inputs)
    reads = Counter(read for name in needed - {INPUT} for read in nodes[name].inputs)
    relus = {
        conv: name
        for name in nodes
        if name in needed and type(nodes[name].layer) is ReLU
        for conv in nodes[name].inputs
        if conv not in kept
        and conv in nodes
        and type(nodes[conv].layer) is Conv
        and reads[conv] == 1
    }
    steps: list[Step] = []
    dropped = {INPUT, *kept}
    for number, name in reversed(list(enumerate(nodes, start=1))):
        if name not in needed or name in relus.values():
            continue
        relu = relus.get(name)
        last_read = {_source(read) for read in nodes[name].inputs} - dropped
        dropped |= last_read
        unread = {name} if relu is not None else set()
        steps.append(Step(number, name, relu, tuple(sorted(last_read | unread))))
    return steps[::-1]


def _source(read: str) -> str:
    return read.partition(":")[0]
