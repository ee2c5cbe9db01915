"""Integrated gradients: what each input adds to a score, on the way from a baseline.

Sundararajan, Taly & Yan 2017: ``(x - x') * mean of dS/dx along the line from x' to x``.
In exact arithmetic, and with the whole integral, the attributions add up to
``S(x) - S(x')``; a sum of finitely many steps misses that by a residual, which does not
fall steadily with the number of steps and is therefore always told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, as_array
from ..errors import OptionError, ShapeError
from ..functional.options import whole
from ..per_axis import is_several
from ..rules import GRADIENT
from .heat import Signed
from .linear_pieces import linear_pieces
from .occlusion import filling
from .result import Progress
from .score import Score, summing
from .subject import Targets, batch_of, settings_of

QUADRATURES = ("gauss_legendre", "midpoint")


@dataclass(frozen=True, eq=False)
class IntegratedGradients(Signed):
    """``pixels (N, C, *size)`` add up to ``scores - baseline_scores - residual``."""

    baseline_scores: list[float]
    residual: list[float]


def integrated_gradients(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    baseline: Any = 0.0,
    steps: int = 50,
    quadrature: str = "gauss_legendre",
    exact: bool = False,
    memory: int | None = None,
    progress: Progress | None = None,
) -> IntegratedGradients:
    """What each input adds to the score of ``target`` on the way from ``baseline``.

    ``baseline`` is a number, one per channel, or an array of the shape of one sample or
    of all; 0 is the data's mean where that was subtracted. The integral is a sum over
    ``steps`` points by ``"gauss_legendre"`` or the ``"midpoint"`` rule, or, with
    ``exact``, over the pieces in which the score of a net of linear layers, ReLUs and
    max pools is linear (for small nets; Sotoudeh & Thakur 2019). About ``memory`` bytes
    are in use at a time (None: a quarter of the machine's).

    When interrupted, the samples that were finished are returned and
    ``settings["interrupted_at"]`` says how many. Raises OptionError for a net that is
    not piecewise linear if it is to be exact.

    >>> from numpy_deconv import Sequential
    >>> from numpy_deconv.layers import Linear, ReLU
    >>> net = Sequential(
    ...     {"sum": Linear(np.ones((1, 2)), np.array([-1.0])), "relu": ReLU()}
    ... )
    >>> found = integrated_gradients(net, np.array([[1.0, 2.0]]), exact=True)
    >>> found.pixels.round(3), found.residual
    (array([[0.667, 1.333]]), [0.0])
    """
    batch = batch_of(x)
    if quadrature not in QUADRATURES:
        raise OptionError(
            f"quadrature={quadrature!r} is not known: use one of {QUADRATURES}"
        )
    places, weights = nodes(whole(steps, "steps", 1), quadrature)
    start = baseline_of(baseline, batch)
    score = Score.of(net, batch, target, memory=memory)
    from_score = Score.of(net, start, score.targets, memory=memory)
    pixels, pieces, done = summing(batch), [], 0
    interrupted: dict[str, Any] = {}
    try:
        for n in range(len(batch)):
            if exact:
                places, weights = linear_pieces(score, start[n], batch[n], n)
                pieces.append(len(places))
            total = len(batch) * len(places)
            for part in score.chunks(len(places)):
                along = _shaped(places[part], batch)
                points = start[n] + along * (batch[n] - start[n])
                gradient = score.gradient(
                    points, score.targets[n : n + 1] * len(points)
                )
                pixels[n] += (_shaped(weights[part], batch) * gradient).sum(axis=0)
                if progress is not None:
                    progress(n * len(places) + part.stop, total)
            done = n + 1
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = {"interrupted_at": done}
    pixels = (pixels * (batch - start)).astype(batch.dtype)[:done]
    sums = pixels.reshape(done, -1).sum(axis=1, dtype=np.float64)
    ends = zip(score.reached, from_score.reached, sums.tolist(), strict=False)
    residual = [there - here - total for there, here, total in ends]
    settings = settings_of(
        "integrated_gradients",
        score.net,
        batch,
        GRADIENT,
        layer=score.layer,
        target=score.targets[:done],
        baseline=_told(baseline),
        **({"pieces": pieces} if exact else {"steps": steps, "quadrature": quadrature}),
        residual=residual,
        **interrupted,
    )
    return IntegratedGradients(
        pixels,
        settings,
        score.targets[:done],
        score.reached[:done],
        net,
        from_score.reached[:done],
        residual,
    )


def nodes(steps: int, quadrature: str) -> tuple[Array, Array]:
    """Points between 0 and 1, and the weights that sum to 1, of a quadrature."""
    if quadrature == "midpoint":
        return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)
    places, weights = np.polynomial.legendre.leggauss(steps)
    return (places + 1) / 2, weights / 2


def baseline_of(baseline: Any, x: Array) -> Array:
    """The baseline of every sample, ``x.shape``; see :func:`integrated_gradients`."""
    several = is_several(baseline) or hasattr(baseline, "shape")
    if not several or np.ndim(baseline) <= 1 < x.ndim - 1:
        channels = filling(baseline, x, "baseline")
        return np.broadcast_to(channels, x.shape).copy()
    given = as_array(baseline, "baseline").astype(x.dtype, copy=False)
    if given.shape not in (x.shape, x.shape[1:], (1, *x.shape[1:])):
        raise ShapeError(
            f"baseline has shape {given.shape}: give a number, one per channel, or an "
            f"array of shape {x.shape[1:]} or {x.shape}"
        )
    return np.broadcast_to(given, x.shape).copy()


def _told(baseline: Any) -> Any:
    """A baseline as it stands in the settings: numbers, or what sort of array."""
    if np.ndim(baseline) > 1:
        return f"array {np.shape(baseline)}"
    return baseline.tolist() if hasattr(baseline, "tolist") else baseline


def _shaped(numbers: Array, x: Array) -> Array:
    """Numbers ``(B,)`` as they multiply a batch, in its dtype and its memory."""
    each = np.asarray(numbers.astype(x.dtype), like=x)
    return each.reshape(-1, *(1,) * (x.ndim - 1))
