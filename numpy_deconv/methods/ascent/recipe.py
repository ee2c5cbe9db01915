"""A way to climb, as data: what published settings are written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from ...errors import OptionError
from ...functional.options import real, whole
from .edits import Blur, Edit
from .optimisers import Descent, Optimiser
from .parametrisations import Parametrisation
from .regularisers import L2, Regulariser
from .space import Units
from .transforms import Jitter, Roll, Transform

STARTS = ("normal", "uniform", "zero")


@dataclass(frozen=True)
class Recipe:
    """How a picture is changed step by step so that an objective grows.

    Each step the picture (in ``units``, made by ``parametrisation`` from what is
    climbed) goes through ``transforms`` to the net; the gradient of the objective,
    less that of the ``regularisers``, comes back, ``optimiser`` steps along it, and
    ``edits`` are made. ``rates`` are (step, rate): from that step on the optimiser has
    this rate, and a fresh memory. Without a picture to start from it begins at noise,
    ``start`` "normal" (standard deviation ``spread``) or "zero" in what is climbed, or
    "uniform" over all pixels. In the first ``redirected`` steps rectifiers let signals
    through that would otherwise all stop at them. Where the source shows pictures
    ``stretched``, from their own minimum and maximum, so are the results drawn.
    """

    steps: int
    optimiser: Optimiser
    rates: tuple[tuple[int, float], ...] = ()
    start: Literal["normal", "uniform", "zero"] = "normal"
    spread: float = 1.0
    units: Units = "input"
    parametrisation: Parametrisation = ()
    transforms: tuple[Transform, ...] = ()
    regularisers: tuple[Regulariser, ...] = ()
    edits: tuple[Edit, ...] = ()
    redirected: int = 0
    stretched: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        whole(self.steps, "steps", 1)
        whole(self.redirected, "redirected", 0)
        if self.start not in STARTS:
            raise OptionError(f"start must be one of {STARTS}, got {self.start!r}")
        if not real(self.spread, "spread") >= 0:
            raise OptionError(f"spread must not be negative, got {self.spread}")
        if self.edits and self.parametrisation:
            raise OptionError(
                "edits change pixels, but what is climbed here is not pixels: leave "
                "edits or parametrisation empty"
            )

    def described(self) -> dict[str, Any]:
        """Every setting in words and numbers, for a result's settings."""
        return {
            **{field.name: _plain(getattr(self, field.name)) for field in fields(self)},
            "learning_rate": self.optimiser.rate,
        }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float) else repr(value)


def preset_of(presets: Mapping[str, Any], name: str) -> Any:
    """A preset by name; OptionError, with the names there are, for another."""
    if name not in presets:
        raise OptionError(f"preset {name!r} is not known: use one of {list(presets)}")
    return presets[name]


SHORT = ("learning_rate", "normalize", "l2", "jitter", "blur_sigma", "blur_every")


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with some fields replaced; None leaves one as it is.

    There are short names for what is changed most: ``learning_rate`` of the optimiser,
    ``normalize`` (steps of one length), ``l2`` (weight), ``jitter`` (pixels, 0 for
    none), ``blur_sigma`` and ``blur_every`` (0 for never). With other ``steps`` the
    rates fall earlier or later in proportion. Raises OptionError for a name that is
    neither.
    """
    given = {name: value for name, value in changes.items() if value is not None}
    names = [field.name for field in fields(Recipe) if field.name != "source"]
    unknown = [name for name in given if name not in (*names, *SHORT)]
    if unknown:
        known = ", ".join(("steps", *SHORT, *names[1:]))
        raise OptionError(f"there is no option {', '.join(unknown)}: there are {known}")
    short = {name: given.pop(name) for name in SHORT if name in given}
    if "steps" in given and "rates" not in given:
        share = whole(given["steps"], "steps", 1) / recipe.steps
        given["rates"] = tuple(
            (1 + round((first - 1) * share), rate) for first, rate in recipe.rates
        )
    recipe = replace(recipe, **given)
    optimiser = recipe.optimiser
    if "learning_rate" in short:
        rate = short["learning_rate"]
        optimiser = replace(optimiser, rate=rate)
        recipe = replace(recipe, optimiser=optimiser, rates=())
    if short.get("normalize"):
        recipe = replace(recipe, optimiser=Descent(optimiser.rate, "l2"))
    if "l2" in short:
        others = tuple(r for r in recipe.regularisers if not isinstance(r, L2))
        fine = (L2(short["l2"]),) if short["l2"] else ()
        recipe = replace(recipe, regularisers=others + fine)
    if "jitter" in short:
        recipe = replace(recipe, transforms=_jittered(recipe, short["jitter"]))
    if "blur_sigma" in short or "blur_every" in short:
        sigma, every = short.get("blur_sigma"), short.get("blur_every")
        recipe = replace(recipe, edits=_blurred(recipe, sigma, every))
    return recipe


def _jittered(recipe: Recipe, pixels: int) -> tuple[Transform, ...]:
    shifts = [t for t in recipe.transforms if isinstance(t, Roll | Jitter)]
    shift = replace(shifts[0], pixels=pixels) if shifts else Roll(pixels)
    kept = tuple(t for t in recipe.transforms if not isinstance(t, Roll | Jitter))
    return (*kept, shift) if pixels else kept


def _blurred(
    recipe: Recipe, sigma: float | None, every: int | None
) -> tuple[Edit, ...]:
    before = next((e for e in recipe.edits if isinstance(e, Blur)), Blur(0.5))
    sigma = before.sigma if sigma is None else sigma
    every = whole(before.every if every is None else every, "blur_every", 0)
    kept = tuple(e for e in recipe.edits if not isinstance(e, Blur))
    blur = (Blur(sigma, every=every),) if every and sigma else ()
    return kept + blur
