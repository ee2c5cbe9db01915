"""Gradients of a class score with respect to the pixels, by three rules.

Simonyan, Vedaldi & Zisserman 2013 (saliency), Springenberg et al. 2015 (guided
backpropagation), Shrikumar et al. 2016 (gradient times input).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import OptionError
from ..net import project_units
from ..net.memory import in_halves, joined, memory_limit
from ..rules import GRADIENT, GUIDED, Rules
from .drawing import balanced_picture, hot_picture
from .result import Result
from .subject import (
    Targets,
    batch_of,
    each_of,
    net_of,
    place_of,
    preprocess_of,
    runs,
    score_layer,
    scores_of,
    seed_signal,
    settings_of,
    targets_for,
)


@dataclass(frozen=True, eq=False)
class Attribution(Result):
    """``target`` is the class per sample, ``scores`` its score before softmax.

    Of a unit of an inner layer they are its map and its activation.
    """

    target: list[int]
    scores: list[float]
    subject: Any

    def drawn(self, sample: int = 0) -> np.ndarray[Any, Any]:
        """One sample: saliency in hot colours, signed results around grey."""
        values = self.pixels[sample]
        if self.settings["method"] == "saliency":
            return hot_picture(values)
        return balanced_picture(values, preprocess_of(self.subject))


def _attribution(
    method: str,
    net: Any,
    x: Any,
    target: Targets,
    rules: Rules,
    inner: tuple[str | None, Sequence[int] | None],
) -> tuple[Attribution, Array]:
    graph, batch = net_of(net), batch_of(x)
    if inner != (None, None):
        return _of_unit(method, net, batch, target, rules, *inner), batch
    given, layer = each_of(target, len(batch)), score_layer(graph)
    targets: list[int] = []
    reached: list[float] = []

    def of(part: slice) -> Array:
        tape, _, scores = scores_of(graph, batch[part], rules)
        wanted = targets_for(given and given[part], scores)
        gradient = tape.project(
            seed_signal(tape[layer], wanted), start=layer, rules=rules
        )
        targets.extend(wanted)
        reached.extend(float(scores[i, t]) for i, t in enumerate(wanted))
        return gradient

    gradient = joined(in_halves(batch, of))
    settings = settings_of(
        method, graph, batch, rules, layer=layer, target=targets, start=1.0
    )
    return Attribution(gradient, settings, targets, reached, net), batch


def _of_unit(
    method: str,
    net: Any,
    batch: Array,
    target: Targets,
    rules: Rules,
    layer: str | None,
    unit: Sequence[int] | None,
) -> Attribution:
    if layer is None or unit is None or target is not None:
        raise OptionError(
            f"give {method} a target, or layer= and unit=(map, *position) of it: got "
            f"target={target!r}, layer={layer!r}, unit={unit!r}"
        )
    graph, memory = net_of(net), memory_limit(like=batch) // 2
    pixels, reached = np.zeros_like(batch), []
    place: tuple[int, ...] = (0,)
    for first, tape in runs(graph, batch, graph.require(layer), rules, memory):
        place = place_of(unit, layer, tape.shape(layer)[1:])
        units = [(sample, *place) for sample in range(len(tape[layer]))]
        reached += [float(tape[layer][u]) for u in units]
        ones = np.ones(len(units))
        for part in project_units(tape, units, ones, start=layer, rules=rules):
            part.place_in(pixels[first:])
    settings = settings_of(
        method, graph, batch, rules, layer=layer, unit=place, start=1.0
    )
    return Attribution(pixels, settings, [place[0]] * len(batch), reached, net)


def saliency(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    layer: str | None = None,
    unit: Sequence[int] | None = None,
    rules: Rules = GRADIENT,
) -> Attribution:
    """Largest absolute gradient over the channels, ``(N, H, W)``.

    The gradient is that of the score of ``target`` (one class, one per sample, or None
    for each sample's best) before the softmax; or that of the activation of one
    ``unit``, ``(map, *position)``, of ``layer``. Raises OptionError for both.
    """
    result, _ = _attribution("saliency", net, x, target, rules, (layer, unit))
    # channel by channel: along the innermost axis of its memory NumPy's own max takes
    # as long as some layers
    channels = np.abs(result.pixels).swapaxes(0, 1)
    strongest = reduce(np.maximum, channels)
    return Attribution(strongest, result.settings, result.target, result.scores, net)


def guided_backprop(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    layer: str | None = None,
    unit: Sequence[int] | None = None,
    rules: Rules = GUIDED,
) -> Attribution:
    """Guided backpropagation of the class score, signed, ``(N, C, H, W)``.

    Or, as in Springenberg et al. 2015, of the activation of one ``unit``,
    ``(map, *position)``, of ``layer``.
    """
    inner = (layer, unit)
    return _attribution("guided_backprop", net, x, target, rules, inner)[0]


def gradient_times_input(
    net: Any, x: Any, target: Targets = None, *, rules: Rules = GRADIENT
) -> Attribution:
    """Gradient of the class score times the input, signed, ``(N, C, H, W)``.

    For a net without biases its sum is the score itself.
    """
    inner = (None, None)
    result, batch = _attribution("gradient_times_input", net, x, target, rules, inner)
    product = result.pixels * batch
    return Attribution(product, result.settings, result.target, result.scores, net)
