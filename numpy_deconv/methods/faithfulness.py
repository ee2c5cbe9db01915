"""Does an attribution say what the score really does when the input changes?

Infidelity (Yeh et al. 2019) asks about small random changes of everything,
sensitivity-n (Ancona et al. 2018) about hiding sets of n pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, as_array, to_numpy
from ..errors import OptionError, ShapeError
from ..functional.options import real, whole
from ..per_axis import is_several
from .drawing import Picture
from .occlusion import filling
from .plotting import Line, plot
from .removal import class_of, pixel_heat
from .result import Progress, Result
from .score import Score
from .similarity import correlation
from .subject import Targets, batch_of, settings_of


@dataclass(frozen=True, eq=False)
class Infidelity(Result):
    """``values``, one per sample: 0 is faithful. ``pixels (N, samples, 2)``: for each
    change what the attribution promises, and by how much the score really falls."""

    target: list[int]
    values: list[float]

    def drawn(self, sample: int = 0) -> Picture:
        """Every change of one sample: promised across, real upwards."""
        promised, real_fall = self.pixels[sample].T
        title = f"fall of the score; infidelity {self.values[sample]:.3g}"
        both = np.concatenate([promised, real_fall])
        ends = np.array([both.min(), both.max()])
        lines = [Line("", promised, real_fall, True), Line("faithful", ends, ends)]
        return plot(lines, title, "promised by the attribution")


@dataclass(frozen=True, eq=False)
class SensitivityN(Result):
    """``pixels (N, sizes)``: for each number of hidden pixels in ``sizes``, the
    correlation of attribution and fall of the score over sets of so many."""

    target: list[int]
    sizes: list[int]

    def drawn(self) -> Picture:
        """The curve of each sample, over the logarithm of the number."""
        across = np.log10(self.sizes)
        lines = [Line("", across, curve) for curve in self.pixels]
        return plot(lines, "sensitivity-n (correlation)", "log10 of hidden pixels")


def infidelity(
    net: Any,
    x: Any,
    attribution: Any,
    target: Targets = None,
    *,
    samples: int = 100,
    noise: float = 0.1,
    normalize: bool = False,
    seed: int = 0,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Infidelity:
    """The mean of ``(I . attribution - (S(x) - S(x - I)))**2`` over random changes I.

    I is normal noise that deviates by ``noise`` times each input's range, the same for
    a sample whatever else is in the batch. ``normalize`` first scales the attribution
    to fit best, so that only its shape is judged. ``attribution`` has the shape of
    ``x``, or is a result that does. When interrupted, the samples that were finished
    are returned.
    """
    batch, count, share = (
        batch_of(x),
        whole(samples, "samples", 1),
        real(noise, "noise"),
    )
    given = as_array(getattr(attribution, "pixels", attribution), "attribution")
    if given.shape != batch.shape:
        raise ShapeError(
            f"attribution has shape {given.shape}, but infidelity needs one number for "
            f"each channel of each pixel, {batch.shape}"
        )
    score = Score.of(net, batch, class_of(attribution, target), memory=memory)
    pairs, done = np.empty((len(batch), count, 2)), 0
    interrupted: dict[str, Any] = {}
    try:
        for n, one in enumerate(batch):
            rng = np.random.default_rng(whole(seed, "seed", 0))
            deviation = share * float(one.max() - one.min())
            for part in score.chunks(count):
                drawn = rng.standard_normal((part.stop - part.start, *one.shape))
                change = np.asarray((deviation * drawn).astype(one.dtype), like=one)
                after = to_numpy(score.all_at(one - change)[:, score.targets[n]])
                promised = (change * given[n]).reshape(len(change), -1).sum(axis=1)
                pairs[n, part, 0] = to_numpy(promised)
                pairs[n, part, 1] = score.reached[n] - after.astype(float)
                if progress is not None:
                    progress(n * count + part.stop, len(batch) * count)
            done = n + 1
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = {"interrupted_at": done}
    values = [_mean_square(pair[:, 0], pair[:, 1], normalize) for pair in pairs[:done]]
    settings = settings_of(
        "infidelity",
        score.net,
        batch,
        target=score.targets[:done],
        samples=count,
        noise=share,
        normalize=normalize,
        seed=seed,
        values=values,
        **interrupted,
    )
    return Infidelity(pairs[:done], settings, score.targets[:done], values)


def _mean_square(promised: Array, fall: Array, normalize: bool) -> float:
    if normalize:
        squared = float((promised * promised).mean())
        promised = promised * (float((promised * fall).mean()) / (squared or 1))
    return float(((promised - fall) ** 2).mean())


def sensitivity_n(
    net: Any,
    x: Any,
    attribution: Any,
    target: Targets = None,
    *,
    sizes: Any = None,
    samples: int = 100,
    value: Any = 0.0,
    seed: int = 0,
    memory: int | None = None,
    progress: Progress | None = None,
) -> SensitivityN:
    """How well attributions of sets of pixels go with what hiding them costs.

    For each number n of ``sizes`` (None: ten of them, from 1 to 80 % of the pixels)
    ``samples`` random sets of n pixels are hidden by ``value``; the result is Pearson's
    correlation of the set's attribution and the fall of the score. NaN where either is
    the same for all sets. When interrupted, what is missing is NaN.
    """
    batch, count = batch_of(x), whole(samples, "samples", 2)
    heat = to_numpy(pixel_heat(attribution, batch)).reshape(len(batch), -1)
    chosen = _sizes(sizes, heat.shape[1])
    hidden = filling(value, batch)
    score = Score.of(net, batch, class_of(attribution, target), memory=memory)
    found, done = np.full((len(batch), len(chosen)), np.nan), 0
    interrupted: dict[str, Any] = {}
    total = len(batch) * len(chosen) * count
    try:
        for n, one in enumerate(batch):
            rng = np.random.default_rng(whole(seed, "seed", 0))
            for column, size in enumerate(chosen):
                sums, after = np.empty((2, count))
                for part in score.chunks(count):
                    gone = _sets(rng, part.stop - part.start, heat.shape[1], size)
                    sums[part] = (gone * heat[n]).sum(axis=1)
                    planes = gone.reshape(-1, 1, *one.shape[1:])
                    shown = np.where(np.asarray(planes, like=one), hidden, one)
                    after[part] = to_numpy(score.all_at(shown)[:, score.targets[n]])
                    done += part.stop - part.start
                    if progress is not None:
                        progress(done, total)
                found[n, column] = correlation(sums, score.reached[n] - after)
    except KeyboardInterrupt:
        if not np.isfinite(found).any():
            raise
        interrupted = {"interrupted_at": done}
    settings = settings_of(
        "sensitivity_n",
        score.net,
        batch,
        target=score.targets,
        sizes=chosen,
        samples=count,
        value=hidden.reshape(-1).tolist(),
        seed=seed,
        **interrupted,
    )
    return SensitivityN(found, settings, score.targets, chosen)


def _sizes(sizes: Any, pixels: int) -> list[int]:
    if sizes is None:
        spread = np.geomspace(1, max(1, 0.8 * pixels), 10)
        return sorted(set(np.rint(spread).astype(int).tolist()))
    chosen = [whole(n, "sizes", 1) for n in (sizes if is_several(sizes) else [sizes])]
    if not chosen or max(chosen) > pixels:
        raise OptionError(
            f"sizes must be from 1 to {pixels}, the pixels: got {sizes!r}"
        )
    return chosen


def _sets(rng: np.random.Generator, count: int, pixels: int, size: int) -> Array:
    """``count`` random sets of ``size`` pixels, ``(count, pixels)`` of booleans."""
    sets = np.zeros((count, pixels), bool)
    for row in sets:
        row[rng.choice(pixels, size, replace=False)] = True
    return sets
