"""The network of Zeiler & Fergus 2014, figure 3."""

from __future__ import annotations

from ..layers import LocalResponseNorm
from .architecture import Architecture
from .preprocess import IMAGENET
from .row import Row, conv, dropout, flatten, linear, max_pool, relu

CONTRAST = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0}
"""The paper names no constants: these are Krizhevsky et al. 2012's, section 3.3."""

ZFNET = Architecture(
    name="zfnet",
    rows=(
        conv("conv1", "conv1", 3, 96, 7, stride=2, padding=1),
        relu("relu1"),
        max_pool("pool1", 3, 2, ceil_mode=True),
        Row("norm1", LocalResponseNorm, options=CONTRAST),
        conv("conv2", "conv2", 96, 256, 5, stride=2),
        relu("relu2"),
        max_pool("pool2", 3, 2, ceil_mode=True),
        Row("norm2", LocalResponseNorm, options=CONTRAST),
        conv("conv3", "conv3", 256, 384, 3, padding=1),
        relu("relu3"),
        conv("conv4", "conv4", 384, 384, 3, padding=1),
        relu("relu4"),
        conv("conv5", "conv5", 384, 256, 3, padding=1),
        relu("relu5"),
        max_pool("pool5", 3, 2, ceil_mode=True),
        flatten(),
        linear("fc6", "fc6", 9216, 4096),
        relu("relu6"),
        dropout("drop6"),
        linear("fc7", "fc7", 4096, 4096),
        relu("relu7"),
        dropout("drop7"),
        linear("fc8", "fc8", 4096, 1000),
    ),
    preprocess=IMAGENET,
    source="Zeiler & Fergus 2014, Visualizing and understanding convolutional networks",
)
"""Planes of 110, 55, 26, 13, 13, 13, 13 and 6 from 224; keys are the node names."""
