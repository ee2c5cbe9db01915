"""The options that commands which climb a picture share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np

    from ..methods import Ascent
    from .session import Session

    Picture = np.ndarray[Any, Any]

LARGEST_RATE = 1e6
ACROSS = 8  # pictures in a row of a sheet


def checked_rate(rate: float | None) -> float | None:
    """A rate that leads somewhere; raises typer.BadParameter, which is wrong usage."""
    if rate is not None and not 0 < rate <= LARGEST_RATE:
        raise typer.BadParameter(
            f"--rate {rate:g} is not above 0 and at most {LARGEST_RATE:g}"
        )
    return rate


Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        min=1,
        help="How many steps. [default: the preset's]",
        show_default=False,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        help="Length of a step, in the preset's units. [default: the preset's]",
        callback=checked_rate,
        show_default=False,
    ),
]
Every = Annotated[
    int | None,
    typer.Option(
        "--every",
        metavar="STEPS",
        min=1,
        help="Also show the picture after every so many steps, in one sheet.",
        show_default=False,
    ),
]


def keep_climbed(work: Session, name: str, found: Ascent, title: str) -> None:
    """Write the picture ``name.png``, and ``name-steps.png`` if steps were kept."""
    steps = found.drawn_steps()
    if steps:
        rows = [steps[at : at + ACROSS] for at in range(0, len(steps), ACROSS)]
        sheet = _stacked([_row(row, title) for row in rows])
        work.save(f"{name}-steps.png", sheet, found.settings)
    work.keep(f"{name}.png", found)


def _row(steps: Sequence[tuple[int, Picture]], title: str) -> Picture:
    """Pictures side by side, each with its step under it."""
    import numpy as np

    from .sheet import contact_sheet

    columns = [(picture,) for _, picture in steps]
    captions = [f"{title}, step {step}" for step, _ in steps]
    return np.asarray(contact_sheet(columns, captions))


def _stacked(rows: Sequence[Picture]) -> Picture:
    """Rows, none wider than the first, above each other on white."""
    import numpy as np

    height = sum(row.shape[0] for row in rows)
    whole = np.full((height, rows[0].shape[1], 3), 255, np.uint8)
    top = 0
    for row in rows:
        whole[top : top + row.shape[0], : row.shape[1]] = row
        top += row.shape[0]
    return whole
