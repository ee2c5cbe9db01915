"""MobileNetV2 (Sandler et al. 2018): inverted residual blocks on thin ends."""

from __future__ import annotations

from ..layers import GlobalAvgPool
from .architecture import Architecture
from .inverted_residual import Form, Keys, Stage
from .preprocess import IMAGENET
from .row import Row, dropout, flatten, linear

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


def keys(index: int, expanded: bool) -> list[Keys]:
    """Of a block among torchvision's ``features``, which the stem begins."""
    key, last = f"features.{index}.conv", 1 + expanded
    normed = [(f"{key}.{place}.0", f"{key}.{place}.1") for place in range(last)]
    return [*normed, (f"{key}.{last}", f"{key}.{last + 1}")]


def table() -> tuple[Row, ...]:
    """All rows, keys as torchvision's."""
    form = Form(same=False, eps=1e-5, keys=keys)
    ends = 0, 1 + sum(stage.blocks for stage in STAGES)  # among the features
    stem, head = ((f"features.{end}.0", f"features.{end}.1") for end in ends)
    rows = form.normed("stem", stem, 3, STEM_WIDTH, 3, stride=2)
    rows += form.body(STAGES, STEM_WIDTH, rows[-1].name, first=1)
    rows += form.normed("head", head, STAGES[-1].width, HEAD_WIDTH, 1)
    rows += [Row("pool", GlobalAvgPool), flatten(), dropout("drop", 0.2)]
    return (*rows, linear("fc", "classifier.1", HEAD_WIDTH, 1000))


MOBILENET_V2 = Architecture(
    name="mobilenet_v2",
    rows=table(),
    preprocess=IMAGENET,
    source="Sandler et al. 2018, MobileNetV2",
)
