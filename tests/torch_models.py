"""PyTorch twins of the architectures, written from their papers for comparison only.

The module names are chosen so that `state_dict()` has the keys under which trained
weights of these networks are passed around; nothing here is imported by the library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch_residual import DEPTHS, MobileNetV2, ResNet

Array = np.ndarray[Any, Any]

VGG_WIDTHS = (64, 128, 256, 512, 512)
VGG_DEPTHS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
"""Number of 3x3 convolutions before each 2x2/2 max pool."""

LITE0_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, first stride, expansion and output channels (Tan & Le 2019)."""


class AlexNet(nn.Module):
    """One-column AlexNet of Krizhevsky 2014 on 224x224."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(self.features(x), 6)
        scores: Tensor = self.classifier(x.flatten(1))
        return scores


class VGG(nn.Module):
    """Configurations A, B, D and E of Simonyan & Zisserman 2015."""

    def __init__(self, name: str, batch_norm: bool, classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, depth in zip(VGG_WIDTHS, VGG_DEPTHS[name], strict=True):
            for _ in range(depth):
                layers.append(nn.Conv2d(channels, width, 3, padding=1))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU())
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(self.features(x), 7)
        scores: Tensor = self.classifier(x.flatten(1))
        return scores


class Fire(nn.Module):
    """SqueezeNet's module: 1x1 squeeze, then 1x1 and 3x3 expand side by side."""

    def __init__(self, channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


def pool() -> nn.MaxPool2d:
    """SqueezeNet's overlapping pool, the last window of which may overhang."""
    return nn.MaxPool2d(3, 2, ceil_mode=True)


class SqueezeNet(nn.Module):
    """Versions 1.0 and 1.1 of Iandola et al. 2016."""

    def __init__(self, version: str, classes: int = 1000) -> None:
        super().__init__()
        if version == "1.0":
            start = [nn.Conv2d(3, 96, 7, 2), nn.ReLU(), pool(), Fire(96, 16, 64)]
            fires = [Fire(128, 16, 64), Fire(128, 32, 128), pool()]
            fires += [Fire(256, 32, 128), Fire(256, 48, 192), Fire(384, 48, 192)]
            fires += [Fire(384, 64, 256), pool(), Fire(512, 64, 256)]
        else:
            start = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool(), Fire(64, 16, 64)]
            fires = [Fire(128, 16, 64), pool(), Fire(128, 32, 128), Fire(256, 32, 128)]
            fires += [pool(), Fire(256, 48, 192), Fire(384, 48, 192)]
            fires += [Fire(384, 64, 256), Fire(512, 64, 256)]
        self.features = nn.Sequential(*start, *fires)
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(512, classes, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.features(x))
        return scores.flatten(1)


def same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """`x` zero-padded as TensorFlow's "SAME" does, the odd pixel at the end."""
    pads: list[int] = []
    for size in (x.shape[3], x.shape[2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class InvertedResidual(nn.Module):
    """EfficientNet-Lite's block: expand, depthwise, project, no squeeze-excitation."""

    def __init__(
        self, channels: int, out: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        hidden = channels * expansion
        self.kernel, self.stride = kernel, stride
        self.residual = stride == 1 and channels == out
        self._expand_conv: nn.Module | None = None
        if expansion != 1:
            self._expand_conv = nn.Conv2d(channels, hidden, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(hidden, eps=1e-3)
        self._depthwise_conv = nn.Conv2d(
            hidden, hidden, kernel, stride, groups=hidden, bias=False
        )
        self._bn1 = nn.BatchNorm2d(hidden, eps=1e-3)
        self._project_conv = nn.Conv2d(hidden, out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x
        if self._expand_conv is not None:
            y = F.relu6(self._bn0(self._expand_conv(y)))
        y = self._depthwise_conv(same(y, self.kernel, self.stride))
        y = self._bn2(self._project_conv(F.relu6(self._bn1(y))))
        return x + y if self.residual else y


LITE_SCALINGS = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8))
"""Width and depth of EfficientNet-Lite0 to 4."""


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite (Liu 2020), the mobile variants of Tan & Le 2019."""

    def __init__(self, number: int, classes: int = 1000) -> None:
        super().__init__()
        wider, deeper = LITE_SCALINGS[number]
        self._conv_stem = nn.Conv2d(3, 32, 3, stride=2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        self._blocks = nn.ModuleList()
        channels = 32
        for repeats, kernel, first_stride, expansion, width in LITE0_STAGES:
            out = round(width * wider / 8 + 1e-9) * 8
            out += 8 if out < 0.9 * width * wider else 0
            if width not in (16, 320):
                repeats = -int(-repeats * deeper // 1)
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                self._blocks.append(
                    InvertedResidual(channels, out, kernel, stride, expansion)
                )
                channels = out
        self._conv_head = nn.Conv2d(channels, 1280, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(1280, eps=1e-3)
        self._fc = nn.Linear(1280, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self._bn0(self._conv_stem(same(x, 3, 2))))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        scores: Tensor = self._fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return scores


TWINS: dict[str, Callable[[int], nn.Module]] = {
    "alexnet": AlexNet,
    **{name: partial(VGG, name, False) for name in VGG_DEPTHS},
    **{f"{name}_bn": partial(VGG, name, True) for name in VGG_DEPTHS},
    "squeezenet1_0": partial(SqueezeNet, "1.0"),
    "squeezenet1_1": partial(SqueezeNet, "1.1"),
    **{name: partial(ResNet, name) for name in DEPTHS},
    "mobilenet_v2": MobileNetV2,
    **{f"efficientnet_lite{n}": partial(EfficientNetLite, n) for n in range(5)},
}
"""The twins by the name of the architecture that they are compared with."""


def parameter_shapes(name: str, classes: int = 1000) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the twin's state dict, without the batch counters."""
    with torch.device("meta"):
        state = TWINS[name](classes).state_dict()
    return {
        key: tuple(value.shape)
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }


def _twin(name: str, weights: Mapping[str, Array]) -> nn.Module:
    classes = list(weights.values())[-1].shape[0]
    with torch.device("meta"):  # without weights of its own to draw
        twin = TWINS[name](classes).eval()
    state = {key: torch.from_numpy(value) for key, value in weights.items()}
    twin.load_state_dict(state, strict=False, assign=True)
    return twin


def logits(name: str, weights: Mapping[str, Array], x: Array) -> Array:
    """The twin's output for `x` with NumPy weights, the head as wide as they are."""
    with torch.inference_mode():
        return np.asarray(_twin(name, weights)(torch.from_numpy(x)).numpy())


def saliency(name: str, weights: Mapping[str, Array], x: Array, target: int) -> Array:
    """Largest absolute gradient of the target's score over the channels."""
    twin, pixels = _twin(name, weights), torch.from_numpy(x).requires_grad_()
    twin(pixels)[:, target].sum().backward()
    gradient = pixels.grad
    return np.asarray([] if gradient is None else gradient.abs().amax(1).numpy())


def load_state(path: Path) -> dict[str, Array]:
    """The arrays of a `.pth` file as PyTorch itself reads them."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {key: value.numpy() for key, value in state.items()}


def tensors(weights: Mapping[str, Array]) -> dict[str, Tensor]:
    """The arrays as trainable tensors, as a live module's parameters are."""
    return {
        key: nn.Parameter(torch.from_numpy(value)) for key, value in weights.items()
    }
