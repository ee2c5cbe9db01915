"""What one batch teaches: the loss, and its gradient in every weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..arrays import Array
from ..errors import NetError
from ..functional import cross_entropy, log_softmax, softmax
from ..methods.subject import score_layer
from ..net import Graph
from ..registry import beside


@dataclass(frozen=True, eq=False)
class Lesson:
    """Of one batch: its mean ``loss``, how many samples were ``correct``, gradients.

    ``grads`` are by ``"layer.field"``, and the input's is ``"input"`` if it was asked
    for; ``statistics`` new values of the fields that follow the batches, such as a
    batch norm's.
    """

    loss: float
    correct: int
    grads: Mapping[str, Array]
    statistics: Mapping[str, Array]


def lesson(
    net: Graph,
    x: Array,
    labels: Array,
    *,
    key: tuple[int, ...] = (0,),
    smoothing: float = 0.0,
    inputs: bool = False,
) -> Lesson:
    """Run a net forwards in training mode on ``x (N, C, *size)``, and back.

    ``labels (N,)`` are whole numbers. The loss is the cross-entropy of the scores
    before any softmax; with label ``smoothing`` s it is ``1 - s`` times that plus s
    times the mean over all classes (Szegedy et al. 2016, section 7). ``key`` decides
    what dropout drops. Nothing is changed.

    Raises NetError for a loss that is not finite, and what the net raises.
    """
    layer = score_layer(net)
    tape = net.in_training(*key).run(x, until=layer, keep=(), learn=True)
    scores = tape.output
    loss = float(cross_entropy(scores, labels))
    labels = beside(labels, scores)
    target = np.full_like(scores, smoothing / scores.shape[1])
    target[np.asarray(np.arange(len(labels)), like=scores), labels] += 1 - smoothing
    if smoothing:
        loss = float(-(log_softmax(scores) * target).sum() / len(scores))
    if not np.isfinite(loss):
        raise NetError(
            f"the loss is {loss}: the training diverged, or there is NaN in the input; "
            "begin again with a lower learning rate"
        )
    signal = (softmax(scores) - target) / scores.dtype.type(len(scores))
    statistics = {
        f"{name}.{field}": value
        for name, saved in tape.saved.items()
        for field, value in net[name].statistics(saved).items()
    }
    return Lesson(
        loss,
        int((scores.argmax(axis=1) == labels).sum()),
        tape.param_grads(signal, inputs=inputs),
        statistics,
    )
