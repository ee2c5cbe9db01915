"""Losses and weights over a few steps are torch's: each optimizer, each schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler
from torch_training import compare

from numpy_deconv.training import (
    SGD,
    Adam,
    AdamW,
    Constant,
    Cosine,
    Optimizer,
    Recipe,
    Schedule,
    StepDecay,
)

STEPS = 12
PAIRS: dict[str, tuple[Optimizer, Callable[[Any], torch.optim.Optimizer]]] = {
    "sgd": (SGD(lr=0.05), lambda p: torch.optim.SGD(p, 0.05)),
    "momentum and decay": (
        SGD(lr=0.05, momentum=0.9, weight_decay=1e-2),
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=1e-2),
    ),
    "nesterov": (
        SGD(lr=0.05, momentum=0.8, nesterov=True),
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.8, nesterov=True),
    ),
    "adam": (
        Adam(lr=0.01, weight_decay=1e-2, betas=(0.8, 0.95)),
        lambda p: torch.optim.Adam(p, 0.01, betas=(0.8, 0.95), weight_decay=1e-2),
    ),
    "adamw": (
        AdamW(lr=0.01, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
    ),
}


@pytest.mark.parametrize("normed", [True, False], ids=["batch norm", "plain"])
@pytest.mark.parametrize("name", PAIRS)
def test_every_optimizer(name: str, normed: bool) -> None:
    mine, theirs = PAIRS[name]
    recipe = Recipe(epochs=1, optimizer=mine, smoothing=0.1)
    loss, weights = compare(
        recipe, theirs, dtype=np.float64, steps=STEPS, normed=normed
    )
    assert loss < 1e-9
    assert weights < 1e-9


@pytest.mark.parametrize("name", PAIRS)
def test_in_single_precision(name: str) -> None:
    mine, theirs = PAIRS[name]
    recipe = Recipe(epochs=1, optimizer=mine)
    loss, weights = compare(recipe, theirs, dtype=np.float32, steps=STEPS)
    assert loss < 1e-5
    # Adam divides by the square root of gradients that are all rounding
    assert weights < (1e-4 if name.startswith("adam") else 1e-5)


@pytest.mark.parametrize(
    ("schedule", "theirs"),
    [
        (Constant(), lambda o: lr_scheduler.ConstantLR(o, 1.0)),
        (StepDecay(2, 0.3), lambda o: lr_scheduler.StepLR(o, 2 * STEPS // 4, 0.3)),
        (Cosine(), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS)),
        (Cosine(0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, 0.005)),
    ],
    ids=["constant", "step", "cosine", "cosine with a floor"],
)
def test_every_schedule(schedule: Schedule, theirs: Callable[[Any], Any]) -> None:
    mine, optimizer = PAIRS["momentum and decay"]
    recipe = Recipe(epochs=4, optimizer=mine, schedule=schedule)
    loss, weights = compare(
        recipe, optimizer, dtype=np.float64, steps=STEPS, scheduler=theirs
    )
    assert loss < 1e-9
    assert weights < 1e-9
