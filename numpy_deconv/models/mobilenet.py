"""MobileNetV2 (Sandler et al. 2018): inverted residual blocks on thin ends."""

from __future__ import annotations

from typing import NamedTuple

from ..layers import Add, GlobalAvgPool
from .architecture import Architecture
from .preprocess import IMAGENET
from .row import Row, batch_norm, conv, dropout, flatten, linear, relu6


class Stage(NamedTuple):
    """Blocks of one width; the first of them may have a stride."""

    expansion: int
    width: int
    blocks: int
    stride: int


STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)
"""Table 2 of the paper."""

STEM_WIDTH, HEAD_WIDTH = 32, 1280


def normed(
    name: str,
    keys: tuple[str, str],
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
            padding=kernel // 2,
            groups=groups,
            bias=False,
        ),
        batch_norm(f"{name}_bn", keys[1], out),
    ]
    return [*rows, relu6(f"{name}_relu6")] if saturated else rows


def block(
    index: int, stage: Stage, channels: int, stride: int, above: str
) -> list[Row]:
    """Expand, filter each channel, project; add the input where the shape is kept.

    ``index`` is the block's number among ``features``, which the stem begins.
    """
    name, key = f"block{index}", f"features.{index}.conv"
    hidden, rows, place = channels * stage.expansion, list[Row](), 0
    if stage.expansion > 1:
        keys = f"{key}.0.0", f"{key}.0.1"
        rows += normed(f"{name}/expand", keys, channels, hidden, 1)
        place = 1
    keys = f"{key}.{place}.0", f"{key}.{place}.1"
    depthwise = f"{name}/depthwise"
    rows += normed(depthwise, keys, hidden, hidden, 3, stride=stride, groups=hidden)
    keys = f"{key}.{place + 1}", f"{key}.{place + 2}"
    rows += normed(f"{name}/project", keys, hidden, stage.width, 1, saturated=False)
    if stride == 1 and channels == stage.width:
        rows.append(Row(f"{name}/add", Add, (rows[-1].name, above)))
    return rows


def table() -> tuple[Row, ...]:
    """All rows, keys as torchvision's."""
    rows = normed("stem", ("features.0.0", "features.0.1"), 3, STEM_WIDTH, 3, stride=2)
    channels, index = STEM_WIDTH, 1
    for stage in STAGES:
        for step in range(stage.blocks):
            stride = 1 if step else stage.stride
            rows += block(index, stage, channels, stride, rows[-1].name)
            channels, index = stage.width, index + 1
    keys = f"features.{index}.0", f"features.{index}.1"
    rows += normed("head", keys, channels, HEAD_WIDTH, 1)
    rows += [Row("pool", GlobalAvgPool), flatten(), dropout("drop", 0.2)]
    return (*rows, linear("fc", "classifier.1", HEAD_WIDTH, 1000))


MOBILENET_V2 = Architecture(
    name="mobilenet_v2",
    rows=table(),
    preprocess=IMAGENET,
    source="Sandler et al. 2018, MobileNetV2",
)
