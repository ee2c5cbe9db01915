"""SmoothGrad: gradients averaged over a neighbourhood, so that what they share stays.

Smilkov et al. 2017. The deviation of the noise is a share of the picture's own range,
``max(x) - min(x)``, as in the paper (some libraries take an absolute one, which means
something else for every preprocessing). Hooker et al. 2019 look at squares instead,
Adebayo et al. 2018 at the variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import OptionError
from ..functional.options import real, whole
from ..rules import GRADIENT, Rules
from .heat import Unsigned
from .result import Progress
from .score import Score, summing
from .subject import Targets, batch_of, settings_of

STATISTICS = ("mean", "squared", "variance")


@dataclass(frozen=True, eq=False)
class SmoothGrad(Unsigned):
    """``pixels (N, C, *size)``: the mean of the gradients, of their squares, or their
    variance; ``sigma``, the deviation of the noise for each sample."""

    sigma: list[float]


def smoothgrad(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    samples: int = 25,
    noise: float = 0.15,
    statistic: str = "mean",
    seed: int = 0,
    rules: Rules = GRADIENT,
    memory: int | None = None,
    progress: Progress | None = None,
) -> SmoothGrad:
    """Gradients of the score of ``target`` at ``samples`` noisy copies of each input.

    The noise is normal, ``noise`` times the range of each input deviating; the same for
    a sample whatever else is in the batch. ``statistic`` is ``"mean"``, ``"squared"``
    or ``"variance"``. When interrupted, the copies so far are used, and
    ``settings["interrupted_at"]`` says how many there were of all.
    """
    batch, count = batch_of(x), whole(samples, "samples", 1)
    share = real(noise, "noise")
    if not 0 <= share < math.inf:
        raise OptionError(f"noise must be finite and not negative, got {noise}")
    if statistic not in STATISTICS:
        raise OptionError(
            f"statistic={statistic!r} is not known: use one of {STATISTICS}"
        )
    score = Score.of(net, batch, target, rules, memory)
    sigma = [share * float(one.max() - one.min()) for one in batch]
    pixels = np.zeros_like(batch)
    done = 0
    interrupted: dict[str, Any] = {}
    for n, one in enumerate(batch):
        rng = np.random.default_rng(whole(seed, "seed", 0))
        total, squares, used = summing(one), summing(one), 0
        try:
            for part in score.chunks(count):
                drawn = rng.standard_normal((part.stop - part.start, *one.shape))
                drawn = np.asarray((sigma[n] * drawn).astype(one.dtype), like=one)
                wanted = score.targets[n : n + 1] * len(drawn)
                gradient = score.gradient(one + drawn, wanted)
                total += gradient.sum(axis=0)
                squares += (gradient * gradient).sum(axis=0)
                used = part.stop
                if progress is not None:
                    progress(n * count + used, len(batch) * count)
        except KeyboardInterrupt:
            if not done and not used:
                raise
            interrupted = {"interrupted_at": n * count + used}
        if used:
            pixels[n] = _statistic(statistic, total / used, squares / used)
            done += 1
        if interrupted:
            break
    settings = settings_of(
        "smoothgrad",
        score.net,
        batch,
        rules,
        layer=score.layer,
        target=score.targets[:done],
        samples=count,
        noise=share,
        sigma=sigma[:done],
        statistic=statistic,
        seed=seed,
        **interrupted,
    )
    found, reached = score.targets[:done], score.reached[:done]
    return SmoothGrad(pixels[:done], settings, found, reached, net, sigma[:done])


def _statistic(name: str, mean: Array, squared: Array) -> Array:
    if name == "mean":
        return mean
    return squared if name == "squared" else squared - mean * mean
