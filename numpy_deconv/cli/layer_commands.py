"""Commands that look into one layer: ``project``, ``maps``, ``filters``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    Columns,
    Maps,
    Overlap,
    Pictures,
    Units,
    parse_maps,
    parse_units,
)
from .progress import step
from .session import Session, session
from .setup import DECONVNET, HERE, Setup, Way, with_tables
from .way_down import way_down

if TYPE_CHECKING:
    from ..methods import Projections
    from ..models import Model
    from .inputs import Batch

LARGEST_START = 1e30

Layer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        help="A layer's name. [default: the last convolution, rectified]",
        show_default=False,
    ),
]
ConvLayer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        help="A convolution's name, or a parameter's (features.0.weight). "
        "[default: the first convolution]",
        show_default=False,
    ),
]


@with_tables
def project(
    pictures: Pictures = None,
    layer: Layer = None,
    unit: Units = None,
    top: Annotated[
        int | None,
        typer.Option(
            "--top",
            min=1,
            help="How many maps: those that are excited most. [default: 1]",
            show_default=False,
        ),
    ] = None,
    overlap: Annotated[
        Overlap,
        typer.Option("--overlap", help="What unpooling does where windows overlap."),
    ] = Overlap.sum,
    way: Way = DECONVNET,
    start: Annotated[
        str,
        typer.Option(
            "--start",
            metavar="activation|NUMBER",
            help="What the unit's signal starts at: its own value, or a number.",
        ),
    ] = "activation",
    setup: Setup = HERE,
) -> None:
    """Send single units back down to the pixels with the deconvnet.

    One picture for every unit, stretched from its own minimum and maximum. Without
    --unit these are the strongest units of the --top maps. Zeiler and Fergus 2014,
    section 2.1. A net of ReLU6 units needs --rules deconvnet_relu6.
    """
    units = parse_units(unit)
    if units and top is not None:
        raise typer.BadParameter("give --unit or --top, not both")
    signal = _parse_start(start)
    with session(setup.backend, setup.debug, setup.out) as work:
        from ..methods import deconvnet
        from .inputs import open_model, open_pictures

        known = open_model(setup.model, setup.labels)
        name = layer_or_last(known, layer)
        batch = open_pictures(known, pictures)
        work.about = {"model": known.name, "weights": known.weights_source}
        for choice in [_choice(u) for u in units] or [{"top": top}]:
            title = f"deconvnet projections from {name}"
            with way_down(way) as rules, step(title) as progress:
                found = deconvnet(
                    known,
                    batch.x,
                    name,
                    start=signal,
                    rules=rules,
                    overlap=overlap.value,
                    progress=progress,
                    **choice,
                )
            _save_projections(work, batch, found)


@with_tables
def maps(
    pictures: Pictures = None,
    layer: Layer = None,
    unit: Maps = None,
    merged: Annotated[
        bool, typer.Option("--merged", help="One picture: the sum of the maps.")
    ] = False,
    columns: Columns = None,
    setup: Setup = HERE,
) -> None:
    """Show the feature maps of a layer in grey, each stretched on its own."""
    numbers = parse_maps(unit)
    with session(setup.backend, setup.debug, setup.out) as work:
        from ..methods import feature_maps
        from .inputs import open_model, open_pictures

        known = open_model(setup.model, setup.labels)
        name = layer_or_last(known, layer)
        batch = open_pictures(known, pictures)
        work.about = {"model": known.name, "weights": known.weights_source}
        kind = "merged" if merged else "maps"
        for sample, file in enumerate(batch.names):
            with step(f"{kind} of {name}: {file}"):
                x = batch.x[sample : sample + 1]
                found = feature_maps(
                    known, x, name, maps=numbers, merged=merged, columns=columns
                )
            work.about["picture"] = file
            work.keep(f"{file}-{plain(name)}-{kind}.png", found)


@with_tables
def filters(
    layer: ConvLayer = None,
    unit: Maps = None,
    columns: Columns = None,
    setup: Setup = HERE,
) -> None:
    """Show the weights of a layer: colour tiles for the first, planes deeper.

    A parameter's name shows that parameter: by its key in the state dict, or as
    conv1.bias.
    """
    numbers = parse_maps(unit)
    with session(setup.backend, setup.debug, setup.out) as work:
        from .. import methods
        from ..layers import Conv
        from .inputs import open_model

        known = open_model(setup.model, setup.labels)
        name = layer if layer is not None else known.net.of_type(Conv)[0]
        work.about = {"model": known.name, "weights": known.weights_source}
        found = methods.filters(known, name, maps=numbers, columns=columns)
        work.keep(f"{plain(name)}-filters.png", found)


def layer_or_last(model: Model, layer: str | None) -> str:
    """The layer of that name, or the last convolution, rectified."""
    from ..layers import Conv
    from ..methods.subject import rectified

    if layer is not None:
        return model.net.require(layer)
    return rectified(model.net, model.net.of_type(Conv)[-1])


def _choice(unit: Any) -> dict[str, Any]:
    """How a parsed ``--unit`` is said to ``deconvnet``."""
    if unit == "all":
        return {"maps": "all"}
    return {"maps": unit[0]} if len(unit) == 1 else {"unit": unit}


def _parse_start(text: str) -> Any:
    if text == "activation":
        return text
    try:
        number = float(text)
    except ValueError:
        raise typer.BadParameter(
            f"--start {text!r} is neither a number nor 'activation'"
        ) from None
    if not abs(number) <= LARGEST_START:
        raise typer.BadParameter(
            f"--start {text} is not from -{LARGEST_START:g} to {LARGEST_START:g}: a "
            "float32 signal would overflow on the way down"
        )
    return number


def _save_projections(work: Session, batch: Batch, found: Projections) -> None:
    for unit, picture in zip(found.units, found.pictures(), strict=True):
        place = "-".join(map(str, unit.position))
        file = batch.names[unit.sample]
        name = f"{file}-{plain(unit.layer)}-map{unit.map:03d}-{place}.png"
        settings = {
            **found.settings,
            "picture": file,
            "units": [(unit.sample, unit.map, *unit.position)],
            "value": unit.value,
            "receptive_field": unit.box,
        }
        work.save(name.replace("-.", "."), picture, settings)
    if "interrupted_at" in found.settings:
        raise KeyboardInterrupt


def plain(layer: str) -> str:
    """A layer's name as part of a file's name."""
    return layer.replace("/", ".")
