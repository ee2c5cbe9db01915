"""SqueezeNet (Iandola et al. 2016), versions 1.0 and 1.1."""

from __future__ import annotations

from ..layers import Concat, GlobalAvgPool
from .architecture import Architecture
from .preprocess import IMAGENET
from .row import Row, conv, dropout, flatten, max_pool, relu

SOURCE = "Iandola et al. 2016, SqueezeNet"


def fire(name: str, key: str, channels: int, squeeze: int, expand: int) -> list[Row]:
    """A fire module: 1x1 squeeze, then 1x1 and 3x3 expand side by side."""
    squeezed = (f"{name}/relu_squeeze1x1",)
    return [
        conv(f"{name}/squeeze1x1", f"{key}.squeeze", channels, squeeze, 1),
        relu(squeezed[0]),
        conv(
            f"{name}/expand1x1", f"{key}.expand1x1", squeeze, expand, 1, inputs=squeezed
        ),
        relu(f"{name}/relu_expand1x1"),
        conv(
            f"{name}/expand3x3",
            f"{key}.expand3x3",
            squeeze,
            expand,
            3,
            padding=1,
            inputs=squeezed,
        ),
        relu(f"{name}/relu_expand3x3"),
        Row(
            f"{name}/concat",
            Concat,
            (f"{name}/relu_expand1x1", f"{name}/relu_expand3x3"),
        ),
    ]


CLASSIFIER = (
    dropout("drop9"),
    conv("conv10", "classifier.1", 512, 1000, 1),
    relu("relu_conv10"),
    Row("pool10", GlobalAvgPool),
    flatten(),
)

SQUEEZENET1_0 = Architecture(
    name="squeezenet1_0",
    rows=(
        conv("conv1", "features.0", 3, 96, 7, stride=2),
        relu("relu_conv1"),
        max_pool("pool1", 3, 2, ceil_mode=True),
        *fire("fire2", "features.3", 96, 16, 64),
        *fire("fire3", "features.4", 128, 16, 64),
        *fire("fire4", "features.5", 128, 32, 128),
        max_pool("pool4", 3, 2, ceil_mode=True),
        *fire("fire5", "features.7", 256, 32, 128),
        *fire("fire6", "features.8", 256, 48, 192),
        *fire("fire7", "features.9", 384, 48, 192),
        *fire("fire8", "features.10", 384, 64, 256),
        max_pool("pool8", 3, 2, ceil_mode=True),
        *fire("fire9", "features.12", 512, 64, 256),
        *CLASSIFIER,
    ),
    preprocess=IMAGENET,
    source=SOURCE,
)

SQUEEZENET1_1 = Architecture(
    name="squeezenet1_1",
    rows=(
        conv("conv1", "features.0", 3, 64, 3, stride=2),
        relu("relu_conv1"),
        max_pool("pool1", 3, 2, ceil_mode=True),
        *fire("fire2", "features.3", 64, 16, 64),
        *fire("fire3", "features.4", 128, 16, 64),
        max_pool("pool3", 3, 2, ceil_mode=True),
        *fire("fire4", "features.6", 128, 32, 128),
        *fire("fire5", "features.7", 256, 32, 128),
        max_pool("pool5", 3, 2, ceil_mode=True),
        *fire("fire6", "features.9", 256, 48, 192),
        *fire("fire7", "features.10", 384, 48, 192),
        *fire("fire8", "features.11", 384, 64, 256),
        *fire("fire9", "features.12", 512, 64, 256),
        *CLASSIFIER,
    ),
    preprocess=IMAGENET,
    source=SOURCE,
)
