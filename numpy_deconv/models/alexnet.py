"""AlexNet (Krizhevsky et al. 2012), in the two shapes in which it is passed around."""

from __future__ import annotations

from dataclasses import replace

from ..layers import AdaptiveAvgPool
from .architecture import Architecture
from .preprocess import IMAGENET
from .row import Row, conv, dropout, flatten, linear, max_pool, relu

ALEXNET = Architecture(
    name="alexnet",
    rows=(
        conv("conv1", "features.0", 3, 64, 11, stride=4, padding=2),
        relu("relu1"),
        max_pool("pool1", 3, 2),
        conv("conv2", "features.3", 64, 192, 5, padding=2),
        relu("relu2"),
        max_pool("pool2", 3, 2),
        conv("conv3", "features.6", 192, 384, 3, padding=1),
        relu("relu3"),
        conv("conv4", "features.8", 384, 256, 3, padding=1),
        relu("relu4"),
        conv("conv5", "features.10", 256, 256, 3, padding=1),
        relu("relu5"),
        max_pool("pool5", 3, 2),
        Row("avgpool", AdaptiveAvgPool, options={"output_size": 6}),
        flatten(),
        dropout("drop6"),
        linear("fc6", "classifier.1", 9216, 4096),
        relu("relu6"),
        dropout("drop7"),
        linear("fc7", "classifier.4", 4096, 4096),
        relu("relu7"),
        linear("fc8", "classifier.6", 4096, 1000),
    ),
    preprocess=IMAGENET,
    source="Krizhevsky 2014, One weird trick for parallelizing convolutional networks",
)
"""One column of narrower layers on 224x224; keys as torchvision's."""

ALEXNET_227 = Architecture(
    name="alexnet_227",
    rows=(
        conv("conv1", "features.0", 3, 96, 11, stride=4),
        relu("relu1"),
        max_pool("pool1", 3, 2),
        conv("conv2", "features.3", 96, 256, 5, padding=2),
        relu("relu2"),
        max_pool("pool2", 3, 2),
        conv("conv3", "features.6", 256, 384, 3, padding=1),
        relu("relu3"),
        conv("conv4", "features.8", 384, 384, 3, padding=1),
        relu("relu4"),
        conv("conv5", "features.10", 384, 256, 3, padding=1),
        relu("relu5"),
        max_pool("pool5", 3, 2),
        flatten(),
        linear("fc6", "classifier.0", 9216, 4096),
        relu("relu6"),
        dropout("drop6"),
        linear("fc7", "classifier.3", 4096, 4096),
        relu("relu7"),
        linear("fc8", "classifier.5", 4096, 5),
    ),
    preprocess=replace(IMAGENET, size=(227, 227)),
    source="Krizhevsky et al. 2012, ImageNet classification with deep CNNs",
)
"""The paper's widths without its two groups and without LRN, on 227x227, 5 classes."""
