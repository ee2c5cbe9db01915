"""Random views of RGBA pictures: moved, turned, on a made-up background, recoloured.

Backgrounds keep a network from living on the alpha edge and on white paper; the
1/f noise has the spectrum of photographs, so that a real one is no surprise later.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def _uniform(generator: torch.Generator, *size: int) -> Tensor:
    return torch.rand(size, generator=generator)


def _between(generator: torch.Generator, low: float, high: float, n: int) -> Tensor:
    return low + (high - low) * _uniform(generator, n)


def moved(rgba: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Scale, stretch, turn, mirror and shift premultiplied RGBA; ``(N, 4, size, size)``
    comes out.
    """
    n = len(rgba)
    scale = _between(generator, math.log(0.6), math.log(1.15), n).exp()
    stretch = _between(generator, math.log(0.85), math.log(1.18), n).exp()
    angle = torch.randn(n, generator=generator) * math.radians(12)
    mirror = torch.where(_uniform(generator, n) < 0.5, -1.0, 1.0)
    reach = (1.05 - scale).abs() + 0.1
    shift_x = _between(generator, -1, 1, n) * reach
    shift_y = _between(generator, -1, 1, n) * reach
    # affine_grid wants the way back: output pixel -> input pixel.
    cos, sin = angle.cos(), angle.sin()
    wide, high = mirror / (scale * stretch), stretch / scale
    theta = torch.stack(
        [
            torch.stack([wide * cos, wide * sin, -wide * shift_x], 1),
            torch.stack([-high * sin, high * cos, -high * shift_y], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, [n, 4, size, size], align_corners=False)
    return F.grid_sample(rgba, grid, align_corners=False)


def pink_noise(n: int, size: int, generator: torch.Generator) -> Tensor:
    """Colour noise ``(n, 3, size, size)`` in [0, 1] whose amplitude falls as 1/f."""
    frequency_y = torch.fft.fftfreq(size)[:, None]
    frequency_x = torch.fft.rfftfreq(size)[None, :]
    frequency = (frequency_y**2 + frequency_x**2).sqrt().clamp(min=1 / size)
    power = _between(generator, 0.9, 1.7, n)[:, None, None, None]
    white = torch.randn(n, 3, size, size, generator=generator)
    noise = torch.fft.irfft2(torch.fft.rfft2(white) / frequency**power, s=(size, size))
    # Channels of a photograph are strongly correlated.
    noise = noise + 1.5 * noise.mean(1, keepdim=True)
    noise = noise - noise.mean((2, 3), keepdim=True)
    noise = noise / noise.std((1, 2, 3), keepdim=True)
    contrast = _between(generator, 0.05, 0.25, n)[:, None, None, None]
    base = _uniform(generator, n, 3)[:, :, None, None]
    coloured: Tensor = base + contrast * noise
    return coloured.clamp(0, 1)


def backgrounds(n: int, size: int, generator: torch.Generator) -> Tensor:
    """White, flat, gradient and 1/f backgrounds ``(n, 3, size, size)``, shuffled."""
    first, second = _uniform(generator, 2, n, 3)[:, :, :, None, None]
    angle = _between(generator, 0, 2 * math.pi, n)[:, None, None]
    line = torch.linspace(-0.7, 0.7, size)
    ramp = angle.cos() * line[None, None, :] + angle.sin() * line[None, :, None]
    ramp = (ramp[:, None] + 0.5).clamp(0, 1)
    ground: Tensor = first * ramp + second * (1 - ramp)
    chance = torch.tensor([0.3, 0.2, 0.2, 0.3])
    kind = torch.multinomial(chance, n, replacement=True, generator=generator)
    ground[kind == 0] = 1
    flat = kind == 1
    ground[flat] = first[flat].expand(-1, -1, size, size)
    noisy = kind == 2
    ground[noisy] = pink_noise(int(noisy.sum()), size, generator)
    return ground


def recoloured(rgb: Tensor, generator: torch.Generator) -> Tensor:
    """Change saturation, hue, contrast and brightness of ``(N, 3, S, S)``."""
    n = len(rgb)
    grey = rgb.mean(1, keepdim=True)
    saturation = _between(generator, 0.5, 1.4, n)[:, None, None, None]
    saturation[_uniform(generator, n) < 0.05] = 0
    chroma = (rgb - grey) * saturation
    # A turn about the grey axis: shifted copies of the channels, weighted.
    turn = torch.randn(n, generator=generator) * 0.25
    weights = [
        (1 + 2 * (turn + 2 * math.pi * k / 3).cos()).div(3)[:, None, None, None]
        for k in range(3)
    ]
    chroma = sum(
        (weight * chroma.roll(k, 1) for k, weight in enumerate(weights)),
        torch.zeros_like(chroma),
    )
    contrast = _between(generator, 0.7, 1.25, n)[:, None, None, None]
    light = torch.randn(n, generator=generator)[:, None, None, None] * 0.07
    return ((grey - 0.5) * contrast + 0.5 + chroma * contrast + light).clamp(0, 1)


def augmented(rgba: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """RGB views ``(N, 3, size, size)`` of RGBA pictures ``(N, 4, S, S)`` uint8.

    float32, in [0, 1] but for a little noise.
    """
    picture = rgba.float() / 255
    alpha = picture[:, 3:]
    view = moved(torch.cat([picture[:, :3] * alpha, alpha], 1), size, generator)
    ground = backgrounds(len(rgba), size, generator)
    rgb = recoloured(view[:, :3] + ground * (1 - view[:, 3:]), generator)
    level = _between(generator, 0, 0.06, len(rgb))[:, None, None, None]
    return rgb + level * torch.randn(rgb.shape, generator=generator)


def on_white(rgba: Tensor) -> Tensor:
    """RGB ``(N, 3, S, S)`` float32 in [0, 1]: the pictures as inference shows them."""
    picture = rgba.float() / 255
    alpha = picture[:, 3:]
    return picture[:, :3] * alpha + (1 - alpha)
