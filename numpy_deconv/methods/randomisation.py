"""The model-randomisation check: does a heat map depend on what the net has learnt?

Adebayo et al. 2018. The weights are replaced by noise, layer after layer from the top,
and each time the method is asked again. A map that stays as it was shows the picture,
not the net. What is known (Adebayo et al. with their erratum, Nie et al. 2018, Sixt et
al. 2020): the gradient decorrelates; guided backpropagation, the deconvnet and many
rules of LRP hardly notice the upper layers, and converge to one direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import NetError
from ..functional.options import whole
from ..layers import Conv, ConvTranspose, Layer, Linear
from ..net import Graph, Node
from .attribution import Attribution
from .drawing import Picture, grid
from .oriented_gradients import LEAST_SIDE, hog_correlation
from .plotting import Line, plot
from .result import Progress, Result
from .similarity import WINDOW, cosine, spearman, ssim
from .subject import Targets, batch_of, net_of, settings_of

WEIGHTED = (Conv, ConvTranspose, Linear)
MOST_DRAWN = 12

Method = Callable[..., Attribution]  # (net, x, target) -> Attribution


@dataclass(frozen=True, eq=False)
class Randomisation(Result):
    """``pixels (S+1, N, ...)``: the attribution, and after each of S layers was lost.

    ``layers`` are those layers, from the top. Each measure is ``(S, N)``: how alike the
    attribution still is to the first, by the ranks of its magnitudes and of its signed
    values, by structure (``ssim``) and by edges (``hog``), both of magnitudes and NaN
    for small maps, by direction (``cosine``).
    """

    layers: list[str]
    spearman_abs: Array
    spearman: Array
    ssim: Array
    hog: Array
    cosine: Array
    stages: list[Attribution]

    def maps(self, sample: int = 0) -> Picture:
        """The attribution of one sample as ever more layers are lost."""
        shown = np.linspace(0, len(self.stages) - 1, MOST_DRAWN).round().astype(int)
        kept = sorted(set(shown.tolist()))
        return grid([self.stages[n].drawn(sample) for n in kept], len(kept))

    def drawn(self) -> Picture:
        """Every measure, its mean over the samples, as ever more layers are lost."""
        across = np.arange(1, len(self.layers) + 1)
        measures = {
            "spearman, abs": self.spearman_abs,
            "spearman": self.spearman,
            "ssim": self.ssim,
            "hog": self.hog,
            "cosine": self.cosine,
        }
        lines = [
            Line(name, across, values.mean(axis=1)) for name, values in measures.items()
        ]
        title = f"{self.settings['of']}: similarity to the trained net's"
        return plot(lines, title, "layers lost, from the top", (0, 1))


def randomisation_check(
    method: Method,
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    stages: int | None = None,
    cascading: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Randomisation:
    """Ask a method again and again while the net loses its weights from the top.

    ``method(net, x, target)`` makes the attribution; the class stays that of the
    trained net. Weights become normal noise of the same mean square, other parameters
    are shuffled; those of a batch norm go with the convolution before it. With
    ``stages`` only so many comparisons are made, evenly spread over the layers; with
    ``cascading`` False each layer is lost alone. When interrupted, the stages so far
    are returned, and ``settings["interrupted_at"]`` says how many.

    >>> from numpy_deconv.methods import saliency
    >>> from numpy_deconv.models import load_model, sample_picture
    >>> model = load_model()
    >>> x = model.preprocess(sample_picture())
    >>> found = randomisation_check(saliency, model, x, stages=2)
    >>> found.layers, bool(found.spearman_abs[-1, 0] < 0.6)
    (['fc6', 'conv1'], True)
    """
    batch, graph = batch_of(x), net_of(net)
    groups = _groups(graph)
    kept = _evenly(len(groups), stages)
    original = method(net, batch, target)
    found, lost = [original], graph
    rng = np.random.default_rng(whole(seed, "seed", 0))
    interrupted: dict[str, Any] = {}
    try:
        for number, group in enumerate(groups):
            lost = without(lost if cascading else graph, group, rng)
            if number not in kept:
                continue
            changed = _in_place_of(net, lost)
            found.append(method(changed, batch, original.target))
            if progress is not None:
                progress(len(found) - 1, len(kept))
    except KeyboardInterrupt:
        if len(found) == 1:
            raise
        interrupted = {"interrupted_at": len(found) - 1}
    names = [groups[number][0] for number in kept][: len(found) - 1]
    first = to_numpy(original.pixels)
    table = np.array(
        [
            [_alike(a, b) for a, b in zip(first, to_numpy(each.pixels), strict=True)]
            for each in found[1:]
        ]
    )
    settings = settings_of(
        "randomisation_check",
        graph,
        batch,
        of=original.settings["method"],
        target=original.target,
        layers=names,
        cascading=cascading,
        seed=seed,
        **interrupted,
    )
    pixels = np.stack([each.pixels for each in found])
    by_rank, signed, structure, edges, direction = np.moveaxis(table, 2, 0)
    return Randomisation(
        pixels, settings, names, by_rank, signed, structure, edges, direction, found
    )


def without(net: Graph, names: list[str], rng: np.random.Generator) -> Graph:
    """The net with the parameters of these layers replaced by noise."""
    nodes = dict(net.nodes)
    for name in names:
        nodes[name] = Node(_noisy(net[name], rng), net.nodes[name].inputs)
    return Graph(nodes)


def _noisy(layer: Layer, rng: np.random.Generator) -> Layer:
    lost = {}
    for field, values in layer.params.items():
        given = to_numpy(values)
        if field == "weight" and isinstance(layer, WEIGHTED):
            size = float(np.sqrt(np.mean(np.square(given, dtype=np.float64))))
            noise = size * rng.standard_normal(given.shape)
        else:
            noise = rng.permutation(given.reshape(-1)).reshape(given.shape)
        lost[field] = np.asarray(noise.astype(given.dtype), like=values)
    return replace(layer, **lost)  # type: ignore[type-var]


def _groups(net: Graph) -> list[list[str]]:
    """Layers with weights, from the top, each with the norms that follow it."""
    groups: list[list[str]] = []
    for name, node in net.nodes.items():
        if isinstance(node.layer, WEIGHTED):
            groups.append([name])
        elif node.layer.params and groups:
            groups[-1].append(name)
    if not groups:
        raise NetError("the net has no layer with weights, so nothing to lose")
    return groups[::-1]


def _evenly(count: int, stages: int | None) -> list[int]:
    if stages is None:
        return list(range(count))
    wanted = min(whole(stages, "stages", 1), count)
    if wanted == 1:
        return [count - 1]
    return sorted(set(np.linspace(0, count - 1, wanted).round().astype(int).tolist()))


def _in_place_of(subject: Any, net: Graph) -> Any:
    """A model with another net, or the net itself."""
    return net if isinstance(subject, Graph) else replace(subject, net=net)


def _alike(a: Array, b: Array) -> tuple[float, ...]:
    """Spearman of magnitudes and of values, SSIM and HOG of magnitudes, cosine."""
    magnitudes = abs(a), abs(b)
    planes = magnitudes
    if a.ndim == 3:  # channels of a picture
        planes = abs(a.sum(axis=0)), abs(b.sum(axis=0))
    side = min(planes[0].shape)
    structure = ssim(*planes) if side >= WINDOW else float("nan")
    flat = planes[0].ndim == 2 and side >= LEAST_SIDE
    edges = hog_correlation(*planes) if flat else float("nan")
    return spearman(*magnitudes), spearman(a, b), structure, edges, cosine(a, b)
