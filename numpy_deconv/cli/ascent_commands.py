"""Commands that climb out of noise: ``visualize-class``, ``visualize-unit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .ascent_options import keep_climbed
from .layer_commands import Layer, layer_or_last
from .options import (
    Targets,
    Units,
    parse_units,
)
from .progress import step
from .session import session
from .setup import AS_PUBLISHED, HERE, Climb, Setup, with_tables

StartPictures = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PICTURE",
        help="Picture files to start from; without any, noise.",
        show_default=False,
    ),
]
Preset = Annotated[
    str,
    typer.Option(
        "--preset",
        help="Published settings: cs231n (made for SqueezeNet), cs231n_tensorflow, "
        "simonyan, yosinski1 to yosinski4, lucid, tf_keras_vis.",
    ),
]


@with_tables
def visualize_class(
    target: Targets,
    pictures: StartPictures = None,
    preset: Preset = "cs231n",
    climb: Climb = AS_PUBLISHED,
    setup: Setup = HERE,
) -> None:
    """Climb from noise to the picture that a class scores highest on.

    Simonyan, Vedaldi and Zisserman 2013, section 2. Ctrl-C keeps the best so far.
    """
    with session(setup.backend, setup.debug, setup.out) as work:
        from ..methods import class_visualization
        from .inputs import find_class, open_model

        known = open_model(setup.model, setup.labels)
        classes = [find_class(known, text) for text in target]
        starts = _starts(known, pictures)
        work.about = {"model": known.name, "weights": known.weights_source}
        for index in classes:
            label = known.label(index)
            for prefix, x in starts:
                with step(f"class visualisation: {label}") as progress:
                    found = class_visualization(
                        known,
                        x,
                        index,
                        preset=preset,
                        **climb.told(progress),
                    )
                work.about["class"] = label
                keep_climbed(work, f"{prefix}class-{index:03d}", found, label)


@with_tables
def visualize_unit(
    pictures: StartPictures = None,
    layer: Layer = None,
    unit: Units = None,
    preset: Preset = "lucid",
    climb: Climb = AS_PUBLISHED,
    setup: Setup = HERE,
) -> None:
    """Climb from noise to what a map, or one unit of it, responds to most.

    A map by its mean; without --unit the first one. Olah, Mordvintsev and Schubert
    2017. Ctrl-C keeps the best so far.
    """
    chosen = parse_units(unit) or [(0,)]
    with session(setup.backend, setup.debug, setup.out) as work:
        from ..methods import unit_visualization
        from .inputs import open_model

        known = open_model(setup.model, setup.labels)
        name = layer_or_last(known, layer)
        starts = _starts(known, pictures)
        work.about = {"model": known.name, "weights": known.weights_source}
        for place in _every_unit(known, name, chosen):
            title = f"{name.replace('/', '.')}-" + "-".join(
                [f"map{place[0]:03d}", *map(str, place[1:])]
            )
            for prefix, x in starts:
                with step(f"visualisation of {title}") as progress:
                    found = unit_visualization(
                        known,
                        x,
                        name,
                        place,
                        preset=preset,
                        **climb.told(progress),
                    )
                keep_climbed(work, f"{prefix}{title}-seen", found, title)


def _every_unit(known: Any, layer: str, chosen: list[Any]) -> list[tuple[int, ...]]:
    """The units asked for; every map of the layer for ``all``."""
    if "all" not in chosen:
        return chosen
    import numpy as np

    net = known.net
    blank = np.zeros((1, 3, *known.preprocess.size), np.float32)
    maps = net.run(blank, until=net.require(layer), keep=()).output.shape[1]
    singles = [place for place in chosen if place != "all"]
    return [*((index,) for index in range(maps)), *singles]


def _starts(known: Any, pictures: list[Path] | None) -> list[tuple[str, Any]]:
    """The beginning of a result's name, and what to climb from: noise, or a picture."""
    from .inputs import open_pictures

    if not pictures:
        return [("", None)]
    batch = open_pictures(known, pictures)
    return [
        (f"{name}-", batch.x[sample : sample + 1])
        for sample, name in enumerate(batch.names)
    ]
