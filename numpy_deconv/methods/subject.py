"""What a method looks into: a bare net, or a model that also knows about pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array, as_array, is_float, to_numpy
from ..errors import DTypeError, NetError, OptionError, ShapeError
from ..functional.options import whole
from ..layers import LogSoftmax, Softmax
from ..net import Graph, Tape
from ..registry import current
from ..rules import Rules
from ..version import __version__

if TYPE_CHECKING:
    from ..models.preprocess import Preprocess

Net = "Graph | Model"
Targets = int | Sequence[int] | None


def net_of(subject: Any) -> Graph:
    """The graph itself, of a graph or of a model."""
    net = getattr(subject, "net", subject)
    if not isinstance(net, Graph):
        raise NetError(
            f"expected a net or a model, got {type(subject).__name__}: "
            "numpy_deconv.load_model gives one"
        )
    return net


def preprocess_of(subject: Any) -> Preprocess | None:
    """How a model sees pictures; None for a bare net."""
    return getattr(subject, "preprocess", None)


def label_of(subject: Any, index: int) -> str:
    """A class's name, or ``"class 7"``."""
    if hasattr(subject, "label"):
        return str(subject.label(index))
    return f"class {index}"


def batch_of(x: Any) -> Array:
    """``x`` as a floating-point batch; raises if it is a picture instead."""
    batch = as_array(x, "x")
    if not is_float(batch.dtype):
        raise DTypeError(
            f"x is {batch.dtype}, but a net takes float32: a picture goes through "
            "model.preprocess first"
        )
    if batch.ndim < 2:
        raise ShapeError(f"x has shape {batch.shape}: expected a batch (N, C, *size)")
    return batch


def score_layer(net: Graph) -> str:
    """The layer with the class scores: the last one, before a softmax if there is one.

    Simonyan et al. 2013, section 3: the unnormalised score is what is differentiated,
    since a softmax also rises by making the other classes less likely.
    """
    node = net.nodes[net.output]
    if not isinstance(node.layer, Softmax | LogSoftmax):
        return net.output
    (source,) = node.inputs
    return source


def scores_of(net: Graph, x: Array) -> tuple[Tape, str, Array]:
    """A run of the net, the score layer, and the scores ``(N, classes)``."""
    layer = score_layer(net)
    tape = net.run(x, until=layer)
    scores = tape[layer]
    if scores.ndim > 2:
        scores = scores.sum(axis=tuple(range(2, scores.ndim)))
    if not bool(np.isfinite(scores).all()):
        raise NetError(
            f"the scores at {layer!r} are not finite: look for NaN or infinite values "
            "in the input or the weights"
        )
    return tape, layer, scores


def targets_for(target: Targets, scores: Array) -> list[int]:
    """One class per sample: as given, or each sample's best."""
    batch, classes = scores.shape
    if target is None:
        return [int(i) for i in to_numpy(scores.argmax(axis=1))]
    given = list(target) if isinstance(target, Sequence) else [target]
    given = [whole(t, "target") for t in given]
    if len(given) == 1:
        given *= batch
    if len(given) != batch:
        raise ShapeError(
            f"{len(given)} targets for a batch of {batch}: give one, or each"
        )
    for index in given:
        if not 0 <= index < classes:
            raise OptionError(
                f"class {index} does not exist: the net has classes 0 to {classes - 1}"
            )
    return given


def seed_signal(activation: Array, targets: Sequence[int]) -> Array:
    """1 at each sample's target channel, 0 elsewhere: the gradient of its score."""
    signal = np.zeros_like(activation)
    for sample, index in enumerate(targets):
        signal[sample, index] = 1
    return signal


def settings_of(
    method: str, net: Graph, x: Array, rules: Rules | None = None, **options: Any
) -> dict[str, Any]:
    """What a result says about how it was made."""
    settings: dict[str, Any] = {
        "method": method,
        **options,
        "backend": current(x).name,
        "dtype": str(x.dtype),
        "numpy_deconv": __version__,
        "numpy": np.__version__,
    }
    if rules is not None:
        settings["rules"] = rules.name
        present = {type(node.layer).__name__ for node in net.nodes.values()}
        for kind, rule in rules.settings().items():
            if kind in present:
                settings[f"rule.{kind}"] = rule
    return settings
