"""DeepDream: whatever a layer sees in a picture, more of it, at several sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import OptionError, ShapeError
from ...functional.options import real, whole
from ...per_axis import Sizes
from ..result import Progress
from ..subject import net_of
from .edits import ClipToPixels
from .engine import Climbed, climb
from .objectives import LayerEnergy, Objective
from .optimisers import Descent
from .recipe import Recipe, changed, preset_of
from .resampling import resized
from .result import Ascent
from .slope import Slope
from .space import Space
from .transforms import Roll
from .visualization import finished, one_picture


@dataclass(frozen=True)
class Dream:
    """A recipe for each of ``octaves`` sizes, each ``scale`` times the one before."""

    recipe: Recipe
    octaves: int
    scale: float


DREAMS = {
    "deepdream": Dream(
        Recipe(
            steps=10,
            optimiser=Descent(1.5, "mean_abs"),
            units="centred",
            transforms=(Roll(32, both_ways=True),),
            edits=(ClipToPixels(),),
            source="google/deepdream, dream.ipynb (Mordvintsev et al. 2015)",
        ),
        octaves=4,
        scale=1.4,
    ),
}


def deepdream(
    net: Any,
    x: Any,
    layer: str | Objective,
    *,
    preset: str = "deepdream",
    octaves: int | None = None,
    scale: float | None = None,
    seed: int = 0,
    every: int | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Ascent:
    """Dream into ``x (1, C, *size)``, of any size that ``layer`` can be computed for.

    Half the squared norm of ``layer`` (or another objective) is climbed in the picture
    made smallest; what was added, the detail, is enlarged and carried into the next
    size, up to the whole picture. ``steps`` are for each size; ``every`` counts them
    all. Other options, seeds and interruption are as of
    :func:`numpy_deconv.methods.visualize`.
    """
    if every is not None:
        whole(every, "every", 1)
    dream = preset_of(DREAMS, preset)
    recipe = changed(dream.recipe, changes)
    octaves = whole(dream.octaves if octaves is None else octaves, "octaves", 1)
    scale = _enlargement(dream.scale if scale is None else scale)
    batch = one_picture(x)
    objective = LayerEnergy(layer) if isinstance(layer, str) else layer
    slope = Slope(net_of(net), objective)
    rng = np.random.default_rng(seed)
    total = octaves * recipe.steps
    whole_space = Space.of(net, batch.shape[1:], recipe.units, batch)
    bases = _octaves(whole_space.from_input(batch), octaves, scale)
    detail = np.zeros_like(bases[-1])
    found = Climbed(batch)

    def told(done: int, _: int) -> None:
        if progress is not None:
            progress(len(found.history) + done, total)

    for base in reversed(bases):
        space = replace(whole_space, size=base.shape[2:])
        start = base + resized(detail, space.size, corners=True)
        try:
            part = climb(slope, start, recipe, space, rng, every=1, progress=told)
        except ShapeError as error:
            if base is bases[0]:
                raise
            raise ShapeError(
                f"the octave of {space.size} is too small: use fewer, or a larger "
                f"picture; {error}"
            ) from error
        taken = len(found.history)
        for step, pixels in part.snapshots:
            if every and (taken + step) % every == 0:
                seen = _whole(space.from_input(pixels) - base, bases[0], whole_space)
                found.snapshots.append((taken + step, seen))
        found.history += part.history
        detail = space.from_input(part.pixels) - base
        if part.interrupted_at is not None:
            found.interrupted_at = len(found.history)
            break
    found.pixels = _whole(detail, bases[0], whole_space)
    about = {"objective": repr(objective), "preset": preset, "seed": seed}
    about |= {"octaves": octaves, "scale": scale}
    return finished("deepdream", net, recipe, found, about)


def _enlargement(scale: float) -> float:
    if not 1 < real(scale, "scale") < np.inf:
        raise OptionError(f"scale must be more than 1, got {scale}")
    return scale


def _octaves(picture: Array, count: int, scale: float) -> list[Array]:
    """The picture, and smaller and smaller ones."""
    octaves = [picture]
    for _ in range(count - 1):
        lengths: Sizes = octaves[-1].shape[2:]
        size = tuple(round(length / scale) for length in lengths)
        if min(size) < 1 or size == lengths:
            raise OptionError(
                f"a picture of {picture.shape[2:]} has no {count} octaves of scale "
                f"{scale:g}: use fewer"
            )
        octaves.append(resized(octaves[-1], size, corners=True))
    return octaves


def _whole(detail: Array, base: Array, space: Space) -> Array:
    """The net's input for the whole picture with a detail of any size in it."""
    picture = base + resized(detail, space.size, corners=True)
    return space.to_input(space.clip(picture))
