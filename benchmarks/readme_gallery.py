"""One picture of each method on the embedded network: the README's gallery.

    python benchmarks/readme_gallery.py .github/pictures/gallery.png

Needs nothing but the library; takes about a minute with ``--backend numba``.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import numpy_deconv as nd
from numpy_deconv import methods, use_backend
from numpy_deconv.methods import Result
from numpy_deconv.methods.plotting import Line, plot
from numpy_deconv.models import Model, sample_picture

TILE, LABEL, GAP, ACROSS = 176, 22, 12, 6
WIDE = 1.6  # a picture so much wider than high gets the place of two
PAPER, INK = (251, 250, 248), (40, 40, 52)

Picture = np.ndarray[Any, Any]
Made = Callable[[], Result | Picture]


def pictures() -> Iterator[tuple[str, Made]]:
    """Each method's name, and what makes its result or its picture."""
    model = nd.load_model()
    x = model.preprocess(sample_picture())
    cat = model.preprocess(sample_picture("cat"))
    clock = model.class_index("clock")
    guided = methods.guided_backprop
    yield "deconvnet", lambda: methods.deconvnet(model, x, "relu5", maps=[38])
    yield "feature maps", lambda: methods.feature_maps(model, x, "relu2")
    yield "filters", lambda: methods.filters(model, "conv1")
    yield "saliency", lambda: methods.saliency(model, x)
    yield "saliency, ten crops", lambda: methods.ten_crop_saliency(model, larger(model))
    yield "guided backprop", lambda: guided(model, x)
    yield "gradient x input", lambda: methods.gradient_times_input(model, x)
    yield "integrated gradients", lambda: methods.integrated_gradients(model, x)
    yield "SmoothGrad", lambda: methods.smoothgrad(model, x)
    yield "Grad-CAM", lambda: methods.grad_cam(model, x)
    yield "guided Grad-CAM", lambda: methods.guided_grad_cam(model, x)
    yield "LRP", lambda: methods.lrp(model, x, composite="epsilon_plus_flat")
    yield "occlusion", lambda: methods.occlusion(model, x, size=16, stride=4)
    yield "RISE", lambda: methods.rise(model, x, masks=1000)
    yield "segment", lambda: methods.segment(model, x)
    yield "class: clock", lambda: methods.class_visualization(model, None, clock)
    yield (
        "unit: relu5, map 38",
        lambda: methods.unit_visualization(model, None, "relu5", 38),
    )
    yield "DeepDream", lambda: methods.deepdream(model, x, "relu4")
    yield "inversion", lambda: methods.invert(model, x, "relu2")
    yield "style", lambda: methods.style_transfer(model, cat, x)
    yield "fooling: clock", lambda: methods.fooling_image(model, x, clock)
    yield "FGSM", lambda: methods.fgsm(model, x)
    yield "PGD", lambda: methods.pgd(model, x)
    yield "correspondence", lambda: parts(model, x)
    yield "max-sensitivity", lambda: methods.max_sensitivity(guided, model, x)
    yield "top patches: relu4, map 11", lambda: top_patches(model)
    yield "sanity check: guided backprop as layers are lost", lambda: lost(model, x)
    yield "metrics: deletion and insertion", lambda: removals(model, x)
    yield "metrics: infidelity, sensitivity-n", lambda: chances(model, x)
    yield "invariance: turned", lambda: turned(model, x)


def larger(model: Model) -> Picture:
    """The picture as ten crops are cut out of it."""
    height, width = (round(side * 8 / 7) for side in model.preprocess.size)
    prepared = replace(
        model.preprocess, size=(height, width), resize_short=max(height, width)
    )
    return prepared(sample_picture())


def top_patches(model: Model) -> Picture:
    """One map over pieces of the cat and turned lions: figure 2 in small."""
    photograph, lion = (
        Image.open(sample_picture(name)).convert("RGB") for name in ("cat", "emoji")
    )
    corners = itertools.product(range(0, 250, 50), repeat=2)
    pieces = [photograph.crop((u, v, u + 150, v + 150)) for u, v in corners]
    pieces += [
        lion.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
        for angle in range(0, 360, 30)
    ]
    shown = [model.preprocess(piece)[0] for piece in pieces]
    batch = np.stack(shown)
    return methods.strongest_examples(model, batch, "relu4", maps=11, top=9).drawn()


