"""Saliency averaged over ten crops. Simonyan, Vedaldi & Zisserman 2013, section 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import ShapeError
from ..functional.options import whole
from ..net.memory import in_halves, joined
from ..rules import GRADIENT, Rules
from .attribution import Attribution, saliency
from .subject import (
    Targets,
    batch_of,
    each_of,
    net_of,
    preprocess_of,
    scores_of,
    settings_of,
    targets_for,
)

Place = tuple[int, int, bool]  # first row, first column, mirrored


def ten_crop_saliency(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    size: int | Sequence[int] | None = None,
    rules: Rules = GRADIENT,
) -> Attribution:
    """Mean of the saliency of ten crops of ``x (N, C, H, W)``: ``(N, H, W)``.

    Corners and centre of ``size`` (height and width; by default what the model takes),
    each as it is and mirrored. A pixel's value is the mean over the crops that hold it,
    0 where none does. Without a ``target`` a sample's class is that of the best mean
    score; ``scores`` are such means. Raises ShapeError for a crop larger than ``x``.

    Example::

        larger = replace(model.preprocess, size=(256, 256))
        ten_crop_saliency(model, larger("cat.jpg")).save("cat-saliency.png")
    """
    batch, graph = batch_of(x), net_of(net)
    height, width = _crop(net, batch, size)
    places = crop_places((int(batch.shape[2]), int(batch.shape[3])), (height, width))
    given = each_of(target, len(batch))

    def scores(place: Place) -> Array:
        part = _cut(batch, place, (height, width))
        return joined(in_halves(part, lambda s: scores_of(graph, part[s], rules)[2]))

    mean = sum((scores(place) for place in places[1:]), start=scores(places[0]))
    mean = mean / len(places)
    wanted = targets_for(given, mean)
    total = np.zeros_like(batch, shape=(len(batch), *batch.shape[2:]))
    count = np.zeros(batch.shape[2:])
    for place in places:
        top, left, mirrored = place
        part = _cut(batch, place, (height, width))
        found = saliency(graph, part, wanted, rules=rules).pixels
        window = slice(top, top + height), slice(left, left + width)
        total[(slice(None), *window)] += found[..., ::-1] if mirrored else found
        count[window] += 1
    pixels = total / np.asarray(np.maximum(count, 1).astype(total.dtype), like=total)
    settings = settings_of(
        "saliency",
        graph,
        batch,
        rules,
        target=wanted,
        start=1.0,
        crops=len(places),
        crop=(height, width),
    )
    reached = [float(row[t]) for row, t in zip(to_numpy(mean), wanted, strict=True)]
    return Attribution(pixels, settings, wanted, reached, net)


def crop_places(size: tuple[int, int], crop: tuple[int, int]) -> list[Place]:
    """The five places of crops in a plane of ``size``, each as it is and mirrored."""
    down, across = size[0] - crop[0], size[1] - crop[1]
    corners = [(0, 0), (0, across), (down, 0), (down, across)]
    every = [*corners, (down // 2, across // 2)]
    return [(*corner, mirrored) for corner in every for mirrored in (False, True)]


def _cut(batch: Array, place: Place, crop: tuple[int, int]) -> Array:
    top, left, mirrored = place
    part = batch[:, :, top : top + crop[0], left : left + crop[1]]
    return part[..., ::-1] if mirrored else part


def _crop(net: Any, batch: Array, size: int | Sequence[int] | None) -> tuple[int, int]:
    preprocess = preprocess_of(net)
    if size is None and preprocess is not None:
        size = preprocess.size
    if size is None or batch.ndim != 4:
        raise ShapeError(
            f"crops of an input of shape {batch.shape} need size=(height, width), and "
            "pictures (N, C, H, W)"
        )
    given = (size, size) if isinstance(size, int) else tuple(size)
    height, width = (whole(n, "size") for n in given)
    if not (0 < height <= batch.shape[2] and 0 < width <= batch.shape[3]):
        raise ShapeError(
            f"crops of {height} x {width} do not fit into pictures of "
            f"{batch.shape[2]} x {batch.shape[3]}: prepare them larger"
        )
    return height, width
