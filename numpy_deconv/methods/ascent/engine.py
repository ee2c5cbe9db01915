"""The climb itself: one loop, for every recipe and every objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ...arrays import Array
from ...functional.options import whole
from ...rules import GRADIENT
from ..result import Progress
from .edits import After
from .parametrisations import decode, encode, params_shape
from .recipe import Recipe
from .redirection import REDIRECTED
from .slope import Slope
from .space import Space
from .transforms import Rng, drawn


@dataclass(eq=False)
class Climbed:
    """Where a climb ended: ``pixels`` as the net's input, the objective at each step.

    ``snapshots`` are ``(step, pixels)``; ``interrupted_at`` is the step it was stopped
    at, and ``pixels`` then those of the highest value so far.
    """

    pixels: Array
    history: list[float] = field(default_factory=list)
    snapshots: list[tuple[int, Array]] = field(default_factory=list)
    interrupted_at: int | None = None


def noise(recipe: Recipe, space: Space, rng: Rng) -> Array:
    """What a climb without a picture starts from, in what is climbed."""
    picture_shape = (1, space.channels, *space.size)
    if recipe.start == "uniform":
        low, high = (np.asarray(end, dtype=float) for end in space.range)
        picture = rng.uniform(low, high, picture_shape).astype(space.dtype)
        return encode(recipe.parametrisation, _like(picture, space), space)
    shape = params_shape(recipe.parametrisation, picture_shape)
    if recipe.start == "zero":
        return _like(np.zeros(shape, space.dtype), space)
    drawn_ = recipe.spread * rng.standard_normal(shape)
    return _like(drawn_.astype(space.dtype), space)


def _like(values: Array, space: Space) -> Array:
    return np.asarray(values, like=space.like)


def climb(
    slope: Slope,
    params: Array,
    recipe: Recipe,
    space: Space,
    rng: Rng,
    *,
    every: int | None = None,
    progress: Progress | None = None,
) -> Climbed:
    """Climb from ``params``; a KeyboardInterrupt ends it with the best so far.

    The pictures of every ``every``-th step are kept; raises OptionError below 1.
    """
    if every is not None:
        whole(every, "every", 1)

    def pixels(at: Array) -> Array:
        return space.to_input(decode(recipe.parametrisation, at, space)[0])

    found = Climbed(params)
    best, highest = params, -np.inf
    optimiser, memory = recipe.optimiser, None
    rates = dict(recipe.rates)
    try:
        for step in range(1, recipe.steps + 1):
            if step in rates:
                optimiser, memory = replace(optimiser, rate=rates[step]), None
            seen = look_uphill(slope, params, step, recipe, space, rng)
            found.history.append(seen.value)
            if seen.value - seen.fines > highest:
                best, highest = params, seen.value - seen.fines
            params, memory = optimiser.step(params, -seen.back(seen.gradient), memory)
            after = After(seen.gradient, space, rng)
            for edit in recipe.edits:
                if edit.due(step):
                    params = edit.apply(params, after)
            if every and step % every == 0:
                found.snapshots.append((step, pixels(params)))
            if progress is not None:
                progress(step, recipe.steps)
    except KeyboardInterrupt:
        params, found.interrupted_at = best, len(found.history)
    found.pixels = pixels(params)
    return found


class Look(NamedTuple):
    """What a step sees: the objective's ``value`` and the ``fines`` at a picture, the
    ``gradient`` of their difference for it, and the way ``back`` to what is climbed."""

    value: float
    fines: float
    gradient: Array
    back: Callable[[Array], Array]


def look_uphill(
    slope: Slope, params: Array, step: int, recipe: Recipe, space: Space, rng: Rng
) -> Look:
    """Look from here, through transformations drawn from ``rng``."""
    picture, back = decode(recipe.parametrisation, params, space)
    change = drawn(recipe.transforms, space.size, rng)
    rules = REDIRECTED if step <= recipe.redirected else GRADIENT
    values, down = slope(space.to_input(change.apply(picture)), rules)
    gradient: Any = change.adjoint(space.pull(down))
    fines = 0.0
    for regulariser in recipe.regularisers:
        fine, fined = regulariser.measure(picture)
        fines += fine
        gradient = gradient - fined
    return Look(float(values.sum()), fines, gradient, back)
