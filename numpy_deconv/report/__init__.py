"""Reports: what the methods say about one picture, as one page that needs no network.

::

    from numpy_deconv.report import Page, Part, Scene, tour, write_page

    scene = Scene.of(load_model(), "face.png", "face.png")
    part = Part("as emoji_zfnet sees it", list(tour(scene)))
    write_page(Page("A face", "", [part]), "report")
"""

from __future__ import annotations

from .blocks import Bars, Block, Card, Cards, Columns, Figure, Mark, Row
from .page import Page, Part, Section, render, write_page
from .scene import Plan, Scene
from .tour import GRADIENT_TOUR, WHOLE_TOUR, tour

__all__ = [
    "GRADIENT_TOUR",
    "WHOLE_TOUR",
    "Bars",
    "Block",
    "Card",
    "Cards",
    "Columns",
    "Figure",
    "Mark",
    "Page",
    "Part",
    "Plan",
    "Row",
    "Scene",
    "Section",
    "render",
    "tour",
    "write_page",
]
