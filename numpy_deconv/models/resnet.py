"""ResNets (He et al. 2016), with the stride in the 3x3 convolution of a bottleneck."""

from __future__ import annotations

from typing import NamedTuple

from ..layers import Add, GlobalAvgPool, MaxPool
from .architecture import Architecture
from .preprocess import IMAGENET
from .row import Row, batch_norm, conv, flatten, linear, relu


class Plan(NamedTuple):
    """Blocks of each stage, and how many times its width a block puts out."""

    blocks: tuple[int, int, int, int]
    expansion: int


PLANS = {
    "resnet18": Plan((2, 2, 2, 2), 1),
    "resnet34": Plan((3, 4, 6, 3), 1),
    "resnet50": Plan((3, 4, 6, 3), 4),
    "resnet101": Plan((3, 4, 23, 3), 4),
    "resnet152": Plan((3, 8, 36, 3), 4),
}
"""Table 1 of the paper; an expansion of 4 is a bottleneck of 1x1, 3x3, 1x1."""

WIDTHS = (64, 128, 256, 512)


def normed(
    name: str,
    number: int,
    channels: int,
    out: int,
    kernel: int,
    stride: int = 1,
) -> list[Row]:
    """A block's convolution without bias, and its batch norm."""
    return [
        conv(
            f"{name}/conv{number}",
            f"{name}.conv{number}",
            channels,
            out,
            kernel,
            stride=stride,
            padding=kernel // 2,
            bias=False,
        ),
        batch_norm(f"{name}/bn{number}", f"{name}.bn{number}", out),
    ]


def block(
    name: str, channels: int, width: int, plan: Plan, stride: int, above: str
) -> list[Row]:
    """Two or three convolutions beside a shortcut, projected where shapes differ."""
    out = width * plan.expansion
    rows: list[Row] = []
    if plan.expansion == 1:
        steps = [(channels, width, 3, stride), (width, width, 3, 1)]
    else:
        steps = [(channels, width, 1, 1), (width, width, 3, stride), (width, out, 1, 1)]
    for number, step in enumerate(steps, start=1):
        rows += normed(name, number, *step)
        if number < len(steps):
            rows.append(relu(f"{name}/relu{number}"))
    shortcut, last = above, rows[-1].name
    if stride != 1 or channels != out:
        shortcut = f"{name}/downsample_bn"
        key = f"{name}.downsample"
        rows += [
            conv(
                f"{name}/downsample",
                f"{key}.0",
                channels,
                out,
                1,
                stride=stride,
                bias=False,
                inputs=(above,),
            ),
            batch_norm(shortcut, f"{key}.1", out),
        ]
    return [*rows, Row(f"{name}/add", Add, (last, shortcut)), relu(f"{name}/relu")]


def resnet(name: str, plan: Plan) -> Architecture:
    """One depth; keys as torchvision's."""
    rows = [
        conv("conv1", "conv1", 3, 64, 7, stride=2, padding=3, bias=False),
        batch_norm("bn1", "bn1", 64),
        relu("relu1"),
        Row("pool1", MaxPool, options={"kernel_size": 3, "stride": 2, "padding": 1}),
    ]
    channels = 64
    for stage, (width, blocks) in enumerate(zip(WIDTHS, plan.blocks, strict=True)):
        for index in range(blocks):
            stride = 2 if stage and not index else 1
            label = f"layer{stage + 1}.{index}"
            rows += block(label, channels, width, plan, stride, rows[-1].name)
            channels = width * plan.expansion
    rows += [Row("pool5", GlobalAvgPool), flatten(), linear("fc", "fc", channels, 1000)]
    return Architecture(
        name=name,
        rows=tuple(rows),
        preprocess=IMAGENET,
        source="He et al. 2016, Deep residual learning for image recognition",
    )


RESNETS = tuple(resnet(name, plan) for name, plan in PLANS.items())
"""resnet18, resnet34, resnet50, resnet101, resnet152."""
