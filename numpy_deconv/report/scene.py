"""What a report is about: one model, one picture, how much of everything to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..layers import Conv

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..methods.result import Progress, Result
    from ..models import Model
    from ..net import Graph

Step = Callable[[str], "AbstractContextManager[Progress]"]
"""Announces a piece of work by name; inside the block, tells how far it is."""


ASCENT = {"steps": 60, "normalize": True, "l2": 1e-4, "jitter": 6, "blur_every": 4}
"""Changes to the cs231n preset: steps of one length suit nets of every scale."""

ASCENT_RATE = 1 / 32
"""Length of such a step, for every pixel of the picture's longer side."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much a tour shows: maps a layer, layers, classes; and how ascents climb."""

    maps: int = 6
    layers: int = 6
    classes: int = 6
    guesses: int = 5
    ascent: Mapping[str, Any] = field(default_factory=lambda: dict(ASCENT))
    fooling_steps: int = 200
    fooling_rate: float = 0.5
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Scene:
    """``view (H, W, 3)`` is the picture as the model sees it, ``x`` the net's input.

    ``prefix`` begins the names of the files, so that two scenes can share a folder.
    """

    model: Model
    picture_name: str
    view: np.ndarray[Any, Any]
    x: Array
    plan: Plan = field(default_factory=Plan)
    prefix: str = ""
    step: Step = lambda name: nullcontext(_silent)

    @classmethod
    def of(cls, model: Model, picture: Any, picture_name: str, **options: Any) -> Scene:
        """A scene of a picture: a path, a Pillow image or an array ``(H, W, 3)``."""
        view = model.preprocess.view(picture)
        x = model.preprocess.encode(view[None])
        return cls(model, picture_name, view, x, **options)

    def image(self) -> Image:
        """The picture as the model sees it."""
        from PIL import Image

        return Image.fromarray(self.view)

    def settings(self, result: Result | None = None) -> dict[str, Any]:
        """A result's settings, and what it is about."""
        from ..version import __version__

        made: Mapping[str, Any] = result.settings if result is not None else {}
        return {
            "model": self.model.name,
            "weights": self.model.weights_source,
            "picture": self.picture_name,
            **made,
            "numpy_deconv": __version__,
        }


def _silent(done: int, total: int) -> None:
    return


def interrupted(result: Result) -> bool:
    """Whether a method was stopped and this is the best it had."""
    return "interrupted_at" in result.settings


def convolutions(net: Graph, count: int) -> list[str]:
    """At most ``count`` convolutions, the first, the last, and some evenly between."""
    names = net.of_type(Conv)
    if len(names) <= count:
        return names
    chosen = np.linspace(0, len(names) - 1, count).round().astype(int)
    return [names[index] for index in chosen]
