"""Commands that change a picture uphill: ``visualize-class``, ``fool``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    DEFAULT_MODEL,
    DEFAULT_OUT,
    BackendName,
    Debug,
    Labels,
    ModelName,
    Out,
    Pictures,
    Seed,
    Targets,
)
from .progress import step
from .session import session

if TYPE_CHECKING:
    from ..methods import Fooling

LARGEST_RATE = 1e6

StartPictures = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PICTURE",
        help="Picture files to start from; without any, noise.",
        show_default=False,
    ),
]


def visualize_class(
    target: Targets,
    pictures: StartPictures = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            min=1,
            help="Steps uphill. [default: the preset's]",
            show_default=False,
        ),
    ] = None,
    preset: Annotated[
        str, typer.Option("--preset", help="Published settings, by name.")
    ] = "cs231n",
    seed: Seed = 0,
    model: ModelName = DEFAULT_MODEL,
    labels: Labels = None,
    out: Out = DEFAULT_OUT,
    backend: BackendName = None,
    debug: Debug = False,
) -> None:
    """Climb from noise to the picture that a class scores highest on.

    Simonyan, Vedaldi and Zisserman 2013, section 2. Ctrl-C keeps the best so far.
    """
    with session(backend, debug, out) as work:
        from ..methods import class_visualization
        from .inputs import find_class, open_model, open_pictures

        known = open_model(model, labels)
        classes = [find_class(known, text) for text in target]
        starts: list[tuple[str, Any]] = [("", None)]
        if pictures:
            batch = open_pictures(known, pictures)
            starts = [
                (f"{name}-", batch.x[sample : sample + 1])
                for sample, name in enumerate(batch.names)
            ]
        work.about = {"model": known.name, "weights": known.weights_source}
        for index in classes:
            for prefix, x in starts:
                with step(f"class visualisation: {known.label(index)}") as progress:
                    found = class_visualization(
                        known,
                        x,
                        index,
                        preset=preset,
                        steps=steps,
                        seed=seed,
                        progress=progress,
                    )
                work.about["class"] = known.label(index)
                work.keep(f"{prefix}class-{index:03d}.png", found)


def _checked_rate(rate: float) -> float:
    if not 0 < rate <= LARGEST_RATE:
        raise typer.BadParameter(
            f"--rate {rate:g} is not above 0 and at most {LARGEST_RATE:g}"
        )
    return rate


def fool(
    target: Targets,
    pictures: Pictures = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Give up after this many steps.")
    ] = 100,
    rate: Annotated[
        float, typer.Option("--rate", help="Length of a step.", callback=_checked_rate)
    ] = 1.0,
    model: ModelName = DEFAULT_MODEL,
    labels: Labels = None,
    out: Out = DEFAULT_OUT,
    backend: BackendName = None,
    debug: Debug = False,
) -> None:
    """Change a picture a little until the network takes it for another class.

    Writes the fooling picture, and original, magnified change and fooling picture side
    by side. Szegedy et al. 2014, by the procedure of cs231n.
    """
    with session(backend, debug, out) as work:
        from ..methods import fooling_image
        from .inputs import find_class, open_model, open_pictures

        known = open_model(model, labels)
        classes = [find_class(known, text) for text in target]
        batch = open_pictures(known, pictures)
        work.about = {"model": known.name, "weights": known.weights_source}
        for sample, file in enumerate(batch.names):
            for index in classes:
                label = known.label(index)
                with step(f"fooling image: {file} as {label}") as progress:
                    x = batch.x[sample : sample + 1]
                    found = fooling_image(
                        known, x, index, steps=steps, lr=rate, progress=progress
                    )
                typer.echo(f"{file}: {_outcome(found, label)}")
                work.about |= {"picture": file, "class": label}
                name = f"{file}-as-{index:03d}"
                work.save(f"{name}-story.png", found.story(), found.settings)
                work.keep(f"{name}.png", found)


def _outcome(found: Fooling, label: str) -> str:
    was, now = found.before[0], found.after[0]
    story = (
        f"{was.label} ({was.probability:.1%}) became {now.label} "
        f"({now.probability:.1%}) after {found.steps} steps"
    )
    return story if found.fooled else f"{story}, not {label}: try more --steps"
