"""Commands that repaint a picture: ``deepdream``, ``invert``, ``style``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .ascent_options import keep_climbed
from .layer_commands import Layer, layer_or_last
from .options import (
    Pictures,
)
from .progress import step
from .session import session
from .setup import AS_PUBLISHED, HERE, Climb, Setup, with_tables

if TYPE_CHECKING:
    from ..models import Model
    from .inputs import Batch

LARGEST_SIDE = 4096


@with_tables
def deepdream(
    pictures: Pictures = None,
    layer: Layer = None,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            metavar="PIXELS",
            min=8,
            max=LARGEST_SIDE,
            help="Dream into the whole picture, its longer side scaled to this. "
            "[default: what the network sees of it]",
            show_default=False,
        ),
    ] = None,
    octaves: Annotated[
        int | None,
        typer.Option(
            "--octaves",
            min=1,
            help="How many sizes, each 1.4 times the one before. [default: 4]",
            show_default=False,
        ),
    ] = None,
    climb: Climb = AS_PUBLISHED,
    setup: Setup = HERE,
) -> None:
    """Let a layer see more of whatever it sees in a picture, at several sizes.

    Mordvintsev, Olah and Tyka 2015; --steps and --every count for each size, and over
    all of them. Ctrl-C keeps what was reached.
    """
    with session(setup.backend, setup.debug, setup.out) as work:
        from .. import methods
        from .inputs import open_model, open_pictures

        known = open_model(setup.model, setup.labels)
        name = layer_or_last(known, layer)
        batch = open_pictures(known, pictures) if size is None else None
        inputs = _parts(batch) if batch else _whole(known, pictures, size or 0)
        work.about = {"model": known.name, "weights": known.weights_source}
        for file, x in inputs:
            with step(f"dreaming of {name} in {file}") as progress:
                found = methods.deepdream(
                    known,
                    x,
                    name,
                    octaves=octaves,
                    **climb.told(progress),
                )
            work.about |= {"picture": file, "layer": name}
            keep_climbed(work, f"{file}-{_plain(name)}-dream", found, name)


@with_tables
def invert(
    pictures: Pictures = None,
    layer: Layer = None,
    smoothness: Annotated[
        float | None,
        typer.Option(
            "--smoothness",
            min=0,
            help="Weight of the total variation. [default: 0.5, 5 or 50 by depth]",
            show_default=False,
        ),
    ] = None,
    climb: Climb = AS_PUBLISHED,
    setup: Setup = HERE,
) -> None:
    """Find, from noise, a picture that a layer takes for this one: what it keeps.

    Mahendran and Vedaldi 2015. Ctrl-C keeps the best so far.
    """
    with session(setup.backend, setup.debug, setup.out) as work:
        from .. import methods
        from .inputs import open_model, open_pictures

        known = open_model(setup.model, setup.labels)
        name = layer_or_last(known, layer)
        work.about = {"model": known.name, "weights": known.weights_source}
        for file, x in _parts(open_pictures(known, pictures)):
            with step(f"inversion of {name} for {file}") as progress:
                found = methods.invert(
                    known,
                    x,
                    name,
                    smoothness=smoothness,
                    **climb.told(progress),
                )
            left = found.settings["error"]
            typer.echo(f"{file}: {left:.1%} of {name} is left unexplained")
            work.about |= {"picture": file}
            keep_climbed(work, f"{file}-{_plain(name)}-inverse", found, name)


@with_tables
def style(
    pictures: Pictures = None,
    style: Annotated[
        Path | None,
        typer.Option(
            "--style",
            metavar="PICTURE",
            help="The picture that is painted like that. [default: the other one that "
            "ships with the library]",
            show_default=False,
        ),
    ] = None,
    content_layer: Annotated[
        str | None,
        typer.Option(
            "--content-layer",
            help="Where content is compared. [default: the preset's, or one as deep]",
            show_default=False,
        ),
    ] = None,
    style_layer: Annotated[
        list[str] | None,
        typer.Option(
            "--style-layer",
            help="Where style is compared; several times for several. [default: the "
            "preset's, or the first rectifier of each size]",
            show_default=False,
        ),
    ] = None,
    content_weight: Annotated[
        float | None,
        typer.Option(
            "--content-weight",
            min=0,
            help="How much the content counts. [default: the preset's]",
            show_default=False,
        ),
    ] = None,
    style_weight: Annotated[
        list[float] | None,
        typer.Option(
            "--style-weight",
            help="How much each style layer counts. [default: the preset's]",
            show_default=False,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            help="Settings: cs231n (for SqueezeNet), neural_style (for VGG-19), "
            "relative (for any). [default: the net's]",
            show_default=False,
        ),
    ] = None,
    climb: Climb = AS_PUBLISHED,
    setup: Setup = HERE,
) -> None:
    """Paint a picture in the style of another.

    Gatys, Ecker and Bethge 2016. Ctrl-C keeps the best so far.
    """
    with session(setup.backend, setup.debug, setup.out) as work:
        from ..methods import style_transfer
        from .inputs import (
            SHIPPED_PHOTOGRAPH,
            SHIPPED_PICTURE,
            open_model,
            open_pictures,
            shipped_picture,
        )

        known = open_model(setup.model, setup.labels)
        shipped = {SHIPPED_PICTURE, SHIPPED_PHOTOGRAPH} - {shipped_picture(known)}
        painted = open_pictures(known, [style or shipped.pop()])
        work.about = {"model": known.name, "weights": known.weights_source}
        for file, x in _parts(open_pictures(known, pictures)):
            with step(f"{file} in the style of {painted.names[0]}") as progress:
                found = style_transfer(
                    known,
                    x,
                    painted.x,
                    preset=preset,
                    content_layer=content_layer,
                    style_layers=style_layer,
                    content_weight=content_weight,
                    style_weights=style_weight,
                    **climb.told(progress),
                )
            work.about |= {"picture": file, "style": painted.names[0]}
            name = f"{file}-like-{painted.names[0]}"
            keep_climbed(work, name, found, painted.names[0])


def _plain(layer: str) -> str:
    """A layer's name as part of a file's."""
    return layer.replace("/", ".")


def _parts(batch: Batch) -> list[tuple[str, Any]]:
    """Each picture of a batch by itself, with its name."""
    return [
        (name, batch.x[sample : sample + 1]) for sample, name in enumerate(batch.names)
    ]


def _whole(
    known: Model, paths: list[Path] | None, longer: int
) -> list[tuple[str, Any]]:
    """Whole pictures as the net would take them in, were they of its size."""
    from ..io.images import resize
    from .inputs import open_picture, shipped_picture, unique_names

    chosen = list(paths or [shipped_picture(known)])
    inputs = []
    for name, path in zip(unique_names(chosen), chosen, strict=True):
        picture = open_picture(path)
        scale = longer / max(picture.shape[:2])
        height, width = (max(1, round(scale * side)) for side in picture.shape[:2])
        filter_name = known.preprocess.interpolation
        view = resize(picture, (height, width), filter=filter_name)
        inputs.append((name, known.preprocess.encode(view[None])))
    return inputs
