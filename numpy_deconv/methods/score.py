"""The score of each sample's class as a function of the input, and its gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, accumulator
from ..errors import ShapeError
from ..net import Graph
from ..net.memory import in_halves, joined, memory_limit
from ..rules import GRADIENT, Rules
from .subject import Targets, fitting, net_of, scores_of, seed_signal, targets_for


@dataclass(frozen=True, eq=False)
class Score:
    """The score before the softmax of ``targets[n]``, one class per sample.

    ``reached`` is what the samples themselves score, ``layer`` where the scores are,
    ``chunk`` how many inputs are run at a time, ``shapes`` those of every activation.
    """

    net: Graph
    rules: Rules
    layer: str
    targets: list[int]
    reached: list[float]
    chunk: int
    shapes: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(
        cls,
        subject: Any,
        x: Array,
        target: Targets = None,
        rules: Rules = GRADIENT,
        memory: int | None = None,
    ) -> Score:
        """Run the samples, the first one alone to see how much memory one takes."""
        net, limit = net_of(subject), memory_limit(memory, x)
        if not len(x):
            raise ShapeError(f"x has shape {x.shape}, which holds no sample")
        one = x[:1]
        ((tape, layer, first),) = in_halves(one, lambda _: scores_of(net, one, rules))
        chunk = fitting(tape, limit)
        rest = [
            scores
            for n in range(1, len(x), chunk)
            for scores in _scores(net, x[n : n + chunk], rules)
        ]
        scores = np.concatenate([first, *rest])
        targets = targets_for(target, scores)
        reached = [float(scores[n, t]) for n, t in enumerate(targets)]
        return cls(net, rules, layer, targets, reached, chunk, tape.shapes)

    def gradient(self, x: Array, targets: list[int]) -> Array:
        """Of the scores of these classes, one for each input.

        By the rules, that is: with other rules than ``GRADIENT`` it is what they make
        of it.
        """

        def of(part: slice) -> Array:
            tape, layer, _ = scores_of(self.net, x[part], self.rules)
            signal = seed_signal(tape[layer], targets[part])
            return tape.project(signal, start=layer, rules=self.rules)

        return joined(in_halves(x, of))

    def all_at(self, x: Array) -> Array:
        """The scores of all classes at each input, ``(B, classes)``."""
        return joined(_scores(self.net, x))

    def chunks(self, count: int) -> Iterator[slice]:
        """``count`` inputs, as many at a time as fit."""
        for first in range(0, count, self.chunk):
            yield slice(first, min(first + self.chunk, count))


def _scores(net: Graph, x: Array, rules: Rules = GRADIENT) -> list[Array]:
    return in_halves(x, lambda part: scores_of(net, x[part], rules)[2])


def summing(x: Array) -> Array:
    """Zeros of the shape of ``x``, in the dtype in which sums are formed."""
    return np.zeros_like(x, dtype=accumulator(x.dtype))
