"""Cutting the object of a class out of its picture, guided by saliency alone.

Simonyan, Vedaldi & Zisserman 2013, section 3.2: the most salient pixels tell the
object's colours, the least salient the background's, and a graph cut (Boykov & Jolly
2001; the colour models and contrast term are those of GrabCut, Rother et al. 2004)
decides about the rest. Nobody ever drew an outline for the network to learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import OptionError
from ..functional.options import real
from ..layers.layer import Box
from .attribution import saliency
from .drawing import network_picture
from .result import Result
from .subject import Targets, batch_of, preprocess_of

FOREGROUND, BACKGROUND = 0.95, 0.30
"""Quantiles of saliency: the paper's."""

SMOOTH = 2.0
"""Pixels by which saliency is blurred first: OpenCV's cut cannot overrule a seed, so
single ones in the noise would all stay."""

GAMMA = 50
"""Weight of the contrast term, fixed inside of OpenCV; the paper's code has 150."""

COMPONENTS = 5
"""Gaussians per colour model, fixed inside of OpenCV as well."""

Picture = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Segmentation(Result):
    """``pixels (N, H, W)``, true on the object; ``boxes``, the tightest around each.

    ``saliency (N, H, W)`` is what it was made of, ``target`` the class per sample and
    ``scores`` its score before softmax.
    """

    saliency: Array
    boxes: list[Box]
    target: list[int]
    scores: list[float]
    pictures: list[Picture]

    def drawn(self, sample: int = 0) -> Picture:
        """The picture of one sample, dark where the object is not, with its edge."""
        mask, picture = self.pixels[sample], self.pictures[sample]
        shown = np.where(mask[..., None], picture, picture // 4)
        inner = mask.copy()
        for axis in (0, 1):
            for step in (-1, 1):
                inner &= np.roll(mask, step, axis)
        shown[mask & ~inner] = (255, 255, 0)
        return shown


def segment(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    foreground: float = FOREGROUND,
    background: float = BACKGROUND,
    smooth: float = SMOOTH,
    seed: int = 0,
) -> Segmentation:
    """The object of class ``target`` in each sample of ``x (N, C, H, W)``.

    Saliency, blurred by ``smooth`` pixels, names the object's pixels, those from its
    quantile ``foreground`` on, and the background's, up to its quantile ``background``.
    Of both the colours are learnt (five Gaussians each), and one graph cut places all
    other pixels; the largest connected piece is the object. ``seed`` is that of the
    clustering of colours. OpenCV computes the cut (the ``grabcut`` extra).

    Raises:
        OptionError: if OpenCV is missing, quantiles are not in order from 0 to 1, or a
            picture has the same saliency everywhere.

    Example::

        segment(model, model.preprocess("cat.jpg")).save("cat-cut.png")
    """
    cv2 = _opencv()
    low, high = real(background, "background"), real(foreground, "foreground")
    if not 0 < low < high < 1:
        raise OptionError(
            f"background {background} and foreground {foreground} must be quantiles, "
            "0 < background < foreground < 1"
        )
    if not real(smooth, "smooth") >= 0:
        raise OptionError(f"smooth must be 0 pixels or more, got {smooth}")
    batch = batch_of(x)
    found = saliency(net, batch, target)
    preprocess = preprocess_of(net)
    pictures = [
        network_picture(batch[n : n + 1], preprocess) for n in range(len(batch))
    ]
    masks = []
    for sample, picture in enumerate(pictures):
        values = to_numpy(found.pixels[sample]).astype(np.float64)
        if smooth:
            values = cv2.GaussianBlur(values, (0, 0), float(smooth))
        sure = values >= np.quantile(values, high), values <= np.quantile(values, low)
        if (sure[0] & sure[1]).any():
            raise OptionError(
                f"sample {sample} has the same saliency nearly everywhere, so nothing "
                "tells its object from the background"
            )
        masks.append(_largest(cv2, _cut(cv2, picture, *sure, seed)))
    settings = {
        **found.settings,
        "method": "segment",
        "foreground": foreground,
        "background": background,
        "smooth": smooth,
        "seed": seed,
        "gamma": GAMMA,
        "components": COMPONENTS,
        "opencv": cv2.__version__,
    }
    return Segmentation(
        np.stack(masks),
        settings,
        found.pixels,
        [_box(mask) for mask in masks],
        found.target,
        found.scores,
        pictures,
    )


def _opencv() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise OptionError(
            "segment needs OpenCV, which is not installed: "
            "pip install 'numpy-deconv[grabcut]'"
        ) from error
    return cv2


def _cut(
    cv2: ModuleType, picture: Picture, inside: Picture, outside: Picture, seed: int
) -> Picture:
    """True on the object, by colours learnt where it surely is and surely is not."""
    models = np.zeros((1, 13 * COMPONENTS)), np.zeros((1, 13 * COMPONENTS))
    # A strip of the sure pixels alone: GrabCut would learn from the others too.
    strip = np.concatenate([picture[outside], picture[inside]])[None]
    known = np.repeat((cv2.GC_BGD, cv2.GC_FGD), (outside.sum(), inside.sum()))
    cv2.setRNGSeed(seed)
    cv2.grabCut(
        strip, known[None].astype(np.uint8), None, *models, 0, cv2.GC_INIT_WITH_MASK
    )
    mask = np.full(picture.shape[:2], cv2.GC_PR_BGD, np.uint8)
    mask[inside], mask[outside] = cv2.GC_FGD, cv2.GC_BGD
    image = np.ascontiguousarray(picture)
    cv2.grabCut(image, mask, None, *models, 1, cv2.GC_EVAL_FREEZE_MODEL)
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)


def _largest(cv2: ModuleType, mask: Picture) -> Picture:
    """The connected piece with the most pixels."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas: Sequence[int] = facts[1:, cv2.CC_STAT_AREA]
    return np.asarray(labels == 1 + int(np.argmax(areas)))


def _box(mask: Picture) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        (int(rows[0]), int(rows[-1]) + 1),
        (int(columns[0]), int(columns[-1]) + 1),
    )
