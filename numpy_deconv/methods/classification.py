"""Top-k classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import OptionError
from ..functional import softmax
from ..net.memory import in_halves, joined
from .drawing import network_picture
from .result import Result
from .subject import batch_of, label_of, net_of, preprocess_of, scores_of, settings_of


@dataclass(frozen=True, slots=True)
class Guess:
    """One class the net proposes, and how probable it finds it."""

    label: str
    index: int
    probability: float


@dataclass(frozen=True, eq=False)
class Classification(Result):
    """``pixels`` are probabilities ``(N, classes)``, ``top`` the best per sample."""

    top: list[list[Guess]]
    x: Array
    subject: Any

    def drawn(self) -> np.ndarray[Any, Any]:
        """The first sample, as the net saw it."""
        return network_picture(self.x[:1], preprocess_of(self.subject))


def classify(net: Any, x: Any, top: int = 5) -> Classification:
    """The ``top`` most probable classes of each sample of ``x (N, C, H, W)``.

    ``net`` is a Graph, or a Model, whose labels name the classes. Raises OptionError
    for a ``top`` below 1, NetError for scores that are not finite.
    """
    if top < 1:
        raise OptionError(f"top must be at least 1, got {top}")
    graph, batch = net_of(net), batch_of(x)

    def of(part: slice) -> Array:
        return to_numpy(softmax(scores_of(graph, batch[part])[2]))

    probabilities = joined(in_halves(batch, of))
    return Classification(
        probabilities,
        settings_of("classify", graph, batch, top=top),
        [guesses(net, row, top) for row in probabilities],
        batch,
        net,
    )


def guesses(net: Any, probabilities: np.ndarray[Any, Any], top: int) -> list[Guess]:
    """The most probable classes of one sample, best first."""
    order = np.argsort(-probabilities, kind="stable")[:top]
    return [
        Guess(label_of(net, int(i)), int(i), float(probabilities[i])) for i in order
    ]
