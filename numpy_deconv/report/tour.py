"""The tour of one picture through one network: the sections, in order, as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .fooling_section import fooling_section
from .gradient_sections import attribution_section, verdict_section, vision_section
from .layers_section import maps_section, units_section
from .page import Section
from .scene import Scene

Maker = Callable[[Scene], Section]

WHOLE_TOUR: tuple[Maker, ...] = (
    verdict_section,
    units_section,
    attribution_section,
    vision_section,
    fooling_section,
    maps_section,
)
GRADIENT_TOUR: tuple[Maker, ...] = (
    verdict_section,
    attribution_section,
    fooling_section,
)


def tour(scene: Scene, makers: tuple[Maker, ...] = WHOLE_TOUR) -> Iterator[Section]:
    """The sections of a report about ``scene``, each computed when it is asked for.

    Example::

        scene = Scene.of(load_model(), "face.png", "face.png")
        page = Page("A face", "", [Part("seen by a small net", list(tour(scene)))])
    """
    for make in makers:
        yield make(scene)
