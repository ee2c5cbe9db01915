"""One picture of each method on the embedded network: the README's gallery.

    python benchmarks/readme_gallery.py .github/pictures/gallery.png

Needs nothing but the library; takes about a minute with ``--backend numba``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import numpy_deconv as nd
from numpy_deconv import methods, use_backend
from numpy_deconv.methods import Result
from numpy_deconv.models import sample_picture

TILE, LABEL, GAP, ACROSS = 176, 22, 12, 6
PAPER, INK = (251, 250, 248), (40, 40, 52)

Made = Callable[[], Result]


def pictures() -> Iterator[tuple[str, Made]]:
    """Each method's name, and what makes its result."""
    model = nd.load_model()
    x = model.preprocess(sample_picture())
    cat = model.preprocess(sample_picture("cat"))
    clock = model.class_index("clock")
    guided = methods.guided_backprop
    yield "deconvnet", lambda: methods.deconvnet(model, x, "relu5", maps=[38])
    yield "feature maps", lambda: methods.feature_maps(model, x, "relu2")
    yield "filters", lambda: methods.filters(model, "conv1")
    yield "saliency", lambda: methods.saliency(model, x)
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
    layers = ("conv1", "fc6")
    yield (
        "invariance",
        lambda: methods.invariance(model, x, layers, transform="rotate"),
    )
    yield "sanity check", lambda: methods.randomisation_check(guided, model, x)
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


def tile(name: str, picture: np.ndarray) -> Image.Image:
    """A picture fitted into a square, its name below."""
    image = Image.fromarray(picture)
    enlarged = max(image.size) < TILE
    image = image.resize(
        [max(1, round(side * TILE / max(image.size))) for side in image.size],
        Image.Resampling.NEAREST if enlarged else Image.Resampling.LANCZOS,
    )
    whole = Image.new("RGB", (TILE, TILE + LABEL), PAPER)
    whole.paste(image, ((TILE - image.width) // 2, (TILE - image.height) // 2))
    font = ImageFont.load_default(13)
    ImageDraw.Draw(whole).text((1, TILE + 4), name, fill=INK, font=font)
    return whole


def sheet(tiles: list[Image.Image]) -> Image.Image:
    """The tiles in rows."""
    down = -(-len(tiles) // ACROSS)
    width = ACROSS * (TILE + GAP) + GAP
    height = down * (TILE + LABEL + GAP) + GAP
    whole = Image.new("RGB", (width, height), PAPER)
    for number, each in enumerate(tiles):
        row, column = divmod(number, ACROSS)
        at = GAP + column * (TILE + GAP), GAP + row * (TILE + LABEL + GAP)
        whole.paste(each, at)
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
            tiles.append(tile(name, make().drawn()))
    partly = given.file.with_suffix(".part.png")
    sheet(tiles).save(partly, optimize=True)
    os.replace(partly, given.file)


if __name__ == "__main__":
    main()
