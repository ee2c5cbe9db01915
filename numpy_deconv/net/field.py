"""What every unit of a layer sees, in three numbers: size, jump and start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..layers import Layer
from ..per_axis import Sizes
from ..window import Window
from .receptive_field import receptive_field
from .tape import Tape


@dataclass(frozen=True)
class Field:
    """Unit ``o`` sees the pixels ``start + o*jump`` to ``start + o*jump + size - 1``.

    One number per spatial axis; ``start`` is negative where the first unit sees
    padding. Where units are not evenly spaced, ``jump`` and ``start`` are None and
    ``size`` is that of the middle unit, without what lies in the padding.
    """

    size: Sizes
    jump: Sizes | None = None
    start: Sizes | None = None


def fields(tape: Tape) -> dict[str, Field | None]:
    """The field of each layer that was run; None for one whose units see everything.

    Through a window of span ``e``, stride ``s`` and padding ``p`` at the beginning,
    sizes grow by ``(e - 1) * jump``, starts shrink by ``p * jump``, and jumps are
    multiplied by ``s``.

    Example::

        fields(model.net.run(x, keep=()))["conv5_3"]  # size (196, 196), jump (16, 16)
    """
    rank = len(tape.shape("input")[2:])
    found: dict[str, Field | None] = {
        "input": Field((1,) * rank, (1,) * rank, (0,) * rank)
    }
    for name in tape.net:
        if name in tape.shapes:
            found[name] = _field(tape, name, found)
    return found


def _field(tape: Tape, name: str, known: dict[str, Field | None]) -> Field | None:
    node, plane = tape.net.nodes[name], tape.shape(name)[2:]
    sources = [source.partition(":")[0] for source in node.inputs]
    below = [known[source] for source in sources]
    if not plane or None in below:
        return None
    size = tape.shape(sources[0])[2:]
    even = [field for field in below if field is not None and field.jump is not None]
    if len(even) == len(below):
        window = node.layer.window(size) if len(below) == 1 else None
        if window is not None:
            return _through(window, even[0])
        sizes = [tape.shape(source)[2:] for source in sources]
        if _reads_in_place(node.layer, sizes, plane):
            return _united(even)
    middle = tuple(length // 2 for length in plane)
    box = receptive_field(tape, name, middle)
    whole = tape.shape("input")[2:]
    if box is None or all(b - a == n for (a, b), n in zip(box, whole, strict=True)):
        return None
    return Field(tuple(b - a for a, b in box))


def _reads_in_place(layer: Layer, sizes: list[Sizes], plane: Sizes) -> bool:
    """Whether each unit reads what is at its own place, seen at three of them."""
    if any(size != plane for size in sizes):
        return False
    for places in ([0] * len(plane), [n // 2 for n in plane], [n - 1 for n in plane]):
        at = tuple(np.array([place]) for place in places)
        for read in layer.reads(at, sizes, plane):
            if [axis.tolist() for axis in read] != [[place] for place in places]:
                return False
    return True


def _through(window: Window, field: Field) -> Field:
    jump, start = field.jump or (), field.start or ()
    axes = range(window.rank)
    return Field(
        tuple(field.size[i] + (window.span[i] - 1) * jump[i] for i in axes),
        tuple(jump[i] * window.stride[i] for i in axes),
        tuple(start[i] - window.padding[i][0] * jump[i] for i in axes),
    )


def _united(below: list[Field]) -> Field:
    """What is seen through any of several layers that are read together."""
    first = below[0]
    sizes = zip(*(field.size for field in below), strict=True)
    if any(field.jump != first.jump for field in below):
        return Field(tuple(map(max, sizes)))
    starts = [field.start or () for field in below]
    stops = [
        tuple(a + n for a, n in zip(start, field.size, strict=True))
        for start, field in zip(starts, below, strict=True)
    ]
    begin = tuple(map(min, zip(*starts, strict=True)))
    end = tuple(map(max, zip(*stops, strict=True)))
    size = tuple(b - a for a, b in zip(begin, end, strict=True))
    return Field(size, first.jump, begin)