def lost(model: Model, x: Picture) -> Picture:
    """What the method shows as ever more of the net is noise."""
    check = methods.randomisation_check(methods.guided_backprop, model, x, stages=3)
    return check.maps(0)


def removals(model: Model, x: Picture) -> Picture:
    """The probability as the hottest pixels go, or come, by three methods."""
    found = {
        "saliency": methods.saliency(model, x),
        "Grad-CAM": methods.grad_cam(model, x),
        "LRP": methods.lrp(model, x),
    }
    drawn = []
    for measure in (methods.deletion, methods.insertion):
        made = {name: measure(model, x, each) for name, each in found.items()}
        lines = [Line(n, each.shares, each.pixels[0]) for n, each in made.items()]
        drawn.append(plot(lines, measure.__name__, "share of the pixels", (0, 1)))
    return beside(drawn)


def chances(model: Model, x: Picture) -> Picture:
    """What an attribution promises of random changes, and what happens."""
    found = methods.integrated_gradients(model, x)
    judged = (
        methods.infidelity(model, x, found, normalize=True),
        methods.sensitivity_n(model, x, found),
    )
    return beside([each.drawn() for each in judged])


def beside(plots: list[Picture]) -> Picture:
    """Plots of one height side by side; names of lines make some of them wider."""
    return np.concatenate(plots, axis=1)


def turned(model: Model, x: Picture) -> Result:
    """Features and class as the picture is turned."""
    return methods.invariance(model, x, ("fc6",), transform="rotate")


def parts(model: Model, x: Picture) -> Result:
    """The same parts of four lions: as it is, mirrored, darker, grey."""
    grey = np.broadcast_to(x.mean(axis=1, keepdims=True), x.shape)
    lions = np.concatenate([x, x[..., ::-1], 0.6 * x, grey])
    boxes = {"eyes": ((24, 38), (20, 44)), "nose": ((36, 46), (24, 40))}
    names = [f"relu{number}" for number in range(1, 6)]
    return methods.correspondence(model, lions, boxes, names)


def tile(name: str, picture: Picture) -> Image.Image:
    """A picture fitted into one square or two, its name below."""
    image = Image.fromarray(picture)
    places = 2 if image.width > WIDE * image.height else 1
    room = (places * TILE + (places - 1) * GAP, TILE)
    scale = min(room[0] / image.width, room[1] / image.height)
    image = image.resize(
        [max(1, round(side * scale)) for side in image.size],
        Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS,
    )
    whole = Image.new("RGB", (room[0], TILE + LABEL), PAPER)
    whole.paste(image, ((room[0] - image.width) // 2, (TILE - image.height) // 2))
    font = ImageFont.load_default(13)
    ImageDraw.Draw(whole).text((1, TILE + 4), name, fill=INK, font=font)
    return whole


def sheet(tiles: list[Image.Image]) -> Image.Image:
    """The tiles in rows."""
    width = ACROSS * (TILE + GAP) + GAP
    places, left, top = [], GAP, GAP
    for each in tiles:
        if left + each.width > width:
            left, top = GAP, top + TILE + LABEL + GAP
        places.append((left, top))
        left += each.width + GAP
    whole = Image.new("RGB", (width, top + TILE + LABEL + GAP), PAPER)
    for each, place in zip(tiles, places, strict=True):
        whole.paste(each, place)
    return whole


def main() -> None:
    """Make them all, and write the sheet under its name when it is whole."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--backend", default="numpy")
    given = parser.parse_args()
    tiles = []
    with use_backend(given.backend):
        for name, make in pictures():
            print(name, flush=True)
            made = make()
            drawn = made.drawn() if isinstance(made, Result) else made
            tiles.append(tile(name, drawn))
    partly = given.file.with_suffix(".part.png")
    sheet(tiles).save(partly, optimize=True)
    os.replace(partly, given.file)


if __name__ == "__main__":
    main()
