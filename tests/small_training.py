"""A small net, batches that can be told apart, and a folder of pictures to train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from numpy_deconv.layers import (
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    GlobalMaxPool,
    Linear,
    ReLU,
)
from numpy_deconv.net import Sequential
from numpy_deconv.training import Batch

CLASSES = 3
COLOURS = ((230, 40, 30), (30, 200, 60), (40, 60, 220))


def learner(seed: int = 0) -> Sequential:
    """Convolution, batch norm, dropout and a classifier, in float32."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) * 0.3).astype(np.float32)

    zeros, ones = np.zeros(5, np.float32), np.ones(5, np.float32)
    return Sequential(
        {
            "conv": Conv(draw(5, 3, 3, 3), zeros.copy()),
            "bn": BatchNorm(zeros, ones, ones.copy(), zeros.copy()),
            "relu": ReLU(),
            "pool": GlobalMaxPool(),
            "flat": Flatten(),
            "drop": Dropout(0.2),
            "fc": Linear(draw(CLASSES, 5), draw(CLASSES)),
        }
    )


def batches(epoch: int, step: int) -> Batch:
    """Six pictures of noise around a colour per class."""
    rng = np.random.default_rng((epoch, step))
    labels = rng.integers(0, CLASSES, 6)
    means = np.array(COLOURS)[labels] / 255
    x = means[:, :, None, None] + rng.normal(size=(6, 3, 8, 9)) * 0.2
    return Batch(x.astype(np.float32), labels)


def picture_folder(folder: Path, each: int = 6, size: int = 20) -> Path:
    """``train_list.txt`` and pictures: one colour per class, with noise."""
    lines = []
    for number in range(each * CLASSES):
        label = number % CLASSES
        rng = np.random.default_rng(number)
        noise = rng.integers(-25, 25, (size, size + 4, 3))
        pixels = np.clip(np.array(COLOURS[label]) + noise, 0, 255).astype(np.uint8)
        name = f"pictures/class {label}/{number}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name)
        lines.append(f"{name} {label}")
    path = folder / "train_list.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
