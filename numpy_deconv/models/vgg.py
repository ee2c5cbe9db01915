"""The networks of Simonyan & Zisserman 2015, with and without batch norm."""

from __future__ import annotations

from ..layers import AdaptiveAvgPool, GlobalMaxPool
from .architecture import Architecture
from .preprocess import IMAGENET, Preprocess
from .row import (
    Row,
    batch_norm,
    conv,
    dropout,
    flatten,
    linear,
    max_pool,
    relu,
)

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
"""3x3 convolutions per block (table 1, configurations A, B, D and E)."""

CLASSIFIER = (
    Row("avgpool", AdaptiveAvgPool, options={"output_size": 7}),
    flatten(),
    linear("fc6", "classifier.0", 25088, 4096),
    relu("relu6"),
    dropout("drop6"),
    linear("fc7", "classifier.3", 4096, 4096),
    relu("relu7"),
    dropout("drop7"),
    linear("fc8", "classifier.6", 4096, 1000),
)


def features(depths: tuple[int, ...], *, batch_normed: bool = False) -> list[Row]:
    """The convolutional part; state-dict keys count its layers: ``features.0`` ..."""
    rows: list[Row] = []
    channels = 3
    for block, (width, depth) in enumerate(zip(WIDTHS, depths, strict=True), start=1):
        for step in range(1, depth + 1):
            label = f"{block}_{step}"
            key = f"features.{len(rows)}"
            rows.append(conv(f"conv{label}", key, channels, width, 3, padding=1))
            if batch_normed:
                key = f"features.{len(rows)}"
                rows.append(batch_norm(f"bn{label}", key, width))
            rows.append(relu(f"relu{label}"))
            channels = width
        rows.append(max_pool(f"pool{block}", 2, 2))
    return rows


def vgg(name: str, depths: tuple[int, ...], *, batch_normed: bool) -> Architecture:
    """One configuration; keys as torchvision's."""
    return Architecture(
        name=name,
        rows=(*features(depths, batch_normed=batch_normed), *CLASSIFIER),
        preprocess=IMAGENET,
        source="Simonyan & Zisserman 2015, Very deep convolutional networks",
    )


VGG = tuple(
    vgg(f"{name}_bn" if batch_normed else name, depths, batch_normed=batch_normed)
    for name, depths in DEPTHS.items()
    for batch_normed in (False, True)
)
"""vgg11, vgg11_bn, vgg13, ... vgg19_bn."""

VGG16_MAXPOOL = Architecture(
    name="vgg16_maxpool",
    rows=(
        *features(DEPTHS["vgg16"])[:-1],
        Row("pool5", GlobalMaxPool),
        flatten(),
        linear("fc6", "classifier.0", 512, 12),
    ),
    preprocess=Preprocess(
        size=(224, 224),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        interpolation="bicubic",
    ),
    source="vgg16's convolutions, then global max pooling and one linear layer",
)
"""A light classifier for small data sets, such as twelve classes of cats."""
