"""The order of a forward run: what is computed together, and when it is let go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..arrays import Array
from ..layers import Clip, Conv, Layer, ReLU
from .joints import Joint, Place, joints_of

if TYPE_CHECKING:
    from .graph import Node

INPUT = "input"
Bounds = tuple[float | None, float | None]


@dataclass(frozen=True)
class Step:
    """One node, the activation computed in one pass with it, what is dropped after."""

    number: int
    name: str
    then: str | None = None
    bounds: Bounds = (None, None)  # what that keeps numbers between
    drops: tuple[str, ...] = ()
    place: Place | None = None  # what this is a part of
    channels: tuple[int, ...] = ()  # of the parts that this joins

    def run(
        self, layer: Layer, xs: list[Array], joints: dict[str, Joint]
    ) -> dict[str, tuple[Array, Any]]:
        """Output, and what was saved for the way back, by name."""
        if self.channels and self.name in joints:
            whole = joints[self.name].whole()
            if whole is not None:
                return {self.name: (whole, self.channels)}
        if not isinstance(layer, Conv) or (self.then is None and self.place is None):
            return {self.name: layer.forward(*xs)}
        out = None
        if self.place is not None:
            joint = joints[self.place.joint]
            out = joint.part(self.place.slot, xs[0], layer)
        y, saved = layer.forward_clipped(xs[0], *self.bounds, out)
        if self.then is None:
            return {self.name: (y, saved)}
        # the sum before the ReLU is nowhere: y has its shape, and the ReLU's slope
        return {self.name: (y, saved), self.then: (y, y)}


def all_steps(nodes: Mapping[str, Node], last: str) -> Iterator[Step]:
    """Every node up to ``last``, one by one."""
    for number, name in enumerate(nodes, start=1):
        yield Step(number, name)
        if name == last:
            return


def lean_steps(
    nodes: Mapping[str, Node], kept: set[str], *, only_forward: bool = False
) -> list[Step]:
    """What the kept activations depend on; each value is dropped after its last reader.

    A Conv that only a ReLU reads is computed with it, unless it is itself kept. So is
    one below a Clip, if there is no way back: at a bound, what comes out does not tell
    whether the gradient passes. What only a concatenation reads is written where it
    will be.
    """
    needed = set(kept)
    for name in reversed(list(nodes)):
        if name in needed:
            needed.update(_source(read) for read in nodes[name].inputs)
    reads = Counter(read for name in needed - {INPUT} for read in nodes[name].inputs)
    relus = {
        conv: name
        for name in nodes
        if name in needed and _bounds(nodes[name].layer, only_forward) is not None
        for conv in nodes[name].inputs
        if conv not in kept
        and conv in nodes
        and type(nodes[conv].layer) is Conv
        and (type(nodes[name].layer) is ReLU or _is_floating(nodes[conv].layer))
        and reads[conv] == 1
    }
    made_by = {relu: conv for conv, relu in relus.items()} | {
        name: name
        for name in needed - relus.keys() - {INPUT}
        if type(nodes[name].layer) is Conv
    }
    alone = {n: conv for n, conv in made_by.items() if reads[n] == 1 and n not in kept}
    joints = joints_of({n: nodes[n] for n in nodes if n in needed}, alone)
    places = {
        alone[read]: Place(joint, slot)
        for joint in joints
        for slot, read in enumerate(nodes[joint].inputs)
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
        drops = tuple(sorted(last_read | unread))
        bounds = None if relu is None else _bounds(nodes[relu].layer, only_forward)
        place, channels = places.get(name), joints.get(name, ())
        step = Step(number, name, relu, bounds or (None, None), drops, place, channels)
        steps.append(step)
    return steps[::-1]


def _bounds(layer: Layer, only_forward: bool) -> Bounds | None:
    """Between what an activation keeps numbers, if that is all it does."""
    if type(layer) is ReLU:
        return 0, None
    if type(layer) is Clip and only_forward:
        bounds = layer.low, layer.high
        if all(b is None or _is_plain(b) for b in bounds):
            return bounds  # others are for the Clip itself to judge
    return None


def _is_plain(bound: object) -> bool:
    """Whether it is a number in every precision."""
    return (
        isinstance(bound, int | float)
        and type(bound) is not bool
        and (abs(bound) < 2**15)
    )


def _is_floating(layer: Layer) -> bool:
    return isinstance(layer, Conv) and layer.weight.dtype.kind == "f"


def _source(read: str) -> str:
    return read.partition(":")[0]
