"""Inversion: a picture that a layer takes for the same (Mahendran & Vedaldi 2015)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import OptionError
from ...net import Graph
from ..result import Progress
from ..subject import net_of
from .engine import climb, noise
from .matching import FeatureDistance
from .optimisers import Momentum
from .recipe import Recipe, changed, preset_of
from .regularisers import Power, TotalVariation
from .result import Ascent
from .slope import Slope
from .space import Space
from .visualization import finished, one_picture


@dataclass(frozen=True)
class Inversion:
    """A recipe, and the weight of the total variation by how deep the layer is.

    ``smoothness`` are (share of the net's layers, weight): the first whose share the
    layer is within counts.
    """

    recipe: Recipe
    smoothness: tuple[tuple[float, float], ...]

    def weight(self, net: Graph, layer: str) -> float:
        """For this layer."""
        share = (list(net).index(layer) + 1) / len(net)
        return next(weight for most, weight in self.smoothness if share <= most)


INVERSIONS = {
    "mahendran": Inversion(
        Recipe(
            steps=400,
            optimiser=Momentum(0.004),
            rates=((101, 4e-4), (301, 4e-5)),
            units="centred",
            stretched=True,
            regularisers=(Power(8e-10 / 2, exponent=6),),
            source="aravindhm/deep-goggle, experiment_cnn.m (Mahendran & Vedaldi 2015)",
        ),
        smoothness=((6 / 20, 1 / 2), (12 / 20, 10 / 2), (1, 100 / 2)),
    ),
}


def invert(
    net: Any,
    x: Any,
    layer: str,
    *,
    preset: str = "mahendran",
    smoothness: float | None = None,
    seed: int = 0,
    every: int | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Ascent:
    """Find, from noise, a picture of which ``layer`` says what it says of ``x``.

    Minimises ``norm(a - a0)**2 / norm(a0)**2`` of the layer's activations plus fines
    for what photographs do not have, total variation (weight ``smoothness``; by
    default more for deeper layers) and large values. ``settings["error"]`` is the
    relative distance ``norm(a - a0) / norm(a0)`` that was left. Terms are balanced by
    the norm of the picture, as published with that of an average one. Other options,
    seeds and interruption are as of :func:`numpy_deconv.methods.visualize`.

    Raises OptionError where the layer is 0 everywhere: there is nothing to invert.
    """
    inversion = preset_of(INVERSIONS, preset)
    recipe = changed(inversion.recipe, changes)
    batch, graph = one_picture(x), net_of(net)
    target = graph.run(batch, until=graph.require(layer), keep=()).output
    strength = float((target * target).sum())
    if not strength:
        raise OptionError(f"{layer!r} is 0 for this picture: nothing to invert")
    if smoothness is None:
        smoothness = inversion.weight(graph, layer)
    recipe = replace(
        recipe, regularisers=(*recipe.regularisers, TotalVariation(smoothness))
    )
    space = Space.of(net, batch.shape[1:], recipe.units, batch)
    picture = space.from_input(batch)
    norm = float(np.linalg.norm(picture))
    recipe = replace(recipe, spread=norm / picture.size**0.5)
    distance = FeatureDistance(layer, target, norm**2 / strength)
    rng = np.random.default_rng(seed)
    slope = Slope(graph, -distance)
    start = noise(recipe, space, rng)
    found = climb(slope, start, recipe, space, rng, every=every, progress=progress)
    left = graph.run(found.pixels, until=layer, keep=()).output - target
    about = {
        "layer": layer,
        "preset": preset,
        "smoothness": smoothness,
        "seed": seed,
        "error": float(np.linalg.norm(left)) / strength**0.5,
    }
    return finished("invert", net, recipe, found, about)
