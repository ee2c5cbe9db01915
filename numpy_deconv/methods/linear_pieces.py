"""Where the score of a piecewise linear net bends, along a line between two inputs.

Sotoudeh & Thakur 2019 (ExactLine). Between two points of the line at which all layers
above some layer take the same side of every kink, that layer's input is linear, so its
own kinks lie where straight lines meet. Layer by layer the line is cut there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import OptionError
from ..layers import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    Add,
    AvgPool,
    BatchNorm,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Flatten,
    GlobalAvgPool,
    GlobalMaxPool,
    Identity,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool,
    Pad,
    PReLU,
    ReLU,
    Upsample,
)
from ..layers.arithmetic import Offset
from ..layers.extend import Extend
from ..layers.reshaping import Expand, Gather, Reshape, Slice, Transpose
from ..layers.resize import Resize
from ..layers.space_depth import DepthToSpace, SpaceToDepth
from ..net import Graph
from .score import Score

MOST_PIECES = 10_000
LINEAR = (
    Conv,
    ConvTranspose,
    Linear,
    BatchNorm,
    AvgPool,
    AdaptiveAvgPool,
    GlobalAvgPool,
    Add,
    Concat,
    Flatten,
    Identity,
    Pad,
    Upsample,
    DepthToSpace,
    Expand,
    Extend,
    Gather,
    Offset,
    Reshape,
    Resize,
    Slice,
    SpaceToDepth,
    Transpose,
)
AT_ZERO = (ReLU, LeakyReLU, PReLU)
POOLS = (MaxPool, AdaptiveMaxPool, GlobalMaxPool)

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def linear_pieces(
    score: Score, start: Array, end: Array, sample: int
) -> tuple[Numbers, Numbers]:
    """The middle and the length of each piece, as shares of the way, in order.

    ``start`` and ``end`` are single inputs ``(C, *size)``. Raises OptionError for a
    layer that is not piecewise linear, and for a line of very many pieces.
    """
    net, cuts = score.net, np.array([0.0, 1.0])
    for name in _bends(net, score.layer):
        rounds = 1 if not isinstance(net[name], POOLS) else None
        while rounds is None or rounds > 0:
            found = np.concatenate(list(_meetings(score, name, start, end, cuts)))
            joined = np.union1d(cuts, found)
            rounds = None if rounds is None else rounds - 1
            if len(joined) == len(cuts):
                break
            cuts = joined
            if len(cuts) > MOST_PIECES:
                raise OptionError(
                    f"sample {sample} bends more than {MOST_PIECES} times at {name!r}: "
                    "integrate over steps instead, without exact"
                )
    return (cuts[:-1] + cuts[1:]) / 2, np.diff(cuts)


def _bends(net: Graph, last: str) -> list[str]:
    """The layers with kinks that the score depends on, in order."""
    needed = {last}
    for name in reversed(list(net)):
        if name in needed:
            needed.update(source.partition(":")[0] for source in net.nodes[name].inputs)
    names = [name for name in net if name in needed]
    for name in names:
        if not isinstance(net[name], LINEAR + AT_ZERO + POOLS + (Clip,)):
            raise OptionError(
                f"layer {name!r} ({net[name].describe()}) is not piecewise linear: "
                "integrate over steps instead, without exact"
            )
    return [name for name in names if not isinstance(net[name], LINEAR)]


def _meetings(
    score: Score, name: str, start: Array, end: Array, cuts: Numbers
) -> Iterator[Numbers]:
    """Where, between two neighbouring cuts, units of a layer come to a kink."""
    (source,) = score.net.nodes[name].inputs
    layer = score.net[name]
    shape = (-1, *(1,) * start.ndim)
    for part in score.chunks(len(cuts) - 1):
        here = cuts[part.start : part.stop + 1]
        along = np.asarray(here.astype(start.dtype), like=start).reshape(shape)
        points = start + along * (end - start)
        tape = score.net.run(points, until=name, keep=(source, name))
        x = to_numpy(tape[source]).reshape(len(here), -1)
        if isinstance(layer, POOLS):
            plane = int(np.prod(tape.shape(source)[2:]))
            chosen = to_numpy(tape.saved[name].switches)
            pairs = _rivals(x, chosen.reshape(len(here), -1), plane)
        else:
            pairs = [_sides(x - level) for level in _levels(layer)]
        for before, after, piece in pairs:
            share = before / (before - after)
            yield here[piece] + share * np.diff(here)[piece]


def _levels(layer: Layer) -> list[float]:
    if isinstance(layer, Clip):
        return [level for level in (layer.low, layer.high) if level is not None]
    return [0.0]


def _sides(x: Array) -> tuple[Array, Array, Array]:
    """Values that change their sign within a piece: before, after, and which piece."""
    piece, unit = np.nonzero(x[:-1] * x[1:] < 0)
    return x[piece, unit].astype(float), x[piece + 1, unit].astype(float), piece


def _rivals(x: Array, chosen: Array, plane: int) -> list[tuple[Array, Array, Array]]:
    """By how much a pool's choice is ahead of the one that it changes to."""
    piece, unit = np.nonzero(chosen[:-1] != chosen[1:])
    count = x.shape[1] // plane
    offset = unit // (chosen.shape[1] // count) * plane
    old, new = chosen[piece, unit] + offset, chosen[piece + 1, unit] + offset
    before = (x[piece, old] - x[piece, new]).astype(float)
    after = (x[piece + 1, old] - x[piece + 1, new]).astype(float)
    real = (before > 0) & (after < 0)
    return [(before[real], after[real], piece[real])]
