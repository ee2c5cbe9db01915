"""Layer-wise relevance propagation: the score itself, handed down to the pixels.

Bach et al. 2015. Every layer hands on as much relevance as it was given, up to what
biases and stabilisers keep, so the pixels add up to the score but for a residual. The
rules are those of ``rules_relevance``, one for each type of layer, and their published
combinations those of ``rules_composites``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import OptionError
from ..net.memory import in_halves, joined, memory_limit
from ..rules import Rules
from ..rules_composites import COMPOSITES, Composite
from .heat import Signed
from .merging import merged_norms
from .result import Progress
from .score import Score
from .subject import (
    Targets,
    batch_of,
    net_of,
    preprocess_of,
    scores_of,
    seed_signal,
    settings_of,
)

WORKING = 4  # times what a run keeps is what the rules of its largest layer take


@dataclass(frozen=True, eq=False)
class Relevance(Signed):
    """``pixels (N, C, *size)``; ``residual`` is the score less their sum."""

    residual: list[float]


def lrp(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    composite: str | Composite | Rules = "epsilon_plus_flat",
    low: Any = None,
    high: Any = None,
    memory: int | None = None,
    progress: Progress | None = None,
) -> Relevance:
    """How much of the score of ``target`` came from each input, ``(N, C, *size)``.

    ``composite`` is a name of ``rules_composites.COMPOSITES``, a :class:`Composite` of
    rules, or rules for each type of layer as they are. Batch norms are merged into the
    convolutions before them first. ``low`` and ``high`` bound the inputs for a z-box; a
    model knows its own. Raises RuleError at a layer for which no rule was published.
    When interrupted, the samples that were finished are returned.

    >>> from numpy_deconv import Sequential
    >>> from numpy_deconv.layers import Linear
    >>> net = Sequential({"sum": Linear(np.array([[3.0, -1.0]]))})
    >>> lrp(net, np.array([[1.0, 2.0]]), composite="lrp_0").pixels
    array([[ 3., -2.]])
    """
    batch = batch_of(x)
    graph, merged = merged_norms(net_of(net))
    preprocess = preprocess_of(net)
    if preprocess is not None:
        lowest, highest = preprocess.bounds
        low = lowest if low is None else low
        high = highest if high is None else high
    rules = composite
    if isinstance(rules, str):
        if rules not in COMPOSITES:
            raise OptionError(
                f"composite={composite!r} is not known: use one of {list(COMPOSITES)}"
            )
        rules = COMPOSITES[rules]
    if isinstance(rules, Composite):
        rules = rules.rules(graph, low, high)
    limit = -(-memory_limit(memory, batch) // WORKING)
    score = Score.of(graph, batch, target, memory=limit)
    pixels, done = np.empty_like(batch), 0
    interrupted: dict[str, Any] = {}
    try:
        for part in score.chunks(len(batch)):
            wanted = score.targets[part]
            pixels[part] = _handed_down(score, batch[part], wanted, rules)
            done = part.stop
            if progress is not None:
                progress(done, len(batch))
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = {"interrupted_at": done}
    sums = pixels[:done].reshape(done, -1).sum(axis=1, dtype=np.float64).tolist()
    residual = [s - r for s, r in zip(score.reached, sums, strict=False)]
    settings = settings_of(
        "lrp",
        graph,
        batch,
        rules,
        layer=score.layer,
        target=score.targets[:done],
        start="score",
        merged=merged,
        residual=residual,
        **interrupted,
    )
    settings |= {
        f"rule.{name}": rules[layer].name
        for name, layer in ((n, graph[n]) for n in graph)
        if layer in rules
    }
    found, reached = score.targets[:done], score.reached[:done]
    return Relevance(pixels[:done], settings, found, reached, net, residual)


def _handed_down(score: Score, x: Array, targets: list[int], rules: Rules) -> Array:
    def of(part: slice) -> Array:
        tape, top, _ = scores_of(score.net, x[part], rules)
        relevance = seed_signal(tape[top], targets[part]) * tape[top]
        return tape.project(relevance, start=top, rules=rules)

    return joined(in_halves(x, of))
