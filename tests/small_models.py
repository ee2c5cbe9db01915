"""Small nets with random weights, for the tests of methods."""

from __future__ import annotations

import numpy as np

from numpy_deconv.layers import (
    Conv,
    Flatten,
    GlobalMaxPool,
    Linear,
    MaxPool,
    ReLU,
    Softmax,
)
from numpy_deconv.models.model import Model
from numpy_deconv.models.preprocess import Preprocess
from numpy_deconv.net import Sequential

CLASSES = 6


def small_net(
    *,
    dtype: str = "float64",
    bias: bool = True,
    softmax: bool = False,
    channels: int = 3,
) -> Sequential:
    """Two convolutions with overlapping pools, and a classifier, 20x24 pixels."""
    rng = np.random.default_rng(5)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(size=shape, scale=0.3).astype(dtype)

    layers = {
        "conv1": Conv(draw(8, channels, 3, 5), draw(8) if bias else None, padding=1),
        "relu1": ReLU(),
        "pool1": MaxPool(3, 2, ceil_mode=True),
        "conv2": Conv(draw(10, 4, 3, 3), draw(10) if bias else None, groups=2),
        "relu2": ReLU(),
        "pool2": GlobalMaxPool(),
        "flat": Flatten(),
        "fc": Linear(draw(CLASSES, 10), draw(CLASSES) if bias else None),
    }
    if softmax:
        layers["softmax"] = Softmax()
    return Sequential(layers)


def small_batch(
    samples: int = 1, dtype: str = "float64", channels: int = 3
) -> np.ndarray:
    """Noise of the size the small net takes."""
    rng = np.random.default_rng(7)
    return rng.normal(size=(samples, channels, 20, 24)).astype(dtype)


def small_model() -> Model:
    """The small net in float32 with a preprocessing and labels."""
    return Model(
        net=small_net(dtype="float32"),
        preprocess=Preprocess((20, 24), (0.5, 0.4, 0.45), (0.2, 0.25, 0.22)),
        labels=tuple(f"label {i}" for i in range(CLASSES)),
        name="small",
        weights_source="random",
    )
