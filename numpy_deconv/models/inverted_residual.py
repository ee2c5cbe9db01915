"""Inverted residual blocks (Sandler et al. 2018): thin ends, a wide depthwise middle.

MobileNetV2 and the EfficientNet-Lites are made of them; what differs between the two
is a :class:`Form`, and where the parameters lie in a state dict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..layers import Add
from .row import Row, batch_norm, conv, relu6

Keys = tuple[str, str]  # prefixes of a convolution and of its batch norm


class Stage(NamedTuple):
    """Blocks of one width; the first of them may have a stride."""

    expansion: int  # how many times its input's width the middle of a block has
    width: int
    blocks: int
    stride: int
    kernel: int = 3


@dataclass(frozen=True, slots=True)
class Form:
    """How a family pads and normalises, and where its blocks' parameters lie.

    ``same`` pads as TensorFlow does (the odd pixel at the end), else half the kernel
    at both ends. ``keys`` has the keys of the block of an index, expanded or not: of
    two or three convolutions.
    """

    same: bool
    eps: float
    keys: Callable[[int, bool], Sequence[Keys]]

    def normed(
        self,
        name: str,
        keys: Keys,
        channels: int,
        out: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        saturated: bool = True,
    ) -> list[Row]:
        """A convolution without bias, its batch norm, and (``saturated``) a ReLU6."""
        rows = [
            conv(
                name,
                keys[0],
                channels,
                out,
                kernel,
                stride=stride,
                padding="same" if self.same else kernel // 2,
                groups=groups,
                bias=False,
            ),
            batch_norm(f"{name}_bn", keys[1], out, eps=self.eps),
        ]
        return [*rows, relu6(f"{name}_relu6")] if saturated else rows

    def block(
        self, index: int, stage: Stage, channels: int, stride: int, above: str
    ) -> list[Row]:
        """Expand, filter each channel, project; add the input if the shape is kept."""
        name, rows = f"block{index}", list[Row]()
        hidden = channels * stage.expansion
        *expand, filtered, projected = self.keys(index, hidden != channels)
        for keys in expand:
            rows += self.normed(f"{name}/expand", keys, channels, hidden, 1)
        rows += self.normed(
            f"{name}/depthwise",
            filtered,
            hidden,
            hidden,
            stage.kernel,
            stride=stride,
            groups=hidden,
        )
        rows += self.normed(
            f"{name}/project", projected, hidden, stage.width, 1, saturated=False
        )
        if stride == 1 and channels == stage.width:
            rows.append(Row(f"{name}/add", Add, (rows[-1].name, above)))
        return rows

    def body(
        self, stages: Sequence[Stage], channels: int, above: str, *, first: int
    ) -> list[Row]:
        """All blocks, numbered from ``first`` on, upon the row ``above``."""
        rows: list[Row] = []
        index = first
        for stage in stages:
            for step in range(stage.blocks):
                stride = 1 if step else stage.stride
                rows += self.block(index, stage, channels, stride, above)
                channels, above, index = stage.width, rows[-1].name, index + 1
        return rows
