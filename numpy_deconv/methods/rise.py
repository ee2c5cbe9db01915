"""RISE: the mean of random masks, each as heavy as the class is probable under it.

Petsiuk, Das & Saenko 2018. Needs no gradient: any net will do. Masks are small grids of
zeros and ones, enlarged smoothly and shifted at random.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import OptionError
from ..functional import softmax
from ..functional.options import real, whole
from ..registry import use_backend
from .heat import Heat, resized
from .occlusion import filling
from .result import Progress
from .score import Score
from .subject import Targets, batch_of, settings_of


@dataclass(frozen=True, eq=False)
class Rise(Heat):
    """``pixels (N, *size)``: the expected probability of the class where a pixel is
    seen, float64; ``masks`` is how many were used."""

    masks: int


def rise(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    masks: int = 4000,
    cells: int = 7,
    seen: float = 0.5,
    value: Any = 0.0,
    seed: int = 0,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Rise:
    """How probable the class is, on average, when each pixel is seen.

    Each of the ``masks`` shows a share of about ``seen`` of the picture, in a grid of
    ``cells`` along each axis; what it hides is ``value``, a number or one per channel.
    The same masks for every sample. The paper took 4000 for VGG-16 and 8000 for
    ResNet-50. When interrupted, the masks so far are used, and
    ``settings["interrupted_at"]`` says how many runs that were.
    """
    batch, count = batch_of(x), whole(masks, "masks", 1)
    whole(cells, "cells", 1)
    share = real(seen, "seen")
    if not 0 < share < 1:
        raise OptionError(f"seen must be between 0 and 1, got {seen}")
    hidden = filling(value, batch)
    score = Score.of(net, batch, target, memory=memory)
    size = batch.shape[2:]
    pixels = np.zeros((len(batch), *size))
    done, used = 0, 0
    interrupted: dict[str, Any] = {}
    for n, one in enumerate(batch):
        rng, used = np.random.default_rng(whole(seed, "seed", 0)), 0
        try:
            for part in score.chunks(count):
                drawn = [
                    _mask(rng, size, cells, share) for _ in range(*part.indices(count))
                ]
                shown = np.stack(drawn)
                kept = np.asarray(shown[:, None].astype(one.dtype), like=one)
                scores = score.all_at(one * kept + hidden * (1 - kept))
                chance = to_numpy(softmax(scores)[:, score.targets[n]]).astype(float)
                pixels[n] += np.tensordot(chance, shown, 1)
                used = part.stop
                if progress is not None:
                    progress(n * count + used, len(batch) * count)
        except KeyboardInterrupt:
            if not done and not used:
                raise
            interrupted = {"interrupted_at": n * count + used}
        if used:
            pixels[n] /= used * share
            done += 1
        if interrupted:
            break
    settings = settings_of(
        "rise",
        score.net,
        batch,
        layer=score.layer,
        target=score.targets[:done],
        masks=count,
        cells=cells,
        seen=share,
        value=hidden.reshape(-1).tolist(),
        seed=seed,
        **interrupted,
    )
    found, reached = score.targets[:done], score.reached[:done]
    return Rise(pixels[:done], settings, found, reached, net, batch[:done], used)


def _mask(
    rng: np.random.Generator, size: tuple[int, ...], cells: int, seen: float
) -> Array:
    """One mask of a picture's size, values from 0 to 1."""
    grid = (rng.random((cells,) * len(size)) < seen).astype(float)
    cell = [math.ceil(length / cells) for length in size]
    with use_backend("numpy"):  # the same mask wherever the net is computed
        large = resized(grid[None, None], [(cells + 1) * each for each in cell])[0, 0]
    shift = [int(rng.integers(0, each)) for each in cell]
    return large[
        tuple(slice(a, a + length) for a, length in zip(shift, size, strict=True))
    ]
