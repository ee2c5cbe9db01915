"""Small plots without a plotting library: lines and points, as arrays of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, to_numpy
from .drawing import Picture

SIZE = (360, 260)
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 24, 34
COLOURS = ((31, 90, 166), (200, 60, 30), (40, 140, 70), (120, 60, 150), (150, 110, 20))
LETTERS = 11
GREY = (150, 150, 150)


class Line(NamedTuple):
    """A curve, or with ``points`` a cloud, and the word for it."""

    word: str
    x: Array
    y: Array
    points: bool = False


def plot(
    lines: Sequence[Line], title: str, across: str, shown: Sequence[float] = ()
) -> Picture:
    """Curves over common axes, ``(260, 360, 3)`` of uint8; a legend makes it wider.

    The axis upwards reaches the heights ``shown`` too. What is not finite is left out.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(LETTERS)
    words = max((font.getlength(line.word) for line in lines), default=0)
    sheet = Image.new("RGB", (SIZE[0] + int(words), SIZE[1]), "white")
    draw = ImageDraw.Draw(sheet)
    x_range = _range([line.x for line in lines])
    y_range = _range([*(line.y for line in lines), np.asarray(shown, float)])
    box = (LEFT, TOP, SIZE[0] - RIGHT, SIZE[1] - BOTTOM)
    draw.rectangle(box, outline=GREY)
    draw.text((LEFT, 6), title, "black", font)
    draw.text((LEFT, box[3] + 18), across, "black", font)
    for share, value in ((0, y_range[0]), (1, y_range[1])):
        height = box[3] - share * (box[3] - box[1])
        draw.text((4, height - 6), f"{value:.3g}", "black", font)
    for share, value in ((0, x_range[0]), (1, x_range[1])):
        word = f"{value:.3g}"
        shift = share * draw.textlength(word, font)
        at = box[0] + share * (box[2] - box[0]) - shift
        draw.text((at, box[3] + 4), word, "black", font)
    if y_range[0] < 0 < y_range[1]:
        (_, zero), *_ = _places([x_range[0]], [0], x_range, y_range, box)
        draw.line([(box[0], zero), (box[2], zero)], GREY)
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        spots = _places(line.x, line.y, x_range, y_range, box)
        if line.points:
            for a, b in spots:
                draw.ellipse((a - 2, b - 2, a + 2, b + 2), colour)
        elif len(spots) > 1:
            draw.line(spots, colour, 2)
        top = box[1] + number * (LETTERS + 3)
        draw.text((box[2] + 6, top), line.word, colour, font)
    return np.asarray(sheet)


def _range(values: Sequence[Array]) -> tuple[float, float]:
    every = np.concatenate([to_numpy(np.asarray(each)).reshape(-1) for each in values])
    every = every[np.isfinite(every)].astype(float)
    if not every.size:
        return 0.0, 1.0
    low, high = float(every.min()), float(every.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _places(
    x: Any,
    y: Any,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    box: tuple[int, int, int, int],
) -> list[tuple[float, float]]:
    """Pixels of the points that are finite."""
    across, up = np.asarray(x, float).reshape(-1), np.asarray(y, float).reshape(-1)
    finite = np.isfinite(across) & np.isfinite(up)
    a = (across[finite] - x_range[0]) / (x_range[1] - x_range[0])
    b = (up[finite] - y_range[0]) / (y_range[1] - y_range[0])
    left = box[0] + a * (box[2] - box[0])
    top = box[3] - b * (box[3] - box[1])
    return [(float(p), float(q)) for p, q in zip(left, top, strict=True)]
