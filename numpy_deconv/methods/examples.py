"""What a map responds to most, over many pictures: patches and their projections.

Zeiler & Fergus 2014, section 4 and figure 2: for each map its strongest activations
over a data set, one per picture, each projected down by itself, beside the patch of the
picture that it sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from ..errors import OptionError
from ..functional.options import whole
from ..layers import Box
from ..net import Tape, project_units
from ..net.memory import memory_limit
from ..net.receptive_field import receptive_fields
from ..per_axis import is_several
from ..rules import DECONVNET, Rules
from .drawing import Picture, grid, network_picture, signed_picture
from .ranking import Ranking, ranked
from .result import Progress, Result
from .subject import batch_of, kept_for, net_of, preprocess_of, settings_of


class Example(NamedTuple):
    """One of the strongest activations of a map: in which picture, where, how strong,
    and the box of the input that it sees."""

    map: int
    picture: int
    position: tuple[int, ...]
    value: float
    box: Box


@dataclass(frozen=True, eq=False)
class Examples(Result):
    """``pixels (M, C, *field)``: the projections of ``examples``, strongest first for
    each map; ``patches``, the same windows of the net's inputs.

    ``field`` is the largest receptive field; at the edge of a picture it is filled up
    with zeros. ``skipped`` names the pictures that could not be read, and why.
    """

    examples: list[Example]
    patches: Array
    skipped: list[tuple[int, str]]
    subject: Any

    def of_map(self, number: int) -> list[int]:
        """The places of a map's examples in ``pixels``."""
        return [n for n, each in enumerate(self.examples) if each.map == number]

    def map_drawn(self, number: int) -> Picture:
        """Projections on the left and patches on the right, each in a square."""
        preprocess = preprocess_of(self.subject)
        at = self.of_map(number)
        down = [signed_picture(self.pixels[n], preprocess) for n in at]
        seen = [network_picture(self.patches[n][None], preprocess) for n in at]
        side = int(np.ceil(np.sqrt(len(at))))
        return grid([grid(down, side), grid(seen, side)], 2)

    def drawn(self) -> Picture:
        """Every map, one below the other: nine patches look as in figure 2."""
        maps = list(dict.fromkeys(each.map for each in self.examples))
        tiles = [self.map_drawn(number) for number in maps]
        height = max(tile.shape[0] for tile in tiles)
        width = max(tile.shape[1] for tile in tiles)
        return grid([_on_white(tile, height, width) for tile in tiles], 1)


