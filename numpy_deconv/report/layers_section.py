"""Layer by layer: the strongest maps, their projections, and what they look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from ..arrays import to_numpy
from ..errors import RuleError
from ..layers import Box
from ..methods import Projections, Unit, deconvnet, feature_maps, filters
from ..methods.drawing import enlarged, grey_picture
from ..methods.subject import rectified
from ..net import Tape
from .blocks import Block, Card, Cards, Figure, Mark, Row
from .page import Section
from .scene import Scene, convolutions

Picture = np.ndarray[Any, Any]


def units_section(scene: Scene) -> Section:
    """For each convolution the strongest maps: map, deconvnet projection, patch."""
    title, source = "Layer by layer", "Zeiler & Fergus 2014, sections 2.1 and 4"
    blocks: list[Block] = []
    settings: dict[str, Any] = {}
    try:
        for conv in convolutions(scene.model.net, scene.plan.layers):
            with scene.step(f"deconvnet projections from {conv}") as progress:
                block, settings = _layer(scene, conv, progress)
                blocks.append(block)
    except RuleError as error:
        text = f"This network has no deconvnet: {error}."
        return Section(title, text, source, blocks, settings)
    return Section(
        title,
        "The maps that this picture excites most. Left, the feature map with its "
        "strongest unit marked; middle, that unit alone sent back down to the pixels "
        "by the deconvnet, which shows the pattern that excites it; right, the part of "
        "the picture that the unit sees.",
        source,
        blocks,
        {k: v for k, v in settings.items() if k not in ("layer", "units")},
    )


def _layer(scene: Scene, conv: str, progress: Any) -> tuple[Cards, dict[str, Any]]:
    net = scene.model.net
    layer = rectified(net, conv)
    tape = net.run(scene.x, until=layer)
    top = min(scene.plan.maps, tape[layer].shape[1])
    found = deconvnet(scene.model, scene.x, layer, top=top, progress=progress)
    cards = [
        _card(scene, conv, tape, unit, projection, scene.settings(found))
        for unit, projection in zip(found.units, found.pictures(), strict=True)
        if not unit.dead
    ]
    _, maps, *size = tape[layer].shape
    shape = net[conv].describe().replace("->", "\N{RIGHTWARDS ARROW}")
    note = f"{shape}; {maps} maps of {_by(size)}{_sight(found)}"
    return Cards(conv, note, cards), scene.settings(found)


def _sight(found: Projections) -> str:
    boxes = [unit.box for unit in found.units if unit.box is not None]
    if not boxes:
        return ""
    largest = [max(b[a][1] - b[a][0] for b in boxes) for a in range(2)]
    return f"; a unit sees {_by(largest)} pixels"


def _by(size: list[int]) -> str:
    return "x".join(map(str, size))


def _card(
    scene: Scene,
    conv: str,
    tape: Tape,
    unit: Unit,
    projection: Picture,
    settings: dict[str, Any],
) -> Card:
    plane = to_numpy(tape[unit.layer])[unit.sample, unit.map]
    row, column = unit.position
    place = f"row {row}, column {column}"
    about = {**settings, "map": unit.map, "position": place, "value": unit.value}
    name = f"{scene.prefix}{conv}-map{unit.map:03d}"
    box = unit.box or ((0, scene.view.shape[0]), (0, scene.view.shape[1]))
    pictures = (
        Figure(
            f"{name}-activation",
            _image(grey_picture(plane)),
            f"Feature map {unit.map} of {conv}, brightest at {place}",
            "feature map",
            about,
            _mark(plane.shape, row, column),
        ),
        Figure(
            f"{name}-projection",
            _image(_cut(projection, box)),
            f"Deconvnet projection of the strongest unit of map {unit.map} of {conv}",
            "projection",
            about,
        ),
        Figure(
            f"{name}-patch",
            _image(_cut(scene.view, box)),
            f"The part of the picture that the unit of map {unit.map} sees",
            "patch",
            about,
        ),
    )
    return Card(f"map {unit.map}", f"{place}, value {unit.value:.3g}", pictures)


def _columns(tiles: int) -> int | None:
    """Eight to a row where that leaves no gap."""
    return 8 if tiles % 8 == 0 else None


def _mark(shape: tuple[int, ...], row: int, column: int) -> Mark:
    height, width = shape
    return Mark(row / height, column / width, 1 / height, 1 / width)


def _cut(picture: Picture, box: Box) -> Picture:
    (top, bottom), (left, right) = box
    return picture[top:bottom, left:right]


def _image(picture: Picture) -> Image.Image:
    return Image.fromarray(enlarged(np.ascontiguousarray(picture)))


def maps_section(scene: Scene) -> Section:
    """The first convolution's filters, and all its maps of this picture."""
    net = scene.model.net
    conv = convolutions(net, 1)[0]
    layer = rectified(net, conv)
    with scene.step(f"filters and maps of {conv}"):
        columns = _columns(len(net[conv].params["weight"]))
        weights = filters(scene.model, conv, columns=columns)
        maps = feature_maps(scene.model, scene.x, layer, columns=columns)
    pictures = (
        Figure(
            f"{scene.prefix}{conv}-filters",
            weights.image(),
            f"The {len(weights.pixels)} filters of {conv} as small tiles",
            f"The {len(weights.pixels)} filters of {conv}, as weights.",
            scene.settings(weights),
        ),
        Figure(
            f"{scene.prefix}{conv}-maps",
            maps.image(),
            f"The {len(maps.pixels)} feature maps of {conv} as small grey pictures",
            "What each of them finds in this picture, in the same order.",
            scene.settings(maps),
        ),
    )
    return Section(
        f"The filters of {conv}",
        "What the first convolution has learned to look for: the weights themselves, "
        "and what they make of this picture. Each tile is stretched on its own.",
        "Krizhevsky et al. 2012, figure 3",
        [Row(pictures, "large")],
        scene.settings(weights),
    )
