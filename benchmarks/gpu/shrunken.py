"""Layers of the published nets, or in a dry run small ones that look like them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import case

from numpy_deconv.benchmarks.shapes import Step, distinct
from numpy_deconv.layers import Layer
from numpy_deconv.window import Window

NETS = ("vgg16", "alexnet", "squeezenet1_1")
CHANNELS, SIDE = 8, 13  # at most, in a dry run


@dataclass(frozen=True)
class Shape:
    """Sizes ``(C, H, W)`` of a layer's input and output, its weight and its window."""

    net: str
    words: str
    size: tuple[int, ...]
    out: tuple[int, ...]
    weight: tuple[int, ...]
    window: Window
    groups: int
    macs: int  # of one sample


def shapes(kind: type[Layer]) -> Iterator[Shape]:
    """Each shape in which the nets have a layer of this kind, once."""
    seen = set()
    for net, step in distinct(kind):
        if net not in NETS or step.window is None:
            continue
        shape = (_small if case.SHRUNK else _whole)(net, step, step.window)
        key = (shape.net, shape.size, shape.weight, shape.window)
        if key not in seen:
            seen.add(key)
            yield shape


def _whole(net: str, step: Step, window: Window) -> Shape:
    weight = step.weight if step.row.shapes else ()
    sizes = (step.size, step.out, weight, window, step.groups)
    return Shape(net, step.words(), *sizes, step.macs)


def _small(net: str, step: Step, window: Window) -> Shape:
    plane = tuple(min(n, SIDE) for n in step.size[1:])
    channels = min(step.size[0], CHANNELS)
    if not step.row.shapes:
        out = (channels, *window.output_size(plane))
        return Shape(net, step.words(), (channels, *plane), out, (), window, 1, 0)
    filters = min(step.out[0], CHANNELS)
    out = (filters, *window.output_size(plane))
    weight = (filters, channels, *window.kernel)
    macs = filters * channels * window.size * out[1] * out[2]
    size = (channels, *plane)
    return Shape(net, step.words(), size, out, weight, window, 1, macs)
