"""What a method looks into: a bare net, or a model that also knows about pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array, as_array, is_float, to_numpy
from ..errors import DTypeError, NetError, OptionError, ShapeError
from ..functional.options import whole
from ..layers import (
    BatchNorm,
    Clip,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    Softmax,
)
from ..net import Graph, Tape
from ..net.memory import free_memory, too_large
from ..per_axis import is_several
from ..registry import current
from ..rules import GRADIENT, Rules
from ..version import __version__

if TYPE_CHECKING:
    from ..models.preprocess import Preprocess

Net = "Graph | Model"
Targets = int | Sequence[int] | None
RECTIFIERS = (ReLU, LeakyReLU, PReLU, Clip)
BATCH = 16  # samples run at a time: more of them gain nothing more


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


def rectified(net: Graph, conv: str) -> str:
    """The layer in which a convolution's maps are seen: its rectifier, if it has one.

    Zeiler & Fergus call "layer 1" what comes out of convolution and ReLU together.
    """
    name = conv
    for later, node in net.nodes.items():
        if node.inputs == (name,) and isinstance(node.layer, BatchNorm):
            name = later
        elif node.inputs == (name,) and isinstance(node.layer, RECTIFIERS):
            return later
    return conv


def scores_of(
    net: Graph, x: Array, rules: Rules = GRADIENT, keep: Sequence[str] = ()
) -> tuple[Tape, str, Array]:
    """A run of the net to project from by these rules, the score layer, and the
    scores ``(N, classes)``; the activations named in ``keep`` stay on the tape."""
    layer = score_layer(net)
    lean = kept_for(rules, net) is not None
    tape = net.run(x, until=layer, keep=keep if lean else None)
    scores = tape[layer]
    if scores.ndim > 2:
        scores = scores.sum(axis=tuple(range(2, scores.ndim)))
    if not bool(np.isfinite(scores).all()):
        raise NetError(
            f"the scores at {layer!r} are not finite: look for NaN or infinite values "
            "in the input or the weights"
        )
    return tape, layer, scores


def kept_for(rules: Rules, net: Graph) -> tuple[()] | None:
    """``keep`` of a run for projections by these rules: lean if they allow it."""
    return () if rules.local_in(node.layer for node in net.nodes.values()) else None


def runs(
    net: Graph, x: Array, layer: str, rules: Rules, memory: int
) -> Iterator[tuple[int, Tape]]:
    """Runs up to ``layer`` to project from, and the number of each one's first sample.

    Several samples at a time if that many fit into ``memory``; one at a time for rules
    that need whole planes anyway.
    """
    keep = kept_for(rules, net)
    first, step = 0, 1
    while first < len(x):
        some = x[first : first + step]
        try:
            tape = net.run(some, until=layer, keep=keep)
        except MemoryError as error:
            if step == 1:
                what = f"a single sample of shape {x.shape[1:]}"
                raise too_large(what, error) from error
            step //= 2
            memory = 0  # what was said to be there is not
            free_memory(x)
            continue
        yield first, tape
        first += len(some)
        if step == 1 and keep is not None and memory:
            step = fitting(tape, memory)


def fitting(tape: Tape, memory: int) -> int:
    """How many samples may be run at a time, by what the run of one has shown."""
    sizes = (math.prod(shape[1:]) for shape in tape.shapes.values())
    each = 2 * sum(sizes) * tape.output.itemsize  # values, and what they save of them
    return max(1, min(BATCH, memory // max(1, each)))


def place_of(
    unit: int | Sequence[int], layer: str, shape: tuple[int, ...]
) -> tuple[int, ...]:
    """``(map, *position)`` as whole numbers, inside of a layer ``(C, *size)``."""
    given: Any = unit if is_several(unit) else (unit,)
    place = tuple(whole(p, "unit") for p in given)
    inside = len(place) == len(shape) and all(
        0 <= p < length for p, length in zip(place, shape, strict=True)
    )
    if not inside:
        raise NetError(
            f"{layer!r} has no unit {place}: a unit is (map, *position), and the layer "
            f"has shape {shape}, counted from 0"
        )
    return place


def targets_for(target: Targets, scores: Array) -> list[int]:
    """One class per sample: as given, or each sample's best."""
    batch, classes = scores.shape
    given = each_of(target, batch)
    if given is None:
        return [int(i) for i in to_numpy(scores.argmax(axis=1))]
    for index in given:
        if not 0 <= index < classes:
            raise OptionError(
                f"class {index} does not exist: the net has classes 0 to {classes - 1}"
            )
    return given


def each_of(target: Targets, batch: int) -> list[int] | None:
    """What was asked for of each sample; None where it is each one's best."""
    if target is None:
        return None
    given = list(target) if isinstance(target, Sequence) else [target]
    given = [whole(t, "target") for t in given]
    if len(given) == 1:
        given *= batch
    if len(given) != batch:
        raise ShapeError(
            f"{len(given)} targets for a batch of {batch}: give one, or each"
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
