"""Looking on while a net learns: its maps projected down to pixels, and dead ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, to_numpy
from ..io.images import resize
from ..io.pictures import stretch
from ..layers import Conv
from ..methods import Projections, deconvnet
from ..methods.drawing import grey_picture, grid, signed_picture
from ..methods.subject import net_of, preprocess_of, rectified
from ..net import Graph
from ..rules import DECONVNET, Rules

Picture = np.ndarray[Any, Any]

TOGETHER = 4  # samples run at a time: all maps of all layers are held of them
SIDE = 112  # of a tile of the way down


class Dead(NamedTuple):
    """Maps of a layer that answered to no picture of a batch."""

    layer: str
    maps: list[int]
    of: int


def dead_maps(net: Graph, x: Array) -> list[Dead]:
    """For each convolution, which of its rectified maps are nowhere above 0 in ``x``.

    A map that is dead for every picture has no gradient and stays so; where most are,
    the projections are black and the net does not converge.
    """
    layers = [rectified(net, conv) for conv in net.of_type(Conv)]
    alive: dict[str, Array] = {}
    for first in range(0, len(x), TOGETHER):
        tape = net.run(x[first : first + TOGETHER], keep=layers)
        for layer in layers:
            maps = to_numpy(tape[layer])
            lit = (maps > 0).any(axis=(0, *range(2, maps.ndim)))
            alive[layer] = lit | alive.get(layer, False)
    return [
        Dead(layer, np.flatnonzero(~lit).tolist(), len(lit))
        for layer, lit in alive.items()
    ]


def strongest(subject: Any, x: Array, layer: str, top: int) -> Projections:
    """The ``top`` maps of a layer that ``x (1, C, H, W)`` excites most, projected."""
    return deconvnet(subject, x, layer, top=top)


def way_down(subject: Any, x: Array, layer: str, rules: Rules = DECONVNET) -> Picture:
    """All maps of ``layer`` together on their way down to pixels, a tile a layer.

    Each tile is the sum of a layer's maps, each of them stretched to 0..255 before and
    the sum after; the last one is the input, signed, in its colours.
    """
    net, preprocess = net_of(subject), preprocess_of(subject)
    tape = net.run(x[:1], until=layer)
    signals = tape.signals(tape[layer], start=layer, rules=rules)
    order = [name for name in reversed(list(net.nodes)) if name in signals]
    tiles = []
    for name in order:
        planes = to_numpy(signals[name])[0]
        if planes.ndim == 3:
            total = sum(stretch(plane).astype(np.float64) for plane in planes)
            tiles.append(grey_picture(np.asarray(total)))
    tiles.append(signed_picture(signals["input"][0], preprocess))
    return grid([resize(tile, (SIDE, SIDE), filter="nearest") for tile in tiles])
