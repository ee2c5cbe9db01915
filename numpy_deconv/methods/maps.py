"""Looking at what is there: feature maps of a layer, filters of a convolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import NetError, OptionError, ShapeError
from ..io.pictures import stretch
from ..layers import Conv, ConvTranspose
from ..models.catalogue import ARCHITECTURES
from ..net import Graph
from ..registry import placed
from .drawing import grey_picture, grid, signed_picture
from .result import Result
from .subject import batch_of, net_of, preprocess_of, settings_of

SHOWN = 16  # filters, and planes of each, in the picture of a deeper layer
STRIP = 8  # pixels by which a vector is thick
LARGEST = 512  # rows and columns of a matrix in its picture


@dataclass(frozen=True, eq=False)
class Tiles(Result):
    """``pixels``, one array per tile; ``names``, what each of them is."""

    tiles: list[np.ndarray[Any, Any]]
    names: list[str]
    columns: int | None = None

    def drawn(self) -> np.ndarray[Any, Any]:
        """All tiles in a grid."""
        return grid(self.tiles, self.columns)


def feature_maps(
    net: Any,
    x: Any,
    layer: str,
    *,
    maps: int | Sequence[int] | None = None,
    merged: bool = False,
    columns: int | None = None,
) -> Tiles:
    """Activations of ``layer`` for one sample: ``pixels (M, H, W)``.

    Each map is stretched to 0..255 on its own (a constant one is left as it is and
    clipped). ``merged`` gives one picture: the sum of the stretched maps, stretched
    again.
    """
    graph, batch = net_of(net), batch_of(x)
    graph.require(layer)
    if len(batch) != 1:
        raise OptionError(f"feature_maps shows one sample, x has {len(batch)}")
    activation = to_numpy(graph.run(batch, until=layer, keep=())[layer])[0]
    if activation.ndim == 1:
        activation = activation[:, None, None]
    if activation.ndim != 3:
        raise ShapeError(
            f"maps of {layer!r} have shape {activation.shape[1:]}: only 2-D ones are "
            "pictures"
        )
    numbers = _numbers(maps, len(activation), layer)
    chosen = activation[numbers]
    settings = settings_of(
        "feature_maps", graph, batch, layer=layer, maps=numbers, merged=merged
    )
    if merged:
        total = sum(stretch(plane).astype(np.float64) for plane in chosen)
        return Tiles(chosen, settings, [grey_picture(np.asarray(total))], ["merged"], 1)
    tiles = [grey_picture(plane) for plane in chosen]
    return Tiles(chosen, settings, tiles, [f"map {n}" for n in numbers], columns)


def filters(
    net: Any,
    layer: str,
    *,
    maps: int | Sequence[int] | None = None,
    columns: int | None = None,
) -> Tiles:
    """Weights of a layer as ``pixels``, ``(K, C, KH, KW)`` for a 2-D convolution.

    ``layer`` is a convolution's name, or a parameter of any layer: by its key in the
    state dict (``"features.0.weight"``) for a model of a known architecture, or as
    ``net.params`` has it (``"conv1.bias"``).

    Filters over three channels are colour tiles, each stretched on its own. Deeper
    ones are shown as planes, a row a filter, at most 16 by 16 unless ``maps`` are
    chosen. A matrix is one tile, its first 512 rows and columns; a vector is a strip.
    """
    graph = net_of(net)
    weight = to_numpy(_parameter(net, graph, layer))
    if weight.ndim not in (1, 2, 4):
        raise ShapeError(
            f"filters of {layer!r} have shape {weight.shape}: not pictures"
        )
    settings = settings_of("filters", graph, placed(weight[:0]), layer=layer)
    if weight.ndim < 4:
        if maps is not None:
            raise OptionError(
                f"{layer!r} has shape {weight.shape} and no maps: leave maps out"
            )
        plane = np.atleast_2d(weight)[:LARGEST, :LARGEST]
        rows, wide = plane.shape
        named = f"rows 0 to {rows - 1}, columns 0 to {wide - 1}"
        plane = plane.repeat(STRIP if weight.ndim == 1 else 1, axis=0)
        return Tiles(weight, settings, [grey_picture(plane)], [named], 1)
    numbers = _numbers(maps, len(weight), layer)
    settings["maps"] = numbers
    chosen = weight[numbers]
    if weight.shape[1] == 3:
        tiles = [signed_picture(w, preprocess_of(net)) for w in chosen]
        names = [f"filter {n}" for n in numbers]
        return Tiles(chosen, settings, tiles, names, columns)
    rows_shown = numbers if maps is not None else numbers[:SHOWN]
    width = min(weight.shape[1], SHOWN)
    planes = [(n, c) for n in rows_shown for c in range(width)]
    tiles = [signed_picture(weight[n, c][None], None) for n, c in planes]
    names = [f"filter {n}, channel {c}" for n, c in planes]
    return Tiles(chosen, settings, tiles, names, columns or width)


def _parameter(net: Any, graph: Graph, name: str) -> Array:
    """The weight of a convolution of that name, or the parameter of that name."""
    if name in graph:
        found = graph[name]
        if isinstance(found, Conv | ConvTranspose):
            return found.weight
        held = [f"{name}.{field}" for field in found.params]
        convolutions = ", ".join(graph.of_type(Conv, ConvTranspose))
        remedy = f"name one of {', '.join(held)}, or a convolution: " if held else ""
        raise NetError(
            f"{name!r} is a {type(found).__name__} and has no filters: {remedy}the "
            f"convolutions are {convolutions}"
        )
    known = ARCHITECTURES.get(getattr(net, "name", ""))
    if known is not None and set(graph) == {row.name for row in known.rows}:
        keyed = known.weights_of(graph)
        if name in keyed:
            return keyed[name]
    params = graph.params
    if name in params:
        return params[name]
    if "." in name:
        raise NetError(
            f"there is no parameter {name!r}: this net has {', '.join(params)}"
        )
    return params[graph.require(name)]  # which raises, naming the layers


def _numbers(maps: int | Sequence[int] | None, count: int, layer: str) -> list[int]:
    if maps is None:
        return list(range(count))
    numbers = [maps] if isinstance(maps, int | np.integer) else [int(m) for m in maps]
    for number in numbers:
        if not 0 <= number < count:
            raise NetError(
                f"{layer!r} has no map {number}: its {count} maps are counted from 0"
            )
    if not numbers:
        raise OptionError("maps is empty: name at least one")
    return [int(n) for n in numbers]
