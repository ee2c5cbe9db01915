"""What every command of an attribution does: a picture each, and a sheet of all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from .progress import step
from .session import Session, session
from .setup import Setup

if TYPE_CHECKING:
    from ..methods import Attribution
    from ..models import Model
    from .inputs import Batch


class Request(NamedTuple):
    """The options that all these commands share."""

    pictures: list[Path] | None
    target: list[str] | None
    setup: Setup


def attribute(
    command: str, method: str, request: Request, *, bar: bool = True, **options: Any
) -> None:
    """Run a method of ``numpy_deconv.methods`` on the pictures and write what it drew.

    ``bar`` says that the method tells how far it is. One that was interrupted leaves
    the pictures that it has.
    """
    setup = request.setup
    with session(setup.backend, setup.debug, setup.out) as work:
        from .. import methods
        from .inputs import found_class, open_model, open_pictures

        known = open_model(setup.model, setup.labels)
        wanted = found_class(known, request.target)
        batch = open_pictures(known, request.pictures)
        with step(command) as progress:
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
    work.about = {"model": known.name, "weights": known.weights_source}
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
        work.save(f"{file}-{command}.png", picture, settings)
    views = batch.views[: len(drawn)]
    sheet = contact_sheet(list(zip(views, drawn, strict=True)), names)
    settings = {
        **found.settings,
        "pictures": batch.names[: len(drawn)],
        "classes": names,
    }
    work.save(f"{command}.png", sheet, settings)
