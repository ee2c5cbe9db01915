"""What every command of an attribution does: a picture each, and a sheet of all."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from .progress import step
from .session import Session, session
from .setup import Question, Setup
from .way_down import elsewhere_told

if TYPE_CHECKING:
    from ..methods import Attribution
    from ..models import Model
    from .inputs import Batch


class Request(NamedTuple):
    """The options that all these commands share.

    Pictures are so many times as large as the net takes them.
    """

    question: Question
    setup: Setup
    enlarged: float = 1.0


def attribute(
    command: str,
    method: str,
    request: Request,
    *,
    bar: bool = True,
    elsewhere: bool | None = None,
    **options: Any,
) -> None:
    """Run a method of ``numpy_deconv.methods`` on the pictures and write what it drew.

    ``bar`` says that the method tells how far it is; ``elsewhere``, of a guided one,
    whether layers that it has no rule for get the gradient. A method that was
    interrupted leaves the pictures that it has.
    """
    setup = request.setup
    with session(setup.backend, setup.debug, setup.out) as work:
        from .. import methods
        from ..rules import GUIDED
        from .inputs import opened

        known, wanted, batch = opened(work, setup, request.question, request.enlarged)
        remedy: Any = nullcontext()
        if elsewhere is not None:
            options["rules"] = GUIDED.otherwise() if elsewhere else GUIDED
            remedy = elsewhere_told()
        with remedy, step(command) as progress:
            told = {"progress": progress} if bar else {}
            found = getattr(methods, method)(known, batch.x, wanted, **options, **told)
        _write(work, command, known, batch, found)
        if "interrupted_at" in found.settings:
            raise KeyboardInterrupt


def _write(
    work: Session, command: str, known: Model, batch: Batch, found: Attribution
) -> None:
    from .sheet import contact_sheet

    drawn = [found.drawn(sample) for sample in range(len(found.pixels))]
    names = [known.label(index) for index in found.target]
    for sample, (file, picture) in enumerate(zip(batch.names, drawn, strict=False)):
        settings = {
            **found.settings,
            "picture": file,
            "target": found.target[sample],
            "class": names[sample],
        }
        if hasattr(found, "residual"):
            typer.echo(
                f"{file}: {names[sample]} scores {found.scores[sample]:.4g}, of which "
                f"the pixels leave {found.residual[sample]:.3g} unexplained"
            )
        if not found.pixels[sample].any():
            typer.echo(
                f"{file}: nothing moves the score of {names[sample]}, "
                f"{found.scores[sample]:.4g}: no unit below it is active",
                err=True,
            )
        work.save(f"{file}-{command}.png", picture, settings)
    views = batch.views[: len(drawn)]
    sheet = contact_sheet(list(zip(views, drawn, strict=True)), names)
    settings = {
        **found.settings,
        "pictures": batch.names[: len(drawn)],
        "classes": names,
    }
    work.save(f"{command}.png", sheet, settings)
