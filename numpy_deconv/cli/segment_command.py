"""The command ``segment``: the object of a class, cut out of its picture."""

from __future__ import annotations

from typing import Annotated

import typer

from .attributing import Request, attribute
from .options import (
    Seed,
)
from .setup import ASKED, HERE, Question, Setup, with_tables


@with_tables
def segment(
    question: Question = ASKED,
    foreground: Annotated[
        float,
        typer.Option(
            "--foreground",
            min=0,
            max=1,
            help="From this quantile of saliency on, pixels are the object's.",
        ),
    ] = 0.95,
    background: Annotated[
        float,
        typer.Option(
            "--background", min=0, max=1, help="Up to this one, the background's."
        ),
    ] = 0.3,
    smooth: Annotated[
        float,
        typer.Option("--smooth", min=0, help="Pixels by which saliency is blurred."),
    ] = 2.0,
    seed: Seed = 0,
    setup: Setup = HERE,
) -> None:
    """Cut the object of a class out of its picture, led by saliency alone.

    Needs OpenCV: pip install 'numpy-deconv[grabcut]'. Simonyan, Vedaldi and Zisserman
    2013, section 3.2.
    """
    request = Request(question, setup)
    attribute(
        "segment",
        "segment",
        request,
        bar=False,
        foreground=foreground,
        background=background,
        smooth=smooth,
        seed=seed,
    )
