"""A small net with everything training touches, here and in torch, on the same data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from numpy_deconv.layers import (
    BatchNorm,
    Conv,
    Flatten,
    GlobalMaxPool,
    Linear,
    MaxPool,
    ReLU,
)
from numpy_deconv.net import Sequential
from numpy_deconv.training import Recipe, Training

CLASSES, BATCH = 4, 6


def peer(dtype: torch.dtype, *, normed: bool = True) -> nn.Sequential:
    """The net in torch; the names of the modules are those of the layers."""
    torch.manual_seed(0)
    modules: dict[str, nn.Module] = {}
    for number, (channels, filters) in enumerate(((3, 8), (8, 6)), start=1):
        conv = nn.Conv2d(channels, filters, (3, 2), padding=(1, 0), bias=not normed)
        modules[f"conv{number}"] = conv
        if normed:
            modules[f"bn{number}"] = nn.BatchNorm2d(filters, momentum=0.2)
        modules[f"relu{number}"] = nn.ReLU()
        if number == 1:
            modules["pool"] = nn.MaxPool2d(3, 2)
    modules["global"] = nn.AdaptiveMaxPool2d(1)
    modules["flat"] = nn.Flatten()
    modules["fc"] = nn.Linear(6, CLASSES)
    made = nn.Sequential()
    for name, module in modules.items():
        made.add_module(name, module)
    return made.to(dtype).train()


def ours(theirs: nn.Sequential) -> Sequential:
    """The same net, with copies of the weights."""
    return Sequential({name: _layer(m) for name, m in theirs.named_children()})


def _layer(module: nn.Module) -> Any:
    arrays = {
        name: value.detach().numpy().copy()
        for name, value in module.state_dict().items()
    }
    match module:
        case nn.Conv2d():
            return Conv(arrays["weight"], arrays.get("bias"), padding=module.padding)
        case nn.BatchNorm2d():
            stored = arrays["running_mean"], arrays["running_var"]
            learnt = arrays["weight"], arrays["bias"]
            return BatchNorm(*stored, *learnt, module.eps, module.momentum)
        case nn.Linear():
            return Linear(arrays["weight"], arrays["bias"])
        case nn.MaxPool2d():
            return MaxPool(module.kernel_size, module.stride)
        case nn.ReLU():
            return ReLU()
        case nn.AdaptiveMaxPool2d():
            return GlobalMaxPool()
        case _:
            return Flatten()


def batches(count: int, dtype: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Noise that says a little about its label."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(count):
        labels = rng.integers(0, CLASSES, BATCH)
        x = rng.normal(size=(BATCH, 3, 12, 11)) + 0.3 * labels[:, None, None, None]
        made.append((x.astype(dtype), labels))
    return made


def compare(
    recipe: Recipe,
    optimizer: Callable[[Any], torch.optim.Optimizer],
    *,
    dtype: Any,
    steps: int,
    normed: bool = True,
    scheduler: Callable[[Any], Any] | None = None,
) -> tuple[float, float]:
    """Train both; the largest difference of the losses and of the weights."""
    theirs = peer(getattr(torch, np.dtype(dtype).name), normed=normed)
    training = Training(ours(theirs), recipe, steps=steps // recipe.epochs)
    moving = optimizer(theirs.parameters())
    plan = None if scheduler is None else scheduler(moving)
    losses = []
    for x, labels in batches(steps, dtype):
        moving.zero_grad()
        loss = F.cross_entropy(
            theirs(torch.from_numpy(x)),
            torch.from_numpy(labels),
            label_smoothing=recipe.smoothing,
        )
        torch.autograd.backward(loss)
        moving.step()
        if plan is not None:
            plan.step()
        losses.append(abs(training.step(x, labels).loss - float(loss.detach())))
    want = {
        name.replace("running_", ""): value.numpy()
        for name, value in theirs.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    got = training.net.params
    assert got.keys() == want.keys()
    return max(losses), max(float(np.abs(got[n] - v).max()) for n, v in want.items())
