"""Gradients of a class score with respect to the pixels, by three rules.

Simonyan, Vedaldi & Zisserman 2013 (saliency), Springenberg et al. 2015 (guided
backpropagation), Shrikumar et al. 2016 (gradient times input).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..rules import GRADIENT, GUIDED, Rules
from .drawing import balanced_picture, hot_picture
from .result import Result
from .subject import (
    Targets,
    batch_of,
    net_of,
    preprocess_of,
    scores_of,
    seed_signal,
    settings_of,
    targets_for,
)


@dataclass(frozen=True, eq=False)
class Attribution(Result):
    """``target`` is the class per sample, ``scores`` its score before softmax."""

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
    method: str, net: Any, x: Any, target: Targets, rules: Rules
) -> tuple[Attribution, Array]:
    graph, batch = net_of(net), batch_of(x)
    tape, layer, scores = scores_of(graph, batch)
    targets = targets_for(target, scores)
    signal = seed_signal(tape[layer], targets)
    gradient = tape.project(signal, start=layer, rules=rules)
    settings = settings_of(
        method, graph, batch, rules, layer=layer, target=targets, start=1.0
    )
    reached = [float(scores[i, t]) for i, t in enumerate(targets)]
    return Attribution(gradient, settings, targets, reached, net), batch


def saliency(
    net: Any, x: Any, target: Targets = None, *, rules: Rules = GRADIENT
) -> Attribution:
    """Largest absolute gradient over the channels, ``(N, H, W)``.

    The gradient is that of the score of ``target`` (one class, one per sample, or None
    for each sample's best) before the softmax.
    """
    result, _ = _attribution("saliency", net, x, target, rules)
    strongest = np.abs(result.pixels).max(axis=1)
    return Attribution(strongest, result.settings, result.target, result.scores, net)


def guided_backprop(
    net: Any, x: Any, target: Targets = None, *, rules: Rules = GUIDED
) -> Attribution:
    """Guided backpropagation of the class score, signed, ``(N, C, H, W)``."""
    return _attribution("guided_backprop", net, x, target, rules)[0]


def gradient_times_input(
    net: Any, x: Any, target: Targets = None, *, rules: Rules = GRADIENT
) -> Attribution:
    """Gradient of the class score times the input, signed, ``(N, C, H, W)``.

    For a net without biases its sum is the score itself.
    """
    result, batch = _attribution("gradient_times_input", net, x, target, rules)
    product = result.pixels * batch
    return Attribution(product, result.settings, result.target, result.scores, net)
