"""The small network that comes trained with the library: twenty kinds of emoji."""

from __future__ import annotations

from ..layers import GlobalMaxPool
from .architecture import Architecture
from .preprocess import Preprocess
from .row import Row, conv, flatten, linear, max_pool, relu

EMOJI_ZFNET = Architecture(
    name="emoji_zfnet",
    rows=(
        conv("conv1", "conv1", 3, 32, 7, stride=2, padding=3),
        relu("relu1"),
        max_pool("pool1", 3, 2, ceil_mode=True),
        conv("conv2", "conv2", 32, 64, 5, padding=2),
        relu("relu2"),
        max_pool("pool2", 3, 2, ceil_mode=True),
        conv("conv3", "conv3", 64, 128, 3, padding=1),
        relu("relu3"),
        conv("conv4", "conv4", 128, 128, 3, padding=1),
        relu("relu4"),
        conv("conv5", "conv5", 128, 192, 3, padding=1),
        relu("relu5"),
        max_pool("pool5", 3, 2, ceil_mode=True),
        Row("global_pool", GlobalMaxPool),
        flatten(),
        linear("fc6", "fc6", 192, 20),
    ),
    preprocess=Preprocess(
        size=(96, 96),
        mean=(0.647, 0.614, 0.588),
        std=(0.296, 0.287, 0.308),
        resize_short=96,
        interpolation="bicubic",
    ),
    source="Zeiler & Fergus 2014, made small; trained by train_emoji_net.py",
)
"""Five convolutions with overlapping 3x3/2 pools; keys are the node names."""
