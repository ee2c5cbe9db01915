"""One VGG-11 trained here and in PyTorch: the same weights, batches and steps."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from photograph_crops import PHOTOGRAPHS, Crops
from torch import nn

from numpy_deconv import use_backend
from numpy_deconv.layers import BatchNorm, Conv, Flatten, Linear, MaxPool
from numpy_deconv.models import Architecture
from numpy_deconv.models.preprocess import IMAGENET
from numpy_deconv.models.row import flatten, linear
from numpy_deconv.models.vgg import DEPTHS, features
from numpy_deconv.training import SGD, Constant, Place, Recipe, Schedule, Training


class Setting(NamedTuple):
    """What is trained, and how both sides step."""

    name: str
    lr: float
    momentum: float = 0.0
    normed: bool = False
    schedule: Schedule = Constant()


class Run(Protocol):
    """One side: the losses step by step, and the trained net as scores of inputs."""

    def __call__(
        self, weights: dict[str, Any], batches: list[Crops], setting: Setting, /
    ) -> tuple[list[float], Any]: ...


def net(normed: bool) -> Architecture:
    """VGG-11's convolutions at full width and one linear layer, for 32 x 32 pixels."""
    return Architecture(
        name="vgg11 for 32 x 32 pixels",
        rows=(
            *features(DEPTHS["vgg11"], batch_normed=normed),
            flatten(),
            linear("fc6", "classifier", 512, len(PHOTOGRAPHS)),
        ),
        preprocess=IMAGENET,
        source="Simonyan & Zisserman 2015, table 1, A",
    )


def first_weights(seed: int, normed: bool) -> dict[str, Any]:
    """What both sides begin with, float32: N(0, 2 / fan-in).

    The classifier's are a tenth of that, so that the first loss is that of guessing.
    """
    weights = net(normed).random_weights(seed)
    weights["classifier.weight"] *= np.float32(0.1)
    return weights


def peer(weights: dict[str, Any], normed: bool) -> nn.Sequential:
    """The net in PyTorch, with copies of the weights."""
    modules: list[nn.Module] = []
    for row in net(normed).rows:
        shape = row.shapes.get("weight", ())
        if row.layer is Conv:
            modules.append(nn.Conv2d(shape[1], shape[0], 3, padding=1))
        elif row.layer is Linear:
            modules.append(nn.Linear(shape[1], shape[0]))
        elif row.layer is MaxPool:
            modules.append(nn.MaxPool2d(2))
        elif row.layer is BatchNorm:
            modules.append(nn.BatchNorm2d(shape[0]))
        else:
            modules.append(nn.Flatten() if row.layer is Flatten else nn.ReLU())
        modules[-1].load_state_dict(
            {n: torch.from_numpy(weights[f"{row.key}.{n}"].copy()) for n in row.shapes},
            strict=False,
        )
    return nn.Sequential(*modules)


def in_torch(
    weights: dict[str, Any],
    batches: list[Crops],
    setting: Setting,
    *,
    dtype: torch.dtype = torch.float32,
    layout: torch.memory_format = torch.contiguous_format,
    mkldnn: bool = True,
) -> tuple[list[float], Any]:
    """Train in PyTorch."""
    learner = peer(weights, setting.normed).to(dtype).to(memory_format=layout)
    sgd = torch.optim.SGD(learner.parameters(), setting.lr, momentum=setting.momentum)
    plan = torch.optim.lr_scheduler.LambdaLR(
        sgd, lambda step: setting.schedule(Place(0, step, len(batches), 1))
    )
    losses = []
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = mkldnn
    try:
        for batch in batches:
            x = torch.from_numpy(batch.x).to(dtype).contiguous(memory_format=layout)
            sgd.zero_grad()
            loss = F.cross_entropy(learner(x), torch.from_numpy(batch.labels))
            torch.autograd.backward(loss)
            sgd.step()
            plan.step()
            losses.append(loss.item())
    finally:
        torch.backends.mkldnn.enabled = before

    def scores(x: Any) -> Any:
        with torch.no_grad():
            return learner.eval()(torch.from_numpy(x).to(dtype)).numpy()

    return losses, scores


def here(
    weights: dict[str, Any],
    batches: list[Crops],
    setting: Setting,
    *,
    dtype: Any = np.float32,
    backend: str = "numba",
    **options: Any,
) -> tuple[list[float], Any]:
    """Train with numpy_deconv; ``options`` are the backend's."""
    start = {key: value.astype(dtype) for key, value in weights.items()}
    sgd = SGD(lr=setting.lr, momentum=setting.momentum)
    training = Training(
        net(setting.normed).build(start),
        Recipe(epochs=1, optimizer=sgd, schedule=setting.schedule),
        steps=len(batches),
    )
    with use_backend(backend, **options):
        losses = [
            training.step(batch.x.astype(dtype), batch.labels).loss for batch in batches
        ]

    def scores(x: Any) -> Any:
        with use_backend(backend, **options):
            return training.net(x.astype(dtype))

    return losses, scores
