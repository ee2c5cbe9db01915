"""Which shapes the published nets compute, from their tables alone: no weights, no run.

Sizes are of one sample, ``(C, H, W)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy_deconv import layers
from numpy_deconv.models import ARCHITECTURES, Architecture, Row
from numpy_deconv.window import Window

Size = tuple[int, ...]

NETS = ("vgg16", "alexnet", "zfnet", "squeezenet1_1", "efficientnet_lite0")
"""Whose layers are measured; VGG-16 first, so that a shape it shares counts as its."""


@dataclass(frozen=True)
class Step:
    """One row of an architecture with its sizes; ``window`` of a conv or a pool."""

    row: Row
    size: Size
    out: Size
    window: Window | None = None

    @property
    def weight(self) -> Size:
        """Shape of the weight."""
        return self.row.shapes["weight"]

    @property
    def groups(self) -> int:
        """Groups of the convolution."""
        return int(self.row.options.get("groups", 1))

    @property
    def macs(self) -> int:
        """Multiplications of one sample, each followed by a sum."""
        if not self.row.shapes or len(self.weight) < 2:
            return 0
        return math.prod(self.weight) * math.prod(self.out[1:])

    @property
    def geometry(self) -> tuple[Any, ...]:
        """All that the time of this step depends on."""
        shape = self.row.shapes.get("weight")
        return self.row.layer, shape, self.window, self.groups, self.size

    def words(self) -> str:
        """The step in a few words: ``64->128 3x3 at 112``."""
        window = self.window
        if window is None:
            return ""
        taps = "x".join(map(str, window.kernel))
        channels = str(self.size[0])
        if self.row.layer is layers.Conv:
            channels += f"->{self.out[0]}"
        stride = f"/{window.stride[0]}" if max(window.stride) > 1 else ""
        groups = f" groups {self.groups}" if self.groups > 1 else ""
        return f"{channels} {taps}{stride}{groups} at {self.size[-1]}"


def steps(architecture: Architecture) -> Iterator[Step]:
    """Every row of an architecture with the sizes that it reads and puts out."""
    sizes: dict[str, Size] = {"input": (3, *architecture.preprocess.size)}
    above = "input"
    for row in architecture.rows:
        read = [sizes[name] for name in row.inputs or (above,)]
        step = _step(row, read)
        sizes[row.name] = step.out
        above = row.name
        yield step


def _step(row: Row, read: list[Size]) -> Step:
    size, options = read[0], row.options
    if row.layer is layers.Conv:
        window = Window.of(
            row.shapes["weight"][2:],
            2,
            stride=options["stride"],
            padding=options["padding"],
            input_size=size[1:],
        )
        out = (row.shapes["weight"][0], *window.output_size(size[1:]))
        return Step(row, size, out, window)
    if row.layer is layers.MaxPool:
        window = Window.of_pool(
            options["kernel_size"],
            2,
            stride=options["stride"],
            ceil_mode=options["ceil_mode"],
        )
        return Step(row, size, (size[0], *window.output_size(size[1:])), window)
    if row.layer is layers.Concat:
        return Step(row, size, (sum(each[0] for each in read), *size[1:]))
    if row.layer is layers.AdaptiveAvgPool:
        side = options["output_size"]
        return Step(row, size, (size[0], side, side))
    if row.layer in (layers.GlobalAvgPool, layers.GlobalMaxPool):
        return Step(row, size, (size[0], 1, 1))
    if row.layer is layers.Flatten:
        return Step(row, size, (math.prod(size),))
    if row.layer is layers.Linear:
        return Step(row, size, row.shapes["weight"][:1])
    return Step(row, size, size)


def distinct(kind: type[layers.Layer]) -> Iterator[tuple[str, Step]]:
    """``(net, step)`` for every shape in which the nets have a layer, each once."""
    seen = set()
    for net in NETS:
        for step in steps(ARCHITECTURES[net]):
            if step.row.layer is kind and step.geometry not in seen:
                seen.add(step.geometry)
                yield net, step


def macs(architecture: Architecture, until: str | None = None) -> int:
    """Multiplications of one sample's forward run, up to and with a layer."""
    total = 0
    for step in steps(architecture):
        total += step.macs
        if step.row.name == until:
            break
    return total
