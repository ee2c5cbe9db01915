"""Loss and accuracy over the iterations, as a picture; drawn with Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .history import History

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Picture = np.ndarray[Any, Any]

WIDTH, PANEL = 900, 260
LEFT, RIGHT, TOP, GAP, FOOT = 64, 16, 30, 34, 34
INK, GRID, FAINT, LINE = "#222222", "#dddddd", "#b9d3e6", "#1b6ca8"
LETTERS = 12
DIVISIONS = 4
TICKS = 10


def curve(history: History, steps: int) -> Picture:
    """``(H, W, 3)`` uint8: every batch faintly, the mean of each epoch as a line.

    ``steps`` are the iterations of an epoch; where not even one is done, the mean of
    what there is.
    """
    from PIL import Image as Images
    from PIL import ImageDraw

    height = TOP + 2 * PANEL + GAP + FOOT
    image = Images.new("RGB", (WIDTH, height), "white")
    draw = ImageDraw.Draw(image)
    means = history.epochs(steps)
    top = 1.1 * max([*_highest(history.losses), 1e-3])
    panels: list[tuple[str, Sequence[float], int, float]] = [
        ("loss (cross-entropy)", history.losses, 0, top),
        ("accuracy of the batch", history.accuracies, 1, 1.0),
    ]
    for number, (title, values, which, most) in enumerate(panels):
        _panel(
            draw,
            TOP + number * (PANEL + GAP),
            title,
            values,
            [mean[which] for mean in means],
            steps,
            most,
        )
    _epochs(draw, TOP + 2 * PANEL + GAP, len(history), steps)
    return np.asarray(image)


def _highest(losses: Sequence[float]) -> list[float]:
    """Without the few that stand out, which would press all others flat."""
    return [float(np.quantile(losses, 0.995))] if losses else []


def _panel(
    draw: ImageDraw,
    top: int,
    title: str,
    values: Sequence[float],
    means: Sequence[float],
    steps: int,
    most: float,
) -> None:
    font = _font()
    bottom = top + PANEL
    for mark in range(DIVISIONS + 1):
        y = bottom - PANEL * mark / DIVISIONS
        draw.line([(LEFT, y), (WIDTH - RIGHT, y)], GRID)
        label = f"{most * mark / DIVISIONS:.3g}"
        draw.text((LEFT - 6, y), label, INK, font, anchor="rm")
    draw.text((LEFT, top - 6), title, INK, font, anchor="lb")
    total = max(1, len(values))

    def at(iteration: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * iteration / total
        return x, bottom - PANEL * min(value / most, 1)

    _line(draw, [at(n + 0.5, v) for n, v in enumerate(values)], FAINT, 1)
    middles = [(n * steps + min((n + 1) * steps, total)) / 2 for n in range(len(means))]
    points = [at(x, mean) for x, mean in zip(middles, means, strict=True)]
    _line(draw, points, LINE, 3)
    for x, y in points[-1:] if len(points) > 1 else points:
        draw.ellipse([x - 3, y - 3, x + 3, y + 3], LINE)
    if means:
        draw.text((points[-1][0], top - 6), f"{means[-1]:.4g}", LINE, font, anchor="mb")


def _line(
    draw: ImageDraw, points: list[tuple[float, float]], colour: str, width: int
) -> None:
    if len(points) > 1:
        draw.line(points, colour, width)


def _epochs(draw: ImageDraw, bottom: int, iterations: int, steps: int) -> None:
    total = max(1, iterations)
    epochs = -(-total // steps)
    every = max(1, -(-epochs // TICKS))
    for epoch in range(0, epochs + 1, every):
        x = LEFT + (WIDTH - LEFT - RIGHT) * min(epoch * steps / total, 1)
        draw.line([(x, bottom), (x, bottom + 4)], INK)
        draw.text((x, bottom + 6), str(epoch), INK, _font(), anchor="mt")
    middle = (LEFT + WIDTH - RIGHT) / 2
    text = f"epochs, of {steps} iterations each"
    draw.text((middle, bottom + 21), text, INK, _font(), anchor="mt")


def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(LETTERS)
