"""Reports: what the methods say about one picture, as one page that needs no network.

::

    from numpy_deconv.report import Page, Plan, tour, write_page
"""

from __future__ import annotations

from .blocks import Bars, Block, Card, Cards, Figure, Mark, Row
from .page import Page, Section, render, write_page

__all__ = [
    "Bars",
    "Block",
    "Card",
    "Cards",
    "Figure",
    "Mark",
    "Page",
    "Row",
    "Section",
    "render",
    "write_page",
]
