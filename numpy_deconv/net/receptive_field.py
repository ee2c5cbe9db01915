"""Which part of the input a unit sees: exact interval arithmetic down the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import NetError
from ..layers import Box, Layer
from ..per_axis import per_axis
from ..window import Positions
from ..window_ranges import hull
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
    at = _inside(tape, layer, position)
    return seen_by(tape, layer, tuple((p, p + 1) for p in at), stop=stop)


def receptive_fields(
    tape: Tape, layer: str, positions: Sequence[Sequence[int]], *, stop: str = "input"
) -> list[Box | None]:
    """:func:`receptive_field` of many units, at once where every set is a range."""
    places = [_inside(tape, layer, position) for position in positions]
    different = sorted(set(places))
    found = _by_ranges(tape, layer, different, stop)
    if found is None:
        found = [
            seen_by(tape, layer, tuple((p, p + 1) for p in at), stop=stop)
            for at in different
        ]
    boxes = dict(zip(different, found, strict=True))
    return [boxes[place] for place in places]


def _inside(tape: Tape, layer: str, position: Sequence[int]) -> tuple[int, ...]:
    size = tape.shape(layer)[2:]
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
    return at


def _by_ranges(
    tape: Tape, layer: str, places: list[tuple[int, ...]], stop: str
) -> list[Box | None] | None:
    """None unless each layer on the way reads ranges, and is read by one other."""
    nodes = tape.net.nodes
    if stop != "input" or not places:
        return None
    at = np.array(places, np.int64).reshape(len(places), -1)
    ranges, name = np.stack([at, at + 1], axis=-1), layer
    while name != stop:
        node = nodes[name].layer
        source = nodes[name].inputs[0]
        if len(nodes[name].inputs) > 1 or ":" in source:
            return None
        plane = tape.shape(source)[2:]
        window = node.window(plane)
        steps = (
            ()
            if window is None
            else zip(window.kernel, window.stride, window.dilation, strict=True)
        )
        gaps = any(k < s or d > 1 for k, s, d in steps)
        if gaps or (window is None and (type(node).reads is not Layer.reads)):
            return None
        if window is not None:
            ranges = hull(window, ranges, plane)
        ranges[(ranges[..., 1] <= ranges[..., 0]).any(axis=1)] = 0
        name = source
    return [
        tuple((a, b) for a, b in box) if all(a < b for a, b in box) else None
        for box in ranges.tolist()
    ]


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
        sizes = [tape.shape(source)[2:] for source in sources]
        reads = nodes[name].layer.reads(seen[name], sizes, tape.shape(name)[2:])
        for source, read in zip(sources, reads, strict=True):
            if all(len(p) for p in read):
                before = seen.get(source, read)
                seen[source] = tuple(map(np.union1d, before, read))
    if stop not in seen:
        return None
    return tuple((int(p[0]), int(p[-1]) + 1) for p in seen[stop])
