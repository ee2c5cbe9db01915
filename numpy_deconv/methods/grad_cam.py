"""Grad-CAM: where in the picture the last convolution sees the class.

Selvaraju et al. 2017: each map of a layer counts as much as the score rises with it on
average, ``alpha_k = mean of dS/dA_k``; the sum ``ReLU(sum of alpha_k * A_k)`` is
enlarged to the picture. Guided Grad-CAM is its product with guided backpropagation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import NetError
from ..layers import Conv
from ..net.memory import in_halves
from ..rules import GUIDED, Rules
from .attribution import Attribution
from .heat import Heat, resized
from .result import Progress
from .score import Score
from .subject import (
    Targets,
    batch_of,
    rectified,
    scores_of,
    seed_signal,
    settings_of,
)


@dataclass(frozen=True, eq=False)
class GradCam(Heat):
    """``pixels (N, *size)``, not negative; ``coarse`` is the same in the layer's size,
    ``weights (N, maps)`` what each map counts."""

    coarse: Array
    weights: Array


def grad_cam(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    layer: str | None = None,
    memory: int | None = None,
    progress: Progress | None = None,
) -> GradCam:
    """Where ``layer`` sees the class: its maps, weighted by their mean gradients.

    ``layer`` is the last convolution with more than one position unless it is named,
    after its ReLU. Raises NetError for a layer without positions. When interrupted,
    the samples that were finished are returned.
    """
    batch = batch_of(x)
    score = Score.of(net, batch, target, memory=memory)
    place = _layer(score, layer)
    found: list[tuple[Array, Array]] = []
    interrupted: dict[str, Any] = {}
    done = 0
    try:
        for part in score.chunks(len(batch)):
            found += _weighted(score, place, batch[part], score.targets[part])
            done = part.stop
            if progress is not None:
                progress(done, len(batch))
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = {"interrupted_at": done}
    coarse, weights = (np.concatenate(each) for each in zip(*found, strict=True))
    settings = settings_of(
        "grad_cam",
        score.net,
        batch,
        layer=place,
        target=score.targets[:done],
        **interrupted,
    )
    return GradCam(
        resized(coarse[:, None], batch.shape[2:])[:, 0],
        settings,
        score.targets[:done],
        score.reached[:done],
        net,
        batch[:done],
        coarse,
        weights,
    )


def guided_grad_cam(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    layer: str | None = None,
    rules: Rules = GUIDED,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Attribution:
    """Guided backpropagation where Grad-CAM of ``layer`` is hot, ``(N, C, *size)``.

    The product of both; see :func:`grad_cam` and :func:`guided_backprop`.
    """
    batch = batch_of(x)
    heat = grad_cam(net, batch, target, layer=layer, memory=memory, progress=progress)
    batch = batch[: len(heat.target)]
    score = Score.of(net, batch, heat.target, rules, memory)
    pixels = np.empty_like(batch)
    for part in score.chunks(len(batch)):
        guided = score.gradient(batch[part], score.targets[part])
        pixels[part] = guided * heat.pixels[part][:, None]
    settings = {
        **settings_of("guided_grad_cam", score.net, batch, rules),
        **heat.settings,
        "method": "guided_grad_cam",
    }
    return Attribution(pixels, settings, heat.target, heat.scores, net)


def _layer(score: Score, layer: str | None) -> str:
    """The layer that was named, or the last convolution that has positions."""
    if layer is not None:
        score.net.require(layer)
        if layer in score.shapes and len(score.shapes[layer]) < 3:
            raise NetError(
                f"{layer!r} has no positions, its shape is {score.shapes[layer][1:]}: "
                "Grad-CAM needs a layer with maps, such as a convolution"
            )
        return layer
    wide = [n for n in score.net.of_type(Conv) if _positions(score, n) > 1]
    if not wide:
        raise NetError("no convolution has more than one position: name a layer")
    return rectified(score.net, wide[-1])


def _positions(score: Score, name: str) -> int:
    return math.prod(score.shapes[name][2:]) if name in score.shapes else 0


def _weighted(
    score: Score, place: str, x: Array, targets: list[int]
) -> list[tuple[Array, Array]]:
    """The heat map in the layer's own size, and the weight of each map."""

    def of(part: slice) -> tuple[Array, Array]:
        tape, top, _ = scores_of(score.net, x[part], score.rules, (place,))
        signal = seed_signal(tape[top], targets[part])
        gradient = tape.project(signal, start=top, rules=score.rules, stop=place)
        positions = tuple(range(2, gradient.ndim))
        weights = gradient.mean(axis=positions)
        maps = tape[place] * weights.reshape(*weights.shape, *(1,) * len(positions))
        return np.maximum(maps.sum(axis=1), 0), weights

    return in_halves(x, of)
