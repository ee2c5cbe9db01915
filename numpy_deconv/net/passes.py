"""The way down through whole planes: which layers, by which rules, what goes where.

ReLUs are gone through on the way out of the layer above them where that can do both in
one pass over the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..layers import Conv, Layer, ReLU
from ..rules import Rule, Rules, gradient, identity, rectify_both
from .rectifying import rectifying

if TYPE_CHECKING:
    from .graph import Node


class Pass(NamedTuple):
    """One layer of a descent."""

    number: int
    name: str
    layer: Layer
    rule: Rule
    handed: tuple[tuple[int, str], ...]  # the slots whose signal goes on, and where to
    rectifies: bool = False  # whether it takes max(., 0) of what it hands on
    masks: tuple[str | None, ...] = ()  # for each slot a ReLU whose gradient it takes


def passes(
    nodes: Mapping[str, Node],
    above: set[str],
    rules: Rules,
    start: str,
    stop: str,
    fused: bool,
    masks: bool,
    joined: frozenset[str],
) -> list[Pass]:
    """What a signal at ``start`` goes through, from above, until it is at ``stop``.

    ``above`` are the layers that depend on ``stop``. Only if ``fused`` do layers go
    through ReLUs for those below, and only with ``masks`` where that takes what the
    ReLU saw; the signal at its output is then never there. What ``joined`` concatenated
    from ReLUs is one large ReLU.
    """
    rule_of = {name: rules.for_layer(nodes[name].layer) for name in above}
    handed: dict[str, tuple[tuple[int, str], ...]] = {}
    met = {start}
    for name in reversed(list(nodes)):
        if name in above and name in met:
            slots = enumerate(nodes[name].inputs)
            handed[name] = tuple((n, s) for n, s in slots if s in above or s == stop)
            met.update(source for _, source in handed[name])
    carried = {name: [source for _, source in slots] for name, slots in handed.items()}
    masked: dict[str, tuple[str | None, ...]] = {}
    if fused and masks:
        masked = _Masking(nodes, handed, rule_of, {start, stop}, joined).found()
    through = {relu for relus in masked.values() for relu in relus if relu}
    gone = through - joined
    gone.update(relu for whole in through & joined for relu in nodes[whole].inputs)
    # one that is gone may still rectify for the one below it
    rectified = rectifying(carried, rule_of, stop) if fused else {}
    gone.update(rectified.values())
    both = {
        name
        for name, relus in masked.items()
        if any(relu and rule_of[relu] is rectify_both for relu in relus)
    }
    numbers = {name: number for number, name in enumerate(nodes, start=1)}
    return [
        Pass(
            numbers[name],
            name,
            nodes[name].layer,
            identity if name in gone else rule_of[name],
            slots,
            name in rectified or name in both,
            masked.get(name, ()),
        )
        for name, slots in handed.items()
    ]


class _Masking:
    """Which layers can go through the ReLUs that they hand on to.

    A sum of signals is masked by masking each; the positive part of a sum needs it all.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        handed: Mapping[str, tuple[tuple[int, str], ...]],
        rule_of: Mapping[str, Rule],
        ends: set[str],
        joined: frozenset[str],
    ):
        self.nodes, self.handed, self.rule_of = nodes, handed, rule_of
        self.ends, self.joined = ends, joined
        self.readers: dict[str, list[str]] = {}
        for name, slots in handed.items():
            for _, source in slots:
                self.readers.setdefault(source, []).append(name)

    def found(self) -> dict[str, tuple[str | None, ...]]:
        """By layer: for each slot the ReLU, or whole of ReLUs, that it masks for."""
        wholes = {name for name in self.handed if self._is_whole(name)}
        parts = {relu for name in wholes for relu in self.nodes[name].inputs}
        relus = {name for name in self.handed if self._is_masked(name)} - parts
        found = {}
        for name, slots in self.handed.items():
            below = {slot: s for slot, s in slots if s in relus | wholes}
            if below:
                inputs = self.nodes[name].inputs
                found[name] = tuple(below.get(n) for n in range(len(inputs)))
        return found

    def _is_masked(self, relu: str) -> bool:
        if relu in self.ends or type(self.nodes[relu].layer) is not ReLU:
            return False
        above = self.readers.get(relu, [])
        if self.rule_of[relu] is rectify_both:
            alone = len(above) == 1 and len(self.nodes[above[0]].inputs) == 1
            return alone and self._clips(above[0])
        return self.rule_of[relu] is gradient and all(map(self._masks, above))

    def _is_whole(self, name: str) -> bool:
        if name not in self.joined or name in self.ends:
            return False
        return (
            self.rule_of[name] is gradient
            and all(map(self._masks, self.readers.get(name, [])))
            and all(
                relu in self.handed
                and relu not in self.ends
                and type(self.nodes[relu].layer) is ReLU
                and self.rule_of[relu] is gradient
                and self.readers[relu] == [name]
                for relu in self.nodes[name].inputs
            )
        )

    def _masks(self, name: str) -> bool:
        return self.rule_of[name] is gradient and masks_itself(self.nodes[name].layer)

    def _clips(self, name: str) -> bool:
        return self._masks(name) and isinstance(self.nodes[name].layer, Conv)


def masks_itself(layer: Layer) -> bool:
    """Whether the layer can take its gradient through the ReLUs below it.

    A subclass with a ``vjp`` of its own cannot, unless it says how.
    """
    own = next(kind for kind in type(layer).__mro__ if "vjp" in vars(kind))
    return "vjp_masked" in vars(own)
