"""Commands over many pictures: ``top-patches``, ``invariance``, ``correspondence``."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import OptionError
from .layer_commands import layer_or_last, plain
from .options import (
    Maps,
    Pictures,
    Seed,
    parse_maps,
)
from .progress import step
from .session import session
from .setup import ASKED, DECONVNET, HERE, Question, Setup, Way, with_tables
from .way_down import way_down

if TYPE_CHECKING:
    from ..layers import Box
    from ..models import Model

Layers = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        help="A layer's name; several times for several. [default: the first "
        "convolution and the last, rectified]",
        show_default=False,
    ),
]
PART = re.compile(r"(\w+)=(\d{1,6})-(\d{1,6}),(\d{1,6})-(\d{1,6})")


class Transform(StrEnum):
    """What is done to the pictures."""

    shift = "shift"
    scale = "scale"
    rotate = "rotate"


@with_tables
def top_patches(
    pictures: Pictures = None,
    layer: Annotated[
        str | None,
        typer.Option(
            "--layer",
            help="A layer's name. [default: the last convolution, rectified]",
            show_default=False,
        ),
    ] = None,
    unit: Maps = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Pictures a map.")] = 9,
    way: Way = DECONVNET,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="FILE",
            help="Keeps the search as it goes; the same call goes on from there.",
        ),
    ] = None,
    setup: Setup = HERE,
) -> None:
    """Show what excites each map most, in any number of pictures and folders of them.

    For each map its strongest pictures: projections on the left, the patches that they
    come from on the right. A net of ReLU6 units needs --rules deconvnet_relu6. Zeiler
    and Fergus 2014, figure 2.
    """
    numbers = parse_maps(unit)
    with session(setup.backend, setup.debug, setup.out) as work:
        from ..methods import strongest_examples
        from .inputs import open_model

        known = open_model(setup.model, setup.labels)
        name = layer_or_last(known, layer)
        files = _files(known, pictures)
        work.about = {"model": known.name, "weights": known.weights_source}
        title = f"{name} over {len(files)} pictures"
        with way_down(way) as rules, step(title) as progress:
            found = strongest_examples(
                known,
                files,
                name,
                maps=numbers,
                top=top,
                rules=rules,
                state=state,
                progress=progress,
            )
        for picture, why in found.skipped:
            typer.echo(f"skipped {files[picture]}: {why}", err=True)
        for number in dict.fromkeys(each.map for each in found.examples):
            shown = [found.examples[n] for n in found.of_map(number)]
            settings = {
                **found.settings,
                "map": number,
                "files": [str(files[e.picture]) for e in shown],
                "values": [e.value for e in shown],
            }
            file = f"{plain(name)}-map{number:03d}-patches.png"
            work.save(file, found.map_drawn(number), settings)
        if "interrupted_at" in found.settings:
            raise KeyboardInterrupt


@with_tables
def invariance(
    question: Question = ASKED,
    transform: Annotated[
        Transform, typer.Option("--transform", help="What is done to the pictures.")
    ] = Transform.shift,
    layer: Layers = None,
    setup: Setup = HERE,
) -> None:
    """Plot how features and class follow pictures that are shifted, scaled or turned.

    A curve for each picture. Zeiler and Fergus 2014, figure 5.
    """
    with session(setup.backend, setup.debug, setup.out) as work:
        from .. import methods
        from .inputs import opened

        known, wanted, batch = opened(work, setup, question)
        names = _layers(known, layer)
        with step(f"invariance: {transform.value}") as progress:
            found = methods.invariance(
                known,
                batch.x,
                names,
                wanted,
                transform=transform.value,
                progress=progress,
            )
        work.about["pictures"] = batch.names
        work.keep(f"invariance-{transform.value}.png", found)


@with_tables
def correspondence(
    part: Annotated[
        list[str],
        typer.Option(
            "--part",
            metavar="NAME=TOP-BOTTOM,LEFT-RIGHT",
            help="A part to hide in every picture, in the net's pixels; several times "
            "for several.",
            show_default=False,
        ),
    ],
    pictures: Pictures = None,
    layer: Layers = None,
    seed: Seed = 0,
    setup: Setup = HERE,
) -> None:
    """Does hiding the same part of several pictures change features alike?

    Prints Delta for each pair and feature, for each part and for random places: the
    smaller, the better the net knows the part. Zeiler and Fergus 2014, table 1.
    """
    parts = dict(_parse_part(text) for text in part)
    with session(setup.backend, setup.debug, setup.out) as work:
        from .. import methods
        from .inputs import open_model, open_pictures

        known = open_model(setup.model, setup.labels)
        names = _layers(known, layer)
        batch = open_pictures(known, pictures)
        found = methods.correspondence(known, batch.x, parts, names, seed=seed)
        first = max(map(len, found.parts))
        typer.echo(" " * first + "".join(f"  {name:>7}" for name in found.layers))
        for word, row in zip(found.parts, found.pixels.tolist(), strict=True):
            cells = zip(found.layers, row, strict=True)
            numbers = (f"  {value:>{max(7, len(name))}.4f}" for name, value in cells)
            typer.echo(f"{word:<{first}}" + "".join(numbers))
        work.about = {
            "model": known.name,
            "weights": known.weights_source,
            "pictures": batch.names,
        }
        work.keep("correspondence.png", found)


def _files(model: Model, paths: list[Path] | None) -> list[Path]:
    """Every picture that was named, or lies in a folder that was."""
    from ..training.listing import pictures_below
    from .inputs import shipped_picture

    files: list[Path] = []
    for path in paths or [shipped_picture(model)]:
        files += pictures_below(path) if path.is_dir() else [path]
    if not files:
        raise OptionError(
            f"there are no pictures in {', '.join(map(str, paths or []))}"
        )
    return files


def _layers(model: Model, names: list[str] | None) -> list[str]:
    from ..layers import Conv
    from ..methods.subject import rectified

    if names:
        return [model.net.require(name) for name in dict.fromkeys(names)]
    convs = model.net.of_type(Conv)
    ends = [rectified(model.net, name) for name in (convs[0], convs[-1])]
    return list(dict.fromkeys(ends))


def _parse_part(text: str) -> tuple[str, Box]:
    found = PART.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(
            f"--part {text!r} is no part: write a name, rows and columns, as in "
            "eye=20-36,24-40"
        )
    top, bottom, left, right = (int(n) for n in found.groups()[1:])
    return found.group(1), ((top, bottom), (left, right))
