"""The contact sheet of a class: its pictures, the surest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..io.images import resize
from .sheet import contact_sheet

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..training.prediction import Sorted

SIDE = 160
ACROSS = 8


def class_file(index: int, label: str) -> str:
    """``class-03-tabby.png``: a name that every file system takes."""
    plain = "".join(c if c.isalnum() else "-" for c in label)[:40].strip("-")
    return f"class-{index:02d}-{plain}.png"


def class_sheet(label: str, found: Sequence[Sorted]) -> Image:
    """Pictures eight to a row, each with its probability and file name."""
    from PIL import Image as Images

    rows = [found[n : n + ACROSS] for n in range(0, len(found), ACROSS)]
    sheets = [
        contact_sheet(
            [[np.ascontiguousarray(resize(each.view, (SIDE, SIDE)))] for each in row],
            [f"{each.best.probability:.0%} {each.path.name}"[:60] for each in row],
        )
        for row in rows
    ]
    size = max(s.width for s in sheets), sum(s.height for s in sheets)
    whole = Images.new("RGB", size, "white")
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    return whole
