"""VGG-11, at full width, is trained as PyTorch trains it: in double precision exactly.

``benchmarks/training_against_torch.py`` does it at length, and in single precision.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from numpy_deconv.layers import Conv, Flatten, Linear, MaxPool
from numpy_deconv.models import Architecture
from numpy_deconv.models.preprocess import IMAGENET
from numpy_deconv.models.row import flatten, linear
from numpy_deconv.models.vgg import DEPTHS, features
from numpy_deconv.training import SGD, Recipe, Training

CLASSES, BATCH, STEPS = 4, 3, 3
VGG11 = Architecture(
    name="vgg11 for 32 x 32 pixels",
    rows=(
        *features(DEPTHS["vgg11"]),
        flatten(),
        linear("fc6", "classifier", 512, CLASSES),
    ),
    preprocess=IMAGENET,
    source="Simonyan & Zisserman 2015, table 1, A",
)


def peer(weights: dict[str, np.ndarray]) -> nn.Sequential:
    modules: list[nn.Module] = []
    for row in VGG11.rows:
        shape = row.shapes.get("weight", ())
        if row.layer is Conv:
            modules.append(nn.Conv2d(shape[1], shape[0], 3, padding=1))
        elif row.layer is Linear:
            modules.append(nn.Linear(shape[1], shape[0]))
        elif row.layer is MaxPool:
            modules.append(nn.MaxPool2d(2))
        else:
            modules.append(nn.Flatten() if row.layer is Flatten else nn.ReLU())
        for name in row.shapes:
            value = torch.from_numpy(weights[f"{row.key}.{name}"].copy())
            setattr(modules[-1], name, nn.Parameter(value))
    return nn.Sequential(*modules)


def test_losses_and_weights_are_torchs() -> None:
    drawn = VGG11.random_weights(0, CLASSES)
    weights = {key: value.astype(np.float64) for key, value in drawn.items()}
    theirs = peer(weights)
    recipe = Recipe(epochs=1, optimizer=SGD(lr=0.003, momentum=0.9))
    training = Training(VGG11.build(weights), recipe, steps=STEPS)
    stepping = torch.optim.SGD(theirs.parameters(), 0.003, momentum=0.9)
    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        x = rng.normal(size=(BATCH, 3, 32, 32))
        labels = rng.integers(0, CLASSES, BATCH)
        stepping.zero_grad()
        loss = F.cross_entropy(theirs(torch.from_numpy(x)), torch.from_numpy(labels))
        torch.autograd.backward(loss)
        stepping.step()
        np.testing.assert_allclose(training.step(x, labels).loss, loss.item(), 1e-12)
    learnt = list(training.net.params.values())
    for mine, want in zip(learnt, theirs.parameters(), strict=True):
        np.testing.assert_allclose(mine, want.detach().numpy(), atol=1e-12)
