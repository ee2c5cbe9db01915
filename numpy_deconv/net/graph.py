"""Nets as graphs of layers: plain data, run by a function that changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..arrays import Array, as_array
from ..errors import NetError
from ..layers import Layer
from ..rules import Rules
from .forward import Forward
from .passes import Pass, passes
from .steps import Step, all_steps, lean_steps
from .tape import Tape

INPUT = "input"

#: How many answers about itself a net remembers.
_KNOWN = 64


@dataclass(frozen=True)
class Node:
    """A layer and the names it reads; ``"pool1:switches"`` reads what a layer saved."""

    layer: Layer
    inputs: tuple[str, ...] = (INPUT,)

    def __post_init__(self) -> None:
        names = (self.inputs,) if isinstance(self.inputs, str) else tuple(self.inputs)
        object.__setattr__(self, "inputs", names)


class Graph:
    """A directed acyclic graph of named layers, from ``"input"`` to its last node.

    ``nodes`` maps names to :class:`Node`, each after the nodes it reads. The same
    layer object may stand at several names: weights are then shared. A graph never
    changes; ``net.run(x)`` returns a :class:`Tape`.
    """

    def __init__(self, nodes: Mapping[str, Node]):
        if not nodes:
            raise NetError("a net needs at least one layer")
        known = {INPUT}
        for name, node in nodes.items():
            if not isinstance(name, str) or not isinstance(node.layer, Layer):
                raise NetError(
                    f"{name!r}: {node.layer!r} is not a named layer: names are text, "
                    "layers objects such as ReLU()"
                )
            if name in known or ":" in name:
                raise NetError(
                    f"a layer cannot be named {name!r}: 'input' and ':' are taken"
                )
            arity = node.layer.arity
            if not node.inputs or arity not in (None, len(node.inputs)):
                raise NetError(
                    f"layer {name!r} ({node.layer.describe()}) takes "
                    f"{arity or 'one or more'} inputs, but reads {node.inputs}"
                )
            for source in node.inputs:
                if source.partition(":")[0] not in known:
                    where = "a later layer" if source in nodes else "nowhere in the net"
                    raise NetError(
                        f"layer {name!r} reads {source!r}, which is {where}: list the "
                        "nodes in the order in which they are computed"
                    )
            known.add(name)
        self.__setstate__(dict(nodes))

    def __getstate__(self) -> dict[str, Node]:
        return dict(self.nodes)  # a mapping proxy cannot be pickled

    def __setstate__(self, nodes: dict[str, Node]) -> None:
        self.nodes: Mapping[str, Node] = MappingProxyType(nodes)
        self._known: dict[tuple[Any, ...], Any] = {}

    def __repr__(self) -> str:
        rows = (f"  {name}: {n.layer.describe()}" for name, n in self.nodes.items())
        return "\n".join([f"{type(self).__name__} of {len(self.nodes)} layers", *rows])

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    def __getitem__(self, name: str) -> Layer:
        return self.nodes[self.require(name)].layer

    def __call__(self, x: Any) -> Array:
        """The output for a batch ``x``, of which nothing else is kept."""
        steps = self._lean_steps(frozenset({self.output}), only_forward=True)
        forward = Forward(self.nodes, as_array(x, "input"), steps, saves=False)
        read = forward.parts_read
        for name, _, memory in forward:
            if name in read:
                forward.saved[name] = memory
        return forward.values[self.output]

    @property
    def output(self) -> str:
        """Name of the last node."""
        return list(self.nodes)[-1]

    def require(self, name: str) -> str:
        """``name`` if the net has such a layer; else NetError with what it has."""
        if name not in self.nodes:
            raise NetError(
                f"there is no layer {name!r}: this net has {', '.join(self.nodes)}"
            )
        return name

    def of_type(self, *kinds: type[Layer]) -> list[str]:
        """Names of the layers of these types, in order."""
        return [n for n, node in self.nodes.items() if isinstance(node.layer, kinds)]

    def above(self, stop: str, start: str) -> set[str]:
        """The layers that depend on the output of ``stop``, as ``start`` must."""
        if stop != "input":
            self.require(stop)
        if start == stop:
            return set()
        above: set[str] = {stop}
        for name, node in self.nodes.items():
            if above.intersection(node.inputs):  # "pool:switches" carries no signal
                above.add(name)
        if start not in above:
            raise NetError(f"{start!r} does not depend on {stop!r}: nothing to project")
        return above - {stop}

    def passes(
        self,
        rules: Rules,
        start: str,
        stop: str,
        *,
        fused: bool,
        masks: bool,
        joined: frozenset[str],
    ) -> list[Pass]:
        """What a signal goes through on its way down; see :func:`.passes.passes`."""
        how = fused, masks, joined

        def found() -> list[Pass]:
            above = self.above(stop, start)
            return passes(self.nodes, above, rules, start, stop, *how)

        # rules are told apart by who they are, and held as long as they are known by it
        key = id(rules), start, stop, *how
        return self.remembered(key, lambda: (rules, found()))[1]

    def remembered(self, key: tuple[Any, ...], find: Callable[[], Any]) -> Any:
        """What was found out about this net, which never changes, the last time."""
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            known = self._known[key] = find()
        return known

    @property
    def params(self) -> dict[str, Array]:
        """Every parameter, as ``"layer.field"``."""
        return {
            f"{name}.{field}": value
            for name, node in self.nodes.items()
            for field, value in node.layer.params.items()
        }

    def in_training(self, *key: int) -> Graph:
        """The same net as it behaves in the one step of training that has this key.

        Dropout drops and batch norms go by the batch; what is random in it is drawn
        from ``key``, whole numbers from 0, so the same key gives the same step.
        """
        return Graph(
            {
                name: Node(node.layer.in_training((*key, number)), node.inputs)
                for number, (name, node) in enumerate(self.nodes.items(), start=1)
            }
        )

    def run(
        self,
        x: Any,
        *,
        until: str | None = None,
        keep: Iterable[str] | None = None,
        learn: bool = False,
    ) -> Tape:
        """Run forward on a batch and keep what every layer put out and saved.

        ``until`` names the last layer to compute. With ``keep`` the run is lean: of
        the activations only those named, the input and the last are kept, every other
        is let go once it was read for the last time, nothing is computed that they do
        not depend on, and layers save only what projections need; with ``learn`` also
        what the gradients of parameters do. Raises what a layer raises, with the
        layer's number, name and description in front.
        """
        last = self.output if until is None else self.require(until)
        lean = keep is not None
        kept = frozenset({last, *(name for name in keep or () if name != INPUT)})
        steps = self._lean_steps(kept) if lean else all_steps(self.nodes, last)
        forward = Forward(self.nodes, as_array(x, "input"), list(steps))
        shapes: dict[str, tuple[int, ...]] = {INPUT: forward.values[INPUT].shape}
        for name, value, memory in forward:
            shapes[name] = value.shape
            slim = lean and not (learn and self[name].params)
            forward.saved[name] = self[name].slim(memory, value) if slim else memory
        values, saved, joined = forward.values, forward.saved, forward.joined
        return Tape(self, values, saved, last, shapes, lean, learn, joined)

    def _lean_steps(
        self, kept: frozenset[str], *, only_forward: bool = False
    ) -> list[Step]:
        def found() -> list[Step]:
            names = set(map(self.require, kept))
            return lean_steps(self.nodes, names, only_forward=only_forward)

        return self.remembered((kept, only_forward), found)


class Sequential(Graph):
    """A chain of layers: a mapping, or pairs, of name and layer.

    >>> from numpy_deconv.layers import MaxPool, ReLU
    >>> Sequential({"relu": ReLU(), "pool": MaxPool(2)})
    Sequential of 2 layers
      relu: ReLU
      pool: MaxPool 2, stride 2
    """

    def __init__(self, layers: Mapping[str, Layer] | Sequence[tuple[str, Layer]]):
        pairs = list(layers.items() if isinstance(layers, Mapping) else layers)
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise NetError(f"layers named twice: {', '.join(twice)}")
        sources = [INPUT, *names]
        super().__init__(
            {
                name: Node(layer, (source,))
                for (name, layer), source in zip(pairs, sources, strict=False)
            }
        )
