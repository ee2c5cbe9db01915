"""Random views of RGBA pictures: moved, turned, on a made-up background, recoloured.

Backgrounds keep a network from living on the alpha edge and on white paper; the
1/f noise has the spectrum of photographs, so that a real one is no surprise later.
Colours are float32 ``(S, S, 3)`` in [0, 1] in between.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Colours = npt.NDArray[np.float32]
Chance = np.random.Generator


def log_uniform(chance: Chance, low: float, high: float) -> float:
    """A factor between two others, each octave as likely."""
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def moved(rgba: npt.NDArray[np.uint8], size: int, chance: Chance) -> Colours:
    """Scale, stretch, turn, mirror and shift ``(S, S, 4)``; ``(size, size, 4)``."""
    scale = log_uniform(chance, 0.6, 1.15)
    stretch = log_uniform(chance, 0.85, 1.18)
    angle = chance.normal() * math.radians(12)
    mirror = -1 if chance.random() < 0.5 else 1
    reach = abs(1.05 - scale) + 0.1
    shift = chance.uniform(-1, 1, 2) * reach
    # Pillow wants the way back: output pixel -> input pixel.
    wide, high = mirror / (scale * stretch), stretch / scale
    cos, sin = math.cos(angle), math.sin(angle)
    rows = (
        (wide * cos, wide * sin, -wide * shift[0]),
        (-high * sin, high * cos, -high * shift[1]),
    )
    source = rgba.shape[0]
    data: list[float] = []
    for x, y, ahead in rows:  # both squares reach from -1 to 1
        ratio, middle = source / size, source / 2
        data += [ratio * x, ratio * y, middle * (1 + ahead - x - y)]
    view = Image.fromarray(rgba).transform(
        (size, size), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR
    )
    return np.asarray(view, np.float32) / 255


def pink_noise(size: int, chance: Chance) -> Colours:
    """Colour noise whose amplitude falls as 1/f."""
    down, right = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :]
    frequency = np.maximum(np.sqrt(down**2 + right**2), 1 / size)
    white = chance.normal(size=(3, size, size))
    power = chance.uniform(0.9, 1.7)
    noise = np.fft.irfft2(np.fft.rfft2(white) / frequency**power, s=(size, size))
    # Channels of a photograph are strongly correlated.
    noise = noise + 1.5 * noise.mean(0, keepdims=True)
    noise = noise - noise.mean((1, 2), keepdims=True)
    coloured = chance.random(3)[:, None, None] + (
        chance.uniform(0.05, 0.25) * noise / noise.std()
    )
    return coloured.clip(0, 1).transpose(1, 2, 0).astype(np.float32)


def background(size: int, chance: Chance) -> Any:
    """White, flat, a gradient, or 1/f noise; broadcast against ``(size, size, 3)``."""
    kind = chance.choice(4, p=(0.3, 0.2, 0.2, 0.3))
    if kind == 0:
        return np.float32(1)
    if kind == 3:
        return pink_noise(size, chance)
    first, second = chance.random((2, 3), np.float32)
    if kind == 1:
        return first
    angle = chance.uniform(0, 2 * math.pi)
    line = np.linspace(-0.7, 0.7, size)
    ramp = math.cos(angle) * line[None, :] + math.sin(angle) * line[:, None]
    share = (ramp + 0.5).clip(0, 1)[..., None].astype(np.float32)
    return first * share + second * (1 - share)


def recoloured(rgb: Colours, chance: Chance) -> Colours:
    """Change saturation, hue, contrast and brightness."""
    grey = rgb.mean(2, keepdims=True)
    saturation = 0.0 if chance.random() < 0.05 else chance.uniform(0.5, 1.4)
    chroma = (rgb - grey) * np.float32(saturation)
    # A turn about the grey axis: shifted copies of the channels, weighted.
    turn = chance.normal() * 0.25
    weights = [(1 + 2 * math.cos(turn + 2 * math.pi * k / 3)) / 3 for k in range(3)]
    mixing = np.array([np.roll(weights, channel) for channel in range(3)], np.float32)
    contrast, light = np.float32(chance.uniform(0.7, 1.25)), chance.normal() * 0.07
    mixed = (grey - 0.5) * contrast + 0.5 + chroma @ mixing * contrast
    lit: Colours = (mixed + np.float32(light)).clip(0, 1).astype(np.float32)
    return lit


def augmented(rgba: npt.NDArray[np.uint8], size: int, chance: Chance) -> Colours:
    """An RGB view ``(size, size, 3)`` of a picture ``(S, S, 4)``.

    In [0, 1] but for a little noise.
    """
    view = moved(rgba, size, chance)
    alpha = view[..., 3:]
    rgb = view[..., :3] * alpha + background(size, chance) * (1 - alpha)
    level = np.float32(chance.uniform(0, 0.06))
    noise = level * chance.standard_normal(rgb.shape, np.float32)
    view = recoloured(rgb, chance) + noise
    return view.astype(np.float32)


def on_white(rgba: npt.NDArray[np.uint8]) -> Colours:
    """RGB ``(N, S, S, 3)`` in [0, 1]: the pictures as inference shows them."""
    pictures = rgba.astype(np.float32) / 255
    alpha = pictures[..., 3:]
    white = pictures[..., :3] * alpha + (1 - alpha)
    return white.astype(np.float32)
