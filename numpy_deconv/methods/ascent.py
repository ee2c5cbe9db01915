"""Class visualisation: the picture that a class scores highest on.

Simonyan, Vedaldi & Zisserman 2013, section 2: ``argmax over x of S_c(x) - l2*||x||**2``
by gradient ascent, with the regularisers that cs231n added (jitter, blur, clipping).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..arrays import Array, is_float
from ..errors import OptionError
from ..net import Graph
from .drawing import network_picture
from .presets import PRESETS, AscentSettings
from .result import Progress, Result
from .subject import (
    batch_of,
    net_of,
    preprocess_of,
    scores_of,
    seed_signal,
    settings_of,
    targets_for,
)


@dataclass(frozen=True, eq=False)
class Ascent(Result):
    """``pixels (1, C, H, W)`` in the net's input space; ``history``, a score a step.

    ``snapshots`` holds ``(step, pixels)`` as often as was asked for.
    """

    history: list[float]
    snapshots: list[tuple[int, Array]]
    subject: Any

    def drawn(self) -> np.ndarray[Any, Any]:
        """The picture, back in colours."""
        return network_picture(self.pixels, preprocess_of(self.subject))


def class_visualization(
    net: Any,
    x: Any,
    target: int,
    *,
    preset: str = "cs231n",
    size: tuple[int, ...] | None = None,
    seed: int = 0,
    keep_every: int | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Ascent:
    """Climb the score of class ``target`` from ``x (1, C, H, W)``, or noise if None.

    ``changes`` override the preset's fields (``steps``, ``learning_rate``, ``l2``,
    ``jitter``, ``blur_every``, ``blur_sigma``, ``start``, ``normalize``). A bare net
    needs ``size=(C, H, W)`` for the noise, and has no valid pixel range to clip to.
    When interrupted, the best-scoring picture so far is returned, and
    ``settings["interrupted_at"]`` says at which step.
    """
    settings = _settings(preset, changes)
    graph = net_of(net)
    rng = np.random.default_rng(seed)
    x = _start(net, size, settings, rng) if x is None else batch_of(x)
    if len(x) != 1:
        raise OptionError(f"class_visualization climbs one picture, x has {len(x)}")
    preprocess = preprocess_of(net)
    best, history = x, []
    snapshots: list[tuple[int, Array]] = []
    interrupted: dict[str, Any] = {}
    try:
        for step in range(1, settings.steps + 1):
            x, score = _climb(graph, x, target, settings, rng)
            if preprocess is not None:
                x = preprocess.clip(x)
            if settings.blur_every and step % settings.blur_every == 0:
                x = gaussian_blur(x, settings.blur_sigma)
            history.append(score)
            if score >= max(history):
                best = x
            if keep_every and step % keep_every == 0:
                snapshots.append((step, x))
            if progress is not None:
                progress(step, settings.steps)
    except KeyboardInterrupt:
        x, interrupted = best, {"interrupted_at": len(history)}
    made = settings_of(
        "class_visualization",
        graph,
        x,
        target=target,
        preset=preset,
        **asdict(settings),
        seed=seed,
        **interrupted,
    )
    return Ascent(x, made, history, snapshots, net)


def _settings(preset: str, changes: dict[str, Any]) -> AscentSettings:
    if preset not in PRESETS:
        raise OptionError(f"preset {preset!r} is not known: use one of {list(PRESETS)}")
    given = {name: value for name, value in changes.items() if value is not None}
    unknown = set(given) - set(AscentSettings.__dataclass_fields__)
    if unknown:
        raise OptionError(
            f"class_visualization has no option {', '.join(sorted(unknown))}: it has "
            f"{', '.join(AscentSettings.__dataclass_fields__)}"
        )
    settings = replace(PRESETS[preset], **given)
    if settings.steps < 1:
        raise OptionError(f"steps must be at least 1, got {settings.steps}")
    if min(settings.jitter, settings.blur_every, settings.blur_sigma) < 0:
        raise OptionError(
            "jitter, blur_every and blur_sigma must not be negative, got "
            f"{settings.jitter}, {settings.blur_every} and {settings.blur_sigma}"
        )
    return settings


def _start(
    net: Any,
    size: tuple[int, ...] | None,
    settings: AscentSettings,
    rng: np.random.Generator,
) -> Array:
    preprocess = preprocess_of(net)
    if size is None and preprocess is None:
        raise OptionError("a bare net does not know its pictures: give size=(C, H, W)")
    shape = size if size is not None else (3, *preprocess.size)  # type: ignore[union-attr]
    low, high = (-1, 1) if preprocess is None else preprocess.bounds
    whole = (1, *shape)
    draw: dict[str, Callable[[], Array]] = {
        "zero": partial(np.zeros, whole),
        "normal": partial(rng.standard_normal, whole),
        "uniform": partial(rng.uniform, low, high, whole),
    }
    if settings.start not in draw:
        raise OptionError(f"start must be one of {list(draw)}, got {settings.start!r}")
    dtypes = [p.dtype for p in net_of(net).params.values() if is_float(p.dtype)]
    return draw[settings.start]().astype(dtypes[0] if dtypes else np.float32)


def _climb(
    net: Graph,
    x: Array,
    target: int,
    settings: AscentSettings,
    rng: np.random.Generator,
) -> tuple[Array, float]:
    """One step uphill under a random shift, and the score it started from."""
    axes = tuple(range(2, x.ndim))
    shift = tuple(rng.integers(0, settings.jitter + 1, len(axes)).tolist())
    x = np.roll(x, shift, axes)
    tape, layer, scores = scores_of(net, x)
    targets = targets_for(target, scores)
    gradient = tape.project(seed_signal(tape[layer], targets), start=layer)
    gradient = gradient - 2 * settings.l2 * x
    if settings.normalize:
        gradient = gradient / (np.linalg.norm(gradient) or 1)
    x = x + x.dtype.type(settings.learning_rate) * gradient
    return np.roll(x, tuple(-s for s in shift), axes), float(scores[0, target])


def gaussian_blur(x: Array, sigma: float) -> Array:
    """``x (N, C, *size)`` blurred along every spatial axis, edges mirrored.

    The kernel reaches ``4*sigma`` pixels, as scipy.ndimage's.
    """
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return x
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    for axis in range(2, x.ndim):
        widths = [(0, 0)] * x.ndim
        widths[axis] = (radius, radius)
        padded = np.pad(x, widths, mode="symmetric")
        length = x.shape[axis]
        x = sum(
            weight.astype(x.dtype)
            * padded[(slice(None),) * axis + (slice(k, k + length),)]
            for k, weight in enumerate(taps)
        )
    return x
