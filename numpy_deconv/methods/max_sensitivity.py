"""How much an attribution itself changes when the input hardly does.

Yeh et al. 2019: the largest relative change over inputs in a small box around x.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import OptionError
from ..functional.options import real, whole
from .attribution import Attribution
from .drawing import Picture, grid
from .result import Progress, Result
from .subject import Targets, batch_of, net_of, settings_of

Method = Callable[..., Attribution]  # (net, x, target) -> Attribution


@dataclass(frozen=True, eq=False)
class MaxSensitivity(Result):
    """``values``, one per sample: 0 is steady. ``pixels`` is the attribution that was
    furthest from ``original``."""

    values: list[float]
    original: Attribution
    furthest: Attribution

    def drawn(self, sample: int = 0) -> Picture:
        """The attribution of the input, and the one furthest from it nearby."""
        return grid([self.original.drawn(sample), self.furthest.drawn(sample)], 2)


def max_sensitivity(
    method: Method,
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
    progress: Progress | None = None,
) -> MaxSensitivity:
    """The largest ``||A(x + d) - A(x)|| / ||A(x)||`` over ``samples`` random d.

    ``method(net, x, target)`` makes the attribution A. Each number of d is drawn evenly
    from ``-radius`` to ``radius``; the class stays that of ``x``. When interrupted, the
    draws so far are used.
    """
    batch, count = batch_of(x), whole(samples, "samples", 1)
    reach = real(radius, "radius")
    if reach < 0:
        raise OptionError(f"radius must not be negative, got {radius}")
    original = method(net, batch, target)
    rng = np.random.default_rng(whole(seed, "seed", 0))
    lengths = _lengths(original.pixels)
    values = np.full(len(batch), -1.0)
    furthest = original.pixels.copy()
    done = 0
    interrupted: dict[str, Any] = {}
    try:
        for number in range(count):
            drawn = rng.uniform(-reach, reach, batch.shape).astype(batch.dtype)
            near = batch + np.asarray(drawn, like=batch)
            found = method(net, near, original.target).pixels
            changes = _lengths(found - original.pixels) / np.where(lengths, lengths, 1)
            for n in np.flatnonzero(changes > values).tolist():
                furthest[n] = found[n]
            values = np.maximum(values, changes)
            done = number + 1
            if progress is not None:
                progress(done, count)
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = {"interrupted_at": done}
    settings = settings_of(
        "max_sensitivity",
        net_of(net),
        batch,
        of=original.settings["method"],
        radius=reach,
        samples=count,
        seed=seed,
        values=values.tolist(),
        **interrupted,
    )
    worst = replace(original, pixels=furthest)
    return MaxSensitivity(furthest, settings, values.tolist(), original, worst)


def _lengths(values: Array) -> Array:
    flat = to_numpy(values).reshape(len(values), -1).astype(float)
    return np.sqrt((flat * flat).sum(axis=1))
