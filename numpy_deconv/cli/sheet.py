"""Contact sheets: pictures in columns, one per sample, with words under them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

GAP = 8
SMALLEST = 160
LETTERS = 13
LINE = 17


def contact_sheet(
    columns: Sequence[Sequence[np.ndarray[Any, Any]]],
    captions: Sequence[str],
    legend: Sequence[tuple[str, tuple[int, int, int]]] = (),
) -> Image:
    """One column of pictures (H, W, 3) per caption, on white, as a Pillow image.

    Small pictures are enlarged by whole numbers to about 160 pixels. ``legend``, words
    with a colour each, stands under the last column.
    """
    from PIL import Image as Images
    from PIL import ImageDraw, ImageFont

    height, width = columns[0][0].shape[:2]
    factor = max(1, round(SMALLEST / max(height, width)))
    height, width = height * factor, width * factor
    letters = max(8, int(width / (LETTERS * 0.55)))
    lines = [textwrap.wrap(caption, letters) or [""] for caption in captions]
    rows = len(columns[0])
    size = (
        len(columns) * (width + GAP) + GAP,
        rows * (height + GAP) + GAP + LINE * _deepest(lines, len(legend)) + GAP,
    )
    sheet = Images.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(LETTERS)
    for number, (pictures, words) in enumerate(zip(columns, lines, strict=True)):
        left = GAP + number * (width + GAP)
        for row, picture in enumerate(pictures):
            tile = Images.fromarray(picture).resize((width, height), 0)
            sheet.paste(tile, (left, GAP + row * (height + GAP)))
        top = GAP + rows * (height + GAP)
        draw.multiline_text((left, top), "\n".join(words), "black", font, spacing=3)
    top += LINE * len(lines[-1])
    for number, (word, colour) in enumerate(legend):
        at = top + LINE * number
        draw.rectangle((left, at + 2, left + LETTERS, at + 2 + LETTERS), colour)
        draw.text((left + LINE, at), word[: letters - 2], "black", font)
    return sheet


def _deepest(lines: Sequence[Sequence[str]], listed: int) -> int:
    """Lines of the longest column of words; a legend is under the last."""
    return max(max(map(len, lines)), len(lines[-1]) + listed)
