"""The command ``occlusion``: the panels of Zeiler & Fergus' figure 7."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .progress import step
from .session import session
from .setup import ASKED, HERE, Question, Setup, with_tables

if TYPE_CHECKING:
    import numpy as np

    from ..methods import Occlusion
    from ..models import Model

LISTED = 6  # classes named under their colours


@with_tables
def occlusion(
    size: Annotated[
        int, typer.Option("--size", min=1, help="Side of the square in pixels.")
    ],
    stride: Annotated[
        int, typer.Option("--stride", min=1, help="Pixels from one place to the next.")
    ],
    question: Question = ASKED,
    value: Annotated[
        float,
        typer.Option("--value", help="What fills the square; 0 is the data's mean."),
    ] = 0.0,
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer",
            help="Its strongest map is watched. [default: the last convolution, "
            "rectified]",
            show_default=False,
        ),
    ] = None,
    setup: Setup = HERE,
) -> None:
    """Cover the picture place by place, and see what the net makes of the rest.

    For each picture: one square in place, the sum of the layer's strongest map, the
    probability of the class (blue where it is lost), and the most probable class. The
    square's size and stride are yours to choose: the paper does not say. Zeiler and
    Fergus 2014, section 4.2 and figure 7.
    """
    with session(setup.backend, setup.debug, setup.out) as work:
        from .. import methods
        from .inputs import opened
        from .layer_commands import layer_or_last

        known, wanted, batch = opened(work, setup, question)
        name = layer_or_last(known, layer)
        with step(f"occlusion by {size} x {size}") as progress:
            found = methods.occlusion(
                known,
                batch.x,
                wanted,
                size=size,
                stride=stride,
                value=value,
                layer=name,
                progress=progress,
            )
        for sample in range(len(found.pixels)):
            file, label = batch.names[sample], known.label(found.target[sample])
            settings = {**found.settings, "picture": file, "class": label}
            sheet = _sheet(known, found, sample, name)
            work.save(f"{file}-occlusion.png", sheet, settings)
        if "interrupted_at" in found.settings:
            raise KeyboardInterrupt


def _sheet(known: Model, found: Occlusion, sample: int, layer: str) -> Any:
    from .sheet import contact_sheet

    panels = found.panels(sample)
    label = known.label(found.target[sample])
    columns: list[list[np.ndarray[Any, Any]]] = [[found.covered(sample)]]
    words = [f"{label}, and the square that costs it most"]
    if panels.activity is not None and found.strongest is not None:
        columns.append([panels.activity])
        words.append(f"sum of map {found.strongest[sample]} of {layer}")
    columns.append([panels.probability])
    lowest = float(found.pixels[sample].min())
    words.append(
        f"probability of {label}: {found.uncovered[sample]:.0%} uncovered, at least "
        f"{lowest:.0%}"
    )
    columns.append([panels.label])
    words.append("the most probable class")
    shown = list(panels.legend.items())[:LISTED]
    legend = [(known.label(index), colour) for index, colour in shown]
    return contact_sheet(columns, words, legend)
