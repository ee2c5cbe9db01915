"""Drawing calls that tell right kernels from wrong ones, with or without Hypothesis."""

from __future__ import annotations

from . import dense_drawers as dense_drawers
from . import pooling_drawers as pooling_drawers
from . import window_drawers as window_drawers
from .case import Case, load_case
from .drafts import DRAWERS, Wishes, draw_case
from .source import RandomSource, ReplaySource, Source

__all__ = [
    "DRAWERS",
    "Case",
    "RandomSource",
    "ReplaySource",
    "Source",
    "Wishes",
    "draw_case",
    "load_case",
]

FAMILIES = (dense_drawers, pooling_drawers, window_drawers)
"""The modules that fill DRAWERS when they are imported."""
