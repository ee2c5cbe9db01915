"""How features and class follow a picture that is shifted, scaled or turned.

Zeiler & Fergus 2014, section 4.1 and figure 5: small transformations change the first
layer much and the top layer little; the class is steady under shifts and scales, not
under rotations unless the object looks alike when turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import OptionError
from ..functional import softmax
from ..functional.options import real
from .drawing import Picture, grid
from .occlusion import filling
from .plotting import Line, plot
from .result import Progress, Result
from .score import Score
from .subject import Targets, batch_of, settings_of
from .warping import WARPS

AMOUNTS = {
    "shift": tuple(range(-60, 61, 10)),
    "scale": tuple(float(n) for n in np.round(np.linspace(1, 1.8, 9), 3)),
    "rotate": tuple(range(0, 360, 15)),
}
"""As the axes of the figure: pixels, factors, degrees."""

UNITS = {"shift": "pixels down", "scale": "factor", "rotate": "degrees"}


@dataclass(frozen=True, eq=False)
class Invariance(Result):
    """``pixels (N, layers, amounts)``: the Euclidean distance of each layer's features
    from those of the untransformed picture; ``probability (N, amounts)``, the class's.
    """

    target: list[int]
    layers: list[str]
    amounts: list[float]
    probability: Array

    def drawn(self) -> Picture:
        """A plot for each layer and one for the class; a curve for each picture."""
        across, unit = np.asarray(self.amounts), UNITS[self.settings["transform"]]
        panels = [
            plot(
                [Line("", across, curve) for curve in self.pixels[:, n]],
                f"distance at {layer}",
                unit,
                (0,),
            )
            for n, layer in enumerate(self.layers)
        ]
        lines = [Line("", across, curve) for curve in self.probability]
        panels.append(plot(lines, "probability of the class", unit, (0, 1)))
        return grid(panels, len(panels))


def invariance(
    net: Any,
    x: Any,
    layers: str | Sequence[str],
    target: Targets = None,
    *,
    transform: str = "shift",
    amounts: Sequence[float] | None = None,
    value: Any = 0.0,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Invariance:
    """How far features move, and what becomes of the class, under a transformation.

    ``transform`` is ``"shift"`` (pixels downwards), ``"scale"`` (a factor) or
    ``"rotate"`` (degrees); ``amounts`` are those of the paper's figure unless given.
    What comes in from outside is ``value``. The paper looks at the first layer and the
    last but one. When interrupted, what is missing is NaN.
    """
    batch = batch_of(x)
    names = [layers] if isinstance(layers, str) else list(layers)
    if transform not in WARPS:
        raise OptionError(
            f"transform={transform!r} is not known: use one of {list(WARPS)}"
        )
    chosen = [real(a, "amounts") for a in (amounts or AMOUNTS[transform])]
    if transform == "scale" and min(chosen) <= 0:
        raise OptionError(f"a factor must be above 0, got {min(chosen)}")
    fill = filling(value, batch)
    score = Score.of(net, batch, target, memory=memory)
    for name in names:
        score.net.require(name)
    distance = np.full((len(batch), len(names), len(chosen)), np.nan)
    chance = np.full((len(batch), len(chosen)), np.nan)
    done = 0
    interrupted: dict[str, Any] = {}
    try:
        for part in score.chunks(len(batch)):
            rows = np.arange(len(batch))[part]
            before, _ = _features(score, batch[part], names)
            for column, amount in enumerate(chosen):
                moved = WARPS[transform](batch[part], amount, fill)
                after, scores = _features(score, moved, names)
                for n, (a, b) in enumerate(zip(before, after, strict=True)):
                    distance[part, n, column] = np.sqrt(((a - b) ** 2).sum(axis=1))
                every = to_numpy(softmax(scores))
                wanted = score.targets[part]
                chance[part, column] = every[np.arange(len(rows)), wanted]
                done += len(rows)
                if progress is not None:
                    progress(done, chance.size)
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = {"interrupted_at": done}
    settings = settings_of(
        "invariance",
        score.net,
        batch,
        layers=names,
        target=score.targets,
        transform=transform,
        amounts=chosen,
        value=fill.reshape(-1).tolist(),
        **interrupted,
    )
    return Invariance(distance, settings, score.targets, names, chosen, chance)


def _features(score: Score, x: Array, names: list[str]) -> tuple[list[Array], Array]:
    """Activations ``(B, features)``, float64, and the scores of the classes."""
    tape = score.net.run(x, until=score.layer, keep=names)
    scores = tape[score.layer]
    scores = scores.reshape(*scores.shape[:2], -1).sum(axis=2)
    flat = [to_numpy(tape[name]).reshape(len(x), -1).astype(float) for name in names]
    return flat, scores
