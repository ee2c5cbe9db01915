"""Deletion and insertion: what a class score does when the pixels go by their heat.

Petsiuk, Das & Saenko 2018. Deletion hides the hottest pixels first: the sooner the
class is lost, the smaller the area under the curve, the better the heat map. Insertion
shows them first, in a blurred picture: the larger the area, the better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, as_array, to_numpy
from ..errors import ShapeError
from ..functional import softmax
from ..functional.options import whole
from .attribution import Attribution
from .drawing import Picture
from .occlusion import filling
from .plotting import Line, plot
from .result import Progress, Result
from .score import Score
from .subject import Targets, batch_of, settings_of

BLUR = 5.0  # pixels, as the paper's


@dataclass(frozen=True, eq=False)
class Removal(Result):
    """``pixels (N, steps+1)``: the probability of the class after each step.

    ``shares`` of the pixels are gone, or there, at each; ``area`` is under each curve.
    """

    target: list[int]
    shares: Array
    area: list[float]

    def drawn(self) -> Picture:
        """The curves of all samples."""
        lines = [
            Line(f"area {area:.3f}", self.shares, to_numpy(curve))
            for area, curve in zip(self.area, self.pixels, strict=True)
        ]
        done = "hidden" if self.settings["method"] == "deletion" else "shown"
        title = f"probability ({self.settings['method']})"
        return plot(lines, title, f"share {done}", (0, 1))


def deletion(
    net: Any,
    x: Any,
    attribution: Any,
    target: Targets = None,
    *,
    steps: int = 50,
    value: Any = 0.0,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Removal:
    """The probability of ``target`` as the pixels of largest attribution are hidden.

    ``attribution`` is a result, whose class is then the default, or an array
    ``(N, *size)`` or ``(N, C, *size)``, which is summed over C. Hidden pixels become
    ``value``, a number or one per channel. When interrupted, the samples that were
    finished are returned.
    """
    batch = batch_of(x)
    hidden = np.zeros_like(batch) + filling(value, batch)
    options = {"steps": steps, "value": np.asarray(value).tolist()}
    return _curves(
        "deletion", net, (batch, hidden), attribution, target, options, memory, progress
    )


def insertion(
    net: Any,
    x: Any,
    attribution: Any,
    target: Targets = None,
    *,
    steps: int = 50,
    blur: float = BLUR,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Removal:
    """The probability of ``target`` as the pixels of largest attribution are shown.

    They appear in the picture blurred by ``blur`` pixels; see :func:`deletion`.
    """
    batch = batch_of(x)
    options = {"steps": steps, "blur": blur}
    from .ascent import gaussian_blur  # an engine of its own, and else not needed

    ends = gaussian_blur(batch, blur), batch
    return _curves(
        "insertion", net, ends, attribution, target, options, memory, progress
    )


def pixel_heat(attribution: Any, x: Array) -> Array:
    """One number for each pixel of each sample, ``(N, *size)``.

    Raises ShapeError for attributions of other pictures.
    """
    given = as_array(getattr(attribution, "pixels", attribution), "attribution")
    if given.shape == x.shape:
        return given.sum(axis=1)
    if given.shape != (len(x), *x.shape[2:]):
        raise ShapeError(
            f"attribution has shape {given.shape}, x has {x.shape}: give one number "
            "for each pixel, or for each channel of each"
        )
    return given


def class_of(attribution: Any, target: Targets) -> Targets:
    """The class that was asked for, or else the one the attribution is of."""
    if target is None and isinstance(attribution, Attribution):
        return attribution.target
    return target


def _curves(
    method: str,
    net: Any,
    ends: tuple[Array, Array],
    attribution: Any,
    target: Targets,
    options: dict[str, Any],
    memory: int | None,
    progress: Progress | None,
) -> Removal:
    """From the one end to the other, pixel by pixel, the hottest first."""
    first, last = ends
    heat = to_numpy(pixel_heat(attribution, first)).reshape(len(first), -1)
    count = whole(options["steps"], "steps", 1)
    shown = last if method == "insertion" else first
    score = Score.of(net, shown, class_of(attribution, target), memory=memory)
    done, gone = 0, np.rint(np.linspace(0, heat.shape[1], count + 1)).astype(int)
    chances = np.full((len(first), count + 1), np.nan)
    interrupted: dict[str, Any] = {}
    try:
        for n in range(len(first)):
            order = np.argsort(-heat[n], kind="stable")
            rank = np.empty_like(order)
            rank[order] = np.arange(len(order))
            rank = np.asarray(rank.reshape(1, *first.shape[2:]), like=first)
            for part in score.chunks(count + 1):
                seen = [np.where(rank < k, last[n], first[n]) for k in gone[part]]
                chance = softmax(score.all_at(np.stack(seen)))[:, score.targets[n]]
                chances[n, part] = to_numpy(chance)
                if progress is not None:
                    progress(n * (count + 1) + part.stop, chances.size)
            done = n + 1
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = {"interrupted_at": done}
    shares = gone / heat.shape[1]
    area = np.trapezoid(chances[:done], shares, axis=1).tolist()
    settings = settings_of(
        method,
        score.net,
        first,
        target=score.targets[:done],
        area=area,
        **options,
        **interrupted,
    )
    return Removal(chances[:done], settings, score.targets[:done], shares, area)