def strongest_examples(
    net: Any,
    pictures: Sequence[Any] | Array,
    layer: str,
    *,
    maps: int | Sequence[int] | None = None,
    top: int = 9,
    rules: Rules = DECONVNET,
    state: str | PathLike[str] | None = None,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Examples:
    """The ``top`` pictures that excite each map of ``layer`` most, projected to pixels.

    ``pictures`` is a batch ``(N, C, *size)``, or, for a model, any sequence of pictures
    it can read (paths, say), which are read a few at a time; those that cannot be are
    skipped. ``maps`` are all unless chosen. ``state`` names a file in which the search
    is kept as it goes, and from which it is taken up again.

    When interrupted during the search, what the pictures so far have shown is projected
    and ``settings["interrupted_at"]`` says how many those were.
    """
    graph, count = net_of(net), whole(top, "top", 1)
    graph.require(layer)
    found = ranked(net, pictures, layer, count, state, memory, progress)
    limit = memory_limit(memory, found.sample)
    chosen = _chosen(maps, len(found.values), layer)
    examples, windows = _projected(net, pictures, layer, found, chosen, rules, limit)
    settings = settings_of(
        "strongest_examples",
        graph,
        found.sample,
        rules,
        layer=layer,
        maps=chosen,
        top=count,
        pictures=len(pictures),
        skipped=len(found.skipped),
        examples=[(e.map, e.picture, *e.position) for e in examples],
        **({"interrupted_at": found.done} if found.interrupted else {}),
    )
    if not examples:
        raise OptionError(f"none of the {len(pictures)} pictures could be looked at")
    return Examples(windows[0], settings, examples, windows[1], found.skipped, net)


def _chosen(maps: int | Sequence[int] | None, count: int, layer: str) -> list[int]:
    if maps is None:
        return list(range(count))
    given: Any = maps if is_several(maps) else [maps]
    numbers = [whole(number, "maps") for number in given]
    if not numbers or not all(0 <= number < count for number in numbers):
        raise OptionError(
            f"maps of {layer!r} are numbers from 0 to {count - 1}: {maps}"
        )
    return numbers


def _projected(
    net: Any,
    pictures: Any,
    layer: str,
    found: Ranking,
    maps: list[int],
    rules: Rules,
    memory: int,
) -> tuple[list[Example], tuple[Array, Array]]:
    """Examples of each map in order, and windows of their projections and inputs."""
    wanted: dict[int, list[tuple[int, int]]] = {}
    for number in maps:
        for rank, picture in enumerate(found.pictures[number].tolist()):
            if picture >= 0:
                wanted.setdefault(picture, []).append((number, rank))
    made: dict[tuple[int, int], tuple[Example, Array, Array]] = {}
    graph = net_of(net)
    for picture, ranks in wanted.items():
        x = batch_of(found.read(picture))
        tape = graph.run(x, until=layer, keep=kept_for(rules, graph))
        units = [_unit(tape, layer, found, *each) for each in ranks]
        boxes = receptive_fields(tape, layer, [unit[1:] for unit in units])
        values = [float(tape[layer][(0, *unit)]) for unit in units]
        places = [(0, *unit) for unit in units]
        for part in project_units(
            tape, places, values, start=layer, rules=rules, memory=memory
        ):
            for row, plane in zip(part.units.tolist(), part.planes(), strict=True):
                box = boxes[row] or tuple((0, 1) for _ in x.shape[2:])
                inside = (slice(None), *(slice(*side) for side in box))
                unit = units[row]
                example = Example(unit[0], picture, unit[1:], values[row], box)
                made[ranks[row]] = example, plane[inside], x[0][inside]
    ordered = [
        made[key] for key in sorted(made, key=lambda k: (maps.index(k[0]), k[1]))
    ]
    examples = [example for example, _, _ in ordered]
    return examples, (
        _padded([plane for _, plane, _ in ordered], examples),
        _padded([patch for _, _, patch in ordered], examples),
    )


def _unit(
    tape: Tape, layer: str, found: Ranking, number: int, rank: int
) -> tuple[int, ...]:
    size = tape.shape(layer)[2:]
    place = int(found.places[number, rank])
    return (number, *(int(p) for p in np.unravel_index(place, size or (1,))))[
        : 1 + len(size)
    ]


def _padded(windows: list[Array], examples: list[Example]) -> Array:
    """Windows in one size; one that begins at the edge of the picture ends alike."""
    if not windows:
        return np.zeros((0, 0))
    rank = windows[0].ndim - 1
    field = [max(w.shape[1 + axis] for w in windows) for axis in range(rank)]
    shape = (len(windows), windows[0].shape[0], *field)
    whole_field = np.zeros_like(windows[0], shape=shape)
    for row, (window, example) in enumerate(zip(windows, examples, strict=True)):
        inside = [
            slice(full - length, full) if first == 0 else slice(0, length)
            for full, length, (first, _) in zip(
                field, window.shape[1:], example.box, strict=True
            )
        ]
        whole_field[(row, slice(None), *inside)] = window
    return whole_field


def _on_white(picture: Picture, height: int, width: int) -> Picture:
    sheet = np.full((height, width, 3), 255, np.uint8)
    sheet[: picture.shape[0], : picture.shape[1]] = picture
    return sheet
