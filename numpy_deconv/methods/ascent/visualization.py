"""Pictures climbed out of noise: what a class, a map or a unit responds to most.

Simonyan, Vedaldi & Zisserman 2013, section 2, and what was made of it since: see the
sources of :data:`PRESETS`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import OptionError
from ..result import Progress
from ..subject import batch_of, net_of, settings_of
from .engine import Climbed, climb, noise
from .objectives import Channel, ClassScore, Neuron, Objective
from .parametrisations import encode
from .presets import PRESETS
from .recipe import Recipe, changed, preset_of
from .result import Ascent
from .slope import Slope
from .space import Space


def visualize(
    net: Any,
    x: Any,
    objective: Objective,
    *,
    preset: str = "lucid",
    size: tuple[int, ...] | None = None,
    seed: int = 0,
    every: int | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Ascent:
    """Climb any objective from ``x (1, C, *size)``, or from noise if ``x`` is None.

    ``preset`` is one of ``PRESETS``, and ``changes`` replace fields of that
    :class:`Recipe` (``steps=50``, ``transforms=(Roll(8),)``) or go by the short names
    of :func:`changed` (``learning_rate``, ``l2``, ``jitter``, ...). A bare net needs
    ``size=(C, H, W)`` for noise, and has no valid pixel range to clip to. Of every
    ``every``-th step the picture is kept. The same ``seed`` gives the same bits.

    When interrupted, the best picture so far is returned, and
    ``settings["interrupted_at"]`` says at which step. Raises OptionError for options,
    NetError for a layer or unit that there is not.

    Example::

        eyes = Channel("relu5", 3) - 0.5 * Channel("relu5", 9)
        visualize(model, None, eyes, steps=100).save("eyes.png")
    """
    recipe = changed(preset_of(PRESETS, preset), changes)
    rng = np.random.default_rng(seed)
    batch = None if x is None else one_picture(x)
    shape = size if batch is None else batch.shape[1:]
    space = Space.of(net, shape, recipe.units, batch)
    if batch is None:
        params = noise(recipe, space, rng)
    else:
        params = encode(recipe.parametrisation, space.from_input(batch), space)
    slope = Slope(net_of(net), objective)
    found = climb(slope, params, recipe, space, rng, every=every, progress=progress)
    about = {"objective": repr(objective), "preset": preset, "seed": seed}
    return finished("visualize", net, recipe, found, about)


def class_visualization(
    net: Any,
    x: Any,
    target: int,
    *,
    preset: str = "cs231n",
    size: tuple[int, ...] | None = None,
    seed: int = 0,
    every: int | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Ascent:
    """Climb the score of class ``target``, before the softmax; else as `visualize`."""
    found = visualize(
        net,
        x,
        ClassScore(target),
        preset=preset,
        size=size,
        seed=seed,
        every=every,
        progress=progress,
        **changes,
    )
    return _named(found, "class_visualization", target=target)


def unit_visualization(
    net: Any,
    x: Any,
    layer: str,
    unit: int | tuple[int, ...],
    *,
    preset: str = "lucid",
    size: tuple[int, ...] | None = None,
    seed: int = 0,
    every: int | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Ascent:
    """Climb one map of ``layer`` (its mean), or one unit of it; else as `visualize`.

    ``unit`` is the number of a map, or ``(map, *position)``.
    """
    place = (unit,) if isinstance(unit, int) else tuple(unit)
    objective: Objective = Channel(layer, place[0])
    if len(place) > 1:
        objective = Neuron(layer, place[0], place[1:])
    found = visualize(
        net,
        x,
        objective,
        preset=preset,
        size=size,
        seed=seed,
        every=every,
        progress=progress,
        **changes,
    )
    return _named(found, "unit_visualization", layer=layer, unit=list(place))


def _named(found: Ascent, method: str, **about: Any) -> Ascent:
    return replace(found, settings={**found.settings, "method": method, **about})


def one_picture(x: Any) -> Array:
    """``x`` as a batch of one; OptionError if it holds more."""
    batch = batch_of(x)
    if len(batch) != 1:
        raise OptionError(f"one picture is climbed, but x has {len(batch)}")
    return batch


def finished(
    method: str, net: Any, recipe: Recipe, found: Climbed, about: dict[str, Any]
) -> Ascent:
    """The result of a climb, with everything that it depended on."""
    about = {**about, **recipe.described()}
    if found.interrupted_at is not None:
        about["interrupted_at"] = found.interrupted_at
    settings = settings_of(method, net_of(net), found.pixels, **about)
    return Ascent(found.pixels, settings, found.history, found.snapshots, net)
