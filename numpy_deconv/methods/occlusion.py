"""Occlusion: how a class score falls when a square of the picture is covered.

Zeiler & Fergus 2014, section 4.2 and figure 7: a grey square slides over the picture;
where the probability of the right class drops, there is what the net goes by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import NetError, OptionError, ShapeError
from ..functional import softmax
from ..functional.options import real
from ..layers.boxes import Indices
from ..net.changed import Changed, whole_planes
from ..net.memory import memory_limit
from ..net.patched import patched_runs
from ..per_axis import Sizes, is_several, per_axis
from .drawing import Picture, enlarged, grey_picture, network_picture
from .occlusion_panels import Panels, panels_of
from .result import Progress, Result
from .subject import (
    Targets,
    batch_of,
    net_of,
    preprocess_of,
    score_layer,
    settings_of,
    targets_for,
)


@dataclass(frozen=True, eq=False)
class Occlusion(Result):
    """``pixels (N, *positions)``: the target's probability with each square covered.

    ``scores`` is the same before the softmax, ``best`` the most probable class, and
    ``activity``, if a layer was asked for, the sum over the map ``strongest[n]``.
    ``uncovered`` is the target's probability for the picture as it is, ``starts`` the
    first row, column, ... of the squares, ``x`` the pictures.
    """

    target: list[int]
    uncovered: list[float]
    scores: Array
    best: Array
    activity: Array | None
    strongest: list[int] | None
    starts: tuple[list[int], ...]
    x: Array
    subject: Any

    def drawn(self, sample: int = 0) -> Picture:
        """One sample: dark where the class is lost, for it needs what was covered."""
        return enlarged(grey_picture(self.pixels[sample]))

    def panels(self, sample: int = 0) -> Panels:
        """The three maps of figure 7, each as large as the picture."""
        return panels_of(
            None if self.activity is None else self.activity[sample],
            self.pixels[sample],
            self.best[sample],
            self.x.shape[2:],
        )

    def covered(self, sample: int = 0) -> Picture:
        """The picture with one square in place, the one that costs the class most."""
        chances = to_numpy(self.pixels[sample])
        worst = int(np.where(np.isnan(chances), np.inf, chances).argmin())
        corner = np.unravel_index(worst, self.pixels.shape[1:])
        starts = zip(self.starts, corner, strict=True)
        inside = tuple(
            slice(each[place], each[place] + length)
            for (each, place), length in zip(starts, self.settings["size"], strict=True)
        )
        shown = self.x[sample : sample + 1].copy()
        value = filling(self.settings["value"], shown)
        shown[(slice(None), slice(None), *inside)] = value
        return network_picture(shown, preprocess_of(self.subject))


def occlusion(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    size: int | Sequence[int],
    stride: int | Sequence[int],
    value: float | Sequence[float] = 0.0,
    layer: str | None = None,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Occlusion:
    """Probability of ``target`` while a square of ``size`` covers each place of ``x``.

    The square moves by ``stride`` from the first corner until it covers the last one;
    what hangs over is cut. It is filled with ``value``: one, or one per channel; 0 is
    the data's mean where that was subtracted. ``target`` is one class, one per sample,
    or None for each sample's best. With ``layer`` the summed activation of the map
    with that layer's strongest activation is recorded too. Only what a square can
    change is computed again, in batches of about ``memory`` bytes (None: a quarter of
    the machine's).

    When interrupted, places that were not reached are NaN, and -1 in ``best``;
    ``settings["interrupted_at"]`` says how many were. Raises NetError for scores that
    are not finite, OptionError or ShapeError for sizes and values that do not fit.

    >>> from numpy_deconv import Sequential
    >>> from numpy_deconv.layers import Conv, Flatten, GlobalMaxPool
    >>> same = Conv(np.eye(2)[:, :, None])
    >>> net = Sequential({"conv": same, "pool": GlobalMaxPool(), "flat": Flatten()})
    >>> x = np.array([[[0.0, 0, 3, 0], [0, 0, 0, 0]]])
    >>> occlusion(net, x, size=1, stride=1).pixels.round(2)
    array([[0.95, 0.95, 0.5 , 0.95]])
    """
    graph, batch = net_of(net), batch_of(x)
    plane, limit = batch.shape[2:], memory_limit(memory, batch)
    sizes = per_axis(size, len(plane), "size", 1)
    strides = per_axis(stride, len(plane), "stride", 1)
    fill, targets = filling(value, batch), _given(target, len(batch))
    scoring = score_layer(graph)
    wanted = [scoring] if layer is None else [scoring, graph.require(layer)]
    starts = tuple(map(_starts, plane, sizes, strides))
    boxes = _squares(starts, sizes, plane)
    samples: list[_Sample] = []
    interrupted: dict[str, Any] = {}
    done, total = 0, len(batch) * len(boxes)
    try:
        for n in range(len(batch)):
            one = batch[n : n + 1]
            tape, parts = patched_runs(graph, one, boxes, fill, wanted, limit)
            activation = None if layer is None else tape[layer]
            sample = _Sample(tape[scoring], targets[n], activation, len(boxes))
            samples.append(sample)
            for rows, changed in parts:
                sample.record(rows, changed.get(scoring), changed.get(layer or ""))
                done += len(rows)
                if progress is not None:
                    progress(done, total)
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = {"interrupted_at": done}
    settings = settings_of(
        "occlusion",
        graph,
        batch,
        target=[sample.target for sample in samples],
        size=sizes,
        stride=strides,
        value=fill.reshape(-1).tolist(),
        layer=layer,
        **interrupted,
    )

    def stacked(values: list[Array]) -> Array:
        return np.stack(values).reshape(len(samples), *map(len, starts))

    return Occlusion(
        stacked([sample.probability for sample in samples]),
        settings,
        [sample.target for sample in samples],
        [sample.uncovered for sample in samples],
        stacked([sample.score for sample in samples]),
        stacked([sample.best for sample in samples]),
        stacked([sample.activity for sample in samples]) if layer else None,
        [sample.strongest for sample in samples] if layer else None,
        starts,
        batch[: len(samples)],
        net,
    )


class _Sample:
    """What is recorded of one sample, a number for each place of the square."""

    def __init__(
        self, scores: Array, target: int | None, activation: Array | None, places: int
    ):
        self._scores, self._activation = scores, activation
        classes = _summed(scores)
        if not bool(np.isfinite(classes).all()):
            raise NetError(
                "the scores are not finite: look for NaN or infinite values in the "
                "input or the weights"
            )
        (self.target,) = targets_for(target, classes)
        self.uncovered = float(softmax(classes)[0, self.target])
        self.probability, self.score, self.activity = (
            np.full_like(to_numpy(scores), np.nan, shape=places) for _ in range(3)
        )
        self.best = np.full(places, -1)
        self.strongest = 0
        if activation is not None:
            maps = activation.reshape(activation.shape[1], -1)
            self.strongest = int(maps.max(axis=1).argmax())

    def record(
        self, rows: Indices, scores: Changed | None, activation: Changed | None
    ) -> None:
        """Take up what changed with the squares ``rows``; None: nothing did."""
        classes = _summed(_whole(self._scores, scores, len(rows)))
        self.score[rows] = to_numpy(classes[:, self.target])
        self.probability[rows] = to_numpy(softmax(classes)[:, self.target])
        self.best[rows] = to_numpy(classes.argmax(axis=1))
        if self._activation is not None:
            only = slice(self.strongest, self.strongest + 1)
            if activation is not None:
                activation = activation[0], activation[1][:, only]
            plane = _whole(self._activation[:, only], activation, len(rows))
            self.activity[rows] = to_numpy(plane.reshape(len(rows), -1).sum(axis=1))


def _whole(before: Array, changed: Changed | None, count: int) -> Array:
    """Whole planes, one for each row: as they were, but for the changed boxes."""
    if changed is None:
        return np.repeat(before, count, axis=0)
    return whole_planes(before, changed)[1]


def _summed(scores: Array) -> Array:
    """``(N, classes)``; over positions, if there are any, the sum."""
    return scores.reshape(*scores.shape[:2], -1).sum(axis=2)


def _given(target: Targets, count: int) -> list[int | None]:
    """What was asked for of each sample."""
    given: list[int | None] = list(target) if isinstance(target, Sequence) else [target]
    if len(given) not in (1, count):
        raise ShapeError(
            f"{len(given)} targets for a batch of {count}: give one, or each"
        )
    return given if len(given) == count else given * count


def filling(value: Any, x: Array, name: str = "value") -> Array:
    """The value of each channel, ``(C, 1, ...)`` or ``(1, 1, ...)``, in x's dtype."""
    numbers = [real(v, name) for v in (value if is_several(value) else [value])]
    if len(numbers) not in (1, x.shape[1]):
        raise OptionError(
            f"{name} has {len(numbers)} numbers for {x.shape[1]} channels: give one, "
            "or one for each"
        )
    if not np.isfinite(numbers).all():
        raise OptionError(f"{name} must be finite, got {value!r}")
    shape = (-1, *(1,) * (x.ndim - 2))
    return np.asarray(np.array(numbers).astype(x.dtype), like=x).reshape(shape)


def _starts(length: int, size: int, stride: int) -> list[int]:
    """Where squares begin along an axis: up to the first that reaches the end."""
    return list(range(0, min(length, max(0, length - size) + stride), stride))


def _squares(starts: tuple[list[int], ...], sizes: Sizes, plane: Sizes) -> Indices:
    """Half-open ranges ``(B, rank, 2)`` of every square inside of the picture."""
    corners = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1)
    first = corners.reshape(-1, len(plane))
    stop = np.minimum(first + np.array(sizes), np.array(plane))
    return np.stack([first, stop], axis=-1)
