"""What one writes without numpy_deconv: SqueezeNet 1.1's saliency with PyTorch.

A script of its own, run in a fresh process beside ``numpy-deconv saliency``::

    python startup_torch.py THREADS WEIGHTS PICTURE CLASS OUT
"""

from __future__ import annotations

import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

FIRES = ((64, 16, 64), (128, 16, 64), None, (128, 32, 128), (256, 32, 128), None)
DEEP_FIRES = ((256, 48, 192), (384, 48, 192), (384, 64, 256), (512, 64, 256))
MEAN = np.array((0.485, 0.456, 0.406), np.float32)
STD = np.array((0.229, 0.224, 0.225), np.float32)


class Fire(nn.Module):
    """1x1 squeeze, then 1x1 and 3x3 expand side by side."""

    def __init__(self, channels: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.squeeze(x))
        return torch.cat([F.relu_(self.expand1x1(x)), F.relu_(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """Version 1.1 of Iandola et al. 2016, with the keys of its published weights."""

    def __init__(self) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        fires = [Fire(*widths) if widths else pool for widths in FIRES + DEEP_FIRES]
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(True), pool, *fires
        )
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Conv2d(512, 1000, 1),
            nn.ReLU(True),
            nn.AdaptiveAvgPool2d(1),
        )

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.features(x))
        return scores.flatten(1)


def load_pixels(path: str) -> Tensor:
    """Shorter side 256, the centre 224, scaled as ImageNet's weights expect."""
    picture = Image.open(path).convert("RGB")
    shorter = min(picture.size)
    size = [side * 256 // shorter for side in picture.size]
    picture = picture.resize((size[0], size[1]), Image.Resampling.BILINEAR)
    left, top = ((side - 224) // 2 for side in size)
    values = np.asarray(picture.crop((left, top, left + 224, top + 224)), np.float32)
    scaled = np.asarray((values / 255 - MEAN) / STD, np.float32)
    return torch.from_numpy(scaled.transpose(2, 0, 1)[None].copy())


def main() -> None:
    """From two files to a third."""
    threads, weights, picture, target, out = sys.argv[1:]
    torch.set_num_threads(int(threads))
    with torch.device("meta"):
        net = SqueezeNet().eval()
    net.load_state_dict(torch.load(weights, weights_only=True), assign=True)
    net.requires_grad_(False)
    x = load_pixels(picture).requires_grad_()
    (gradient,) = torch.autograd.grad(net(x)[:, int(target)].sum(), x)
    strongest = gradient.abs().amax(1)[0].numpy()
    heat = 3 * strongest / strongest.max()
    colours = np.stack([np.clip(heat - k, 0, 1) for k in range(3)], axis=2)
    Image.fromarray(np.rint(255 * colours).astype(np.uint8)).save(out)


if __name__ == "__main__":
    main()
