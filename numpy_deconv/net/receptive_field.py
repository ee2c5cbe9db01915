"""Which part of the input a unit sees: exact interval arithmetic down the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import NetError
from ..layers import Box
from ..per_axis import per_axis
from ..window import Positions
from .tape import Tape


def receptive_field(
    tape: Tape, layer: str, position: Sequence[int], *, stop: str = "input"
) -> Box | None:
    """The smallest box of ``stop`` that the unit at ``position`` of a layer depends on.

    ``position`` is one index per spatial axis of ``tape[layer]`` (empty for a layer
    without them, which sees everything). The result is a half-open ``(first, stop)``
    range per axis, clipped to the image; None if the unit depends on nothing there.
    With dilation or branches the box may hold positions that are skipped, and where
    branches meet that read different parts of one layer it may be larger than needed.
    """
    size = tape[layer].shape[2:]
    if len(position) != len(size):
        raise NetError(
            f"a unit of {layer!r} has {len(size)} indices, one per spatial axis, got "
            f"{tuple(position)}"
        )
    at = per_axis(tuple(position), len(size), "position")
    for axis, (p, length) in enumerate(zip(at, size, strict=True)):
        if p >= length:
            raise NetError(
                f"{layer!r} has no unit at {at}: spatial axis {axis} has {length} "
                "positions, counted from 0"
            )
    return seen_by(tape, layer, tuple((p, p + 1) for p in at), stop=stop)


def seen_by(tape: Tape, layer: str, box: Box, *, stop: str = "input") -> Box | None:
    """:func:`receptive_field` of all units in a box together."""
    if stop != "input":
        tape.net.require(stop)
    nodes = tape.net.nodes
    seen: dict[str, Positions] = {layer: tuple(np.arange(*r) for r in box)}
    for name in reversed(list(nodes)):
        if name not in seen or name == stop:
            continue
        sources = [source.partition(":")[0] for source in nodes[name].inputs]
        sizes = [tape[source].shape[2:] for source in sources]
        reads = nodes[name].layer.reads(seen[name], sizes, tape[name].shape[2:])
        for source, read in zip(sources, reads, strict=True):
            if all(len(p) for p in read):
                before = seen.get(source, read)
                seen[source] = tuple(map(np.union1d, before, read))
    if stop not in seen:
        return None
    return tuple((int(p[0]), int(p[-1]) + 1) for p in seen[stop])
