"""Style transfer: the content of one picture in the style of another.

Gatys, Ecker & Bethge 2016: content is what a deep layer says where, style which maps
of several layers are strong together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ...arrays import Array
from ...errors import OptionError
from ...functional.options import real
from ...net import Graph
from ..result import Progress
from ..subject import RECTIFIERS, net_of
from .edits import Clamp
from .engine import climb, noise
from .matching import FeatureDistance, GramDistance, gram
from .objectives import Objective
from .optimisers import LBFGS, Adam
from .recipe import Recipe, changed, preset_of
from .regularisers import TotalVariation
from .result import Ascent
from .slope import Slope
from .space import Space
from .visualization import finished, one_picture


@dataclass(frozen=True)
class Style:
    """Layers and weights of content and style.

    ``losses`` are sums of squares, their means, or relative: divided by the sum of the
    squares of what is to be reached, so that layers of any strength count alike.
    ``begin`` at the content picture, or at noise.
    """

    recipe: Recipe
    content_layer: str
    content_weight: float
    style_layers: tuple[str, ...]
    style_weights: tuple[float, ...]
    losses: Literal["sum", "mean", "relative"] = "sum"
    begin: Literal["content", "noise"] = "content"


STYLES = {
    "cs231n": Style(
        Recipe(
            steps=200,
            optimiser=Adam(3.0),
            rates=((181, 0.1),),
            regularisers=(TotalVariation(2e-2),),
            edits=(Clamp(-1.5, 1.5, until=189),),
            source="Stanford cs231n, assignment 3, style transfer, composition VII",
        ),
        content_layer="fire2/concat",
        content_weight=6e-2,
        style_layers=("relu_conv1", "fire3/concat", "fire4/concat", "fire5/concat"),
        style_weights=(20000, 500, 12, 1),
    ),
    "neural_style": Style(
        Recipe(
            steps=1000,
            optimiser=LBFGS(),
            spread=1e-3,
            units="centred",
            regularisers=(TotalVariation(1e-3 / 2),),
            source="jcjohnson/neural-style, neural_style.lua",
        ),
        content_layer="relu4_2",
        content_weight=5,
        style_layers=tuple(f"relu{stage}_1" for stage in range(1, 6)),
        style_weights=(100,) * 5,
        losses="mean",
        begin="noise",
    ),
    "relative": Style(
        Recipe(
            steps=150,
            optimiser=Adam(0.05),
            rates=((121, 0.01),),
            regularisers=(TotalVariation(1e-5),),
            source="losses relative to their targets, for any net",
        ),
        content_layer="",
        content_weight=0.05,
        style_layers=(),
        style_weights=(1,) * 5,
        losses="relative",
    ),
}


def style_transfer(
    net: Any,
    content: Any,
    style: Any,
    *,
    preset: str | None = None,
    content_layer: str | None = None,
    style_layers: Sequence[str] | None = None,
    content_weight: float | None = None,
    style_weights: Sequence[float] | None = None,
    seed: int = 0,
    every: int | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Ascent:
    """Paint ``content (1, C, *size)`` as ``style (1, C, *any)`` is painted.

    The layers are the preset's where the net has them (``cs231n``: SqueezeNet 1.1,
    ``neural_style``: VGG-19). Elsewhere styles are compared at the first rectifier of
    each size, as VGG's ``relu1_1`` to ``relu5_1`` are, and content at the second
    rectifier of the last size but one, as ``relu4_2``. The published weights suit no
    other net; ``relative`` measures each loss by what is to be reached, and is the
    preset unless another is named or the net has a preset's layers. Other options,
    seeds and interruption are as of :func:`numpy_deconv.methods.visualize`.

    Raises OptionError unless there are as many weights as layers.
    """
    graph = net_of(net)
    preset = _published_for(graph) if preset is None else preset
    plan = preset_of(STYLES, preset)
    recipe = changed(plan.recipe, changes)
    picture, model = one_picture(content), one_picture(style)
    plan = _placed(plan, graph, picture)
    plan = replace(
        plan,
        content_layer=content_layer or plan.content_layer,
        content_weight=_or(content_weight, plan.content_weight),
        style_layers=tuple(style_layers or plan.style_layers),
        style_weights=tuple(style_weights or plan.style_weights),
    )
    if style_layers and not style_weights:
        weights = plan.style_weights[: len(plan.style_layers)]
        plan = replace(plan, style_weights=weights)
    objective = _objective(plan, graph, picture, model)
    space = Space.of(net, picture.shape[1:], recipe.units, picture)
    rng = np.random.default_rng(seed)
    start = space.from_input(picture)
    if plan.begin == "noise":
        start = noise(recipe, space, rng)
    slope = Slope(graph, objective)
    found = climb(slope, start, recipe, space, rng, every=every, progress=progress)
    about = {
        "preset": preset,
        "seed": seed,
        "content_layer": plan.content_layer,
        "content_weight": plan.content_weight,
        "style_layers": list(plan.style_layers),
        "style_weights": list(plan.style_weights),
        "begin": plan.begin,
    }
    return finished("style_transfer", net, recipe, found, about)


def _published_for(net: Graph) -> str:
    """The first preset whose layers the net has; ``relative`` has none of its own."""
    for name, plan in STYLES.items():
        layers = (plan.content_layer, *plan.style_layers)
        if all(layer in net for layer in layers):
            return name
    return "relative"


def _or(given: float | None, default: float) -> float:
    return default if given is None else real(given, "content_weight")


def _placed(plan: Style, net: Graph, x: Array) -> Style:
    """The plan with layers that the net has."""
    if all(name in net for name in (plan.content_layer, *plan.style_layers)):
        return plan
    shapes = net.run(x, keep=()).shapes
    stages: dict[tuple[int, ...], list[str]] = {}
    for name in net.of_type(*RECTIFIERS):
        if name in shapes and len(shapes[name]) == x.ndim:
            stages.setdefault(shapes[name][2:], []).append(name)
    several = [names for size, names in stages.items() if max(size) > 1]
    if not several:
        raise OptionError(
            "this net has no rectified maps to compare: give content_layer and "
            "style_layers"
        )
    first = tuple(names[0] for names in several)[: len(plan.style_weights)]
    deep = several[max(0, len(first) - 2)]
    return replace(
        plan,
        content_layer=deep[min(1, len(deep) - 1)],
        style_layers=first,
        style_weights=plan.style_weights[: len(first)],
    )


def _objective(plan: Style, net: Graph, content: Array, style: Array) -> Objective:
    layers, weights = plan.style_layers, plan.style_weights
    if len(layers) != len(weights):
        raise OptionError(
            f"{len(layers)} style_layers and {len(weights)} style_weights: give a "
            "weight for each layer"
        )
    wanted = _activations(net, content, (plan.content_layer,))[plan.content_layer]
    share = _share(plan, wanted)
    losses: Objective = FeatureDistance(
        plan.content_layer, wanted, plan.content_weight * share
    )
    painted = _activations(net, style, layers)
    for name, weight in zip(layers, weights, strict=True):
        target = gram(painted[name])
        share = _share(plan, target)
        losses = losses + GramDistance(name, target, weight * share)
    return -losses


def _share(plan: Style, target: Array) -> float:
    """What a sum of squares is multiplied with."""
    if plan.losses == "mean":
        return 1 / target.size
    if plan.losses == "sum":
        return 1.0
    return 1 / (float((target * target).sum()) or 1.0)


def _activations(net: Graph, x: Array, layers: Sequence[str]) -> dict[str, Array]:
    names = [net.require(name) for name in layers]
    last = max(names, key=list(net).index)
    tape = net.run(x, until=last, keep=tuple(names))
    return {name: tape[name] for name in names}
