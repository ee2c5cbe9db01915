"""From a name, a file or arrays to a `Model`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import as_array
from ..errors import FileFormatError, OptionError
from ..io.weights import find_non_finite, read_weights
from .catalogue import ARCHITECTURES, find_architecture, identify
from .fit import IGNORED, grouped
from .labels import imagenet_labels, read_labels
from .model import Model
from .preprocess import Preprocess
from .shipped import SHIPPED, find_shipped

Labels = Sequence[str] | str | PathLike[str]

REPLICATED = "module."
"""What PyTorch's DataParallel puts before every key."""

MOST_DIGITS = 40
"""Of a seed, enough for 128 bits; Python reads no number of more than 4300 digits."""


def load_model(
    source: str | PathLike[str] = "emoji_zfnet",
    *,
    architecture: str | None = None,
    labels: Labels | None = None,
    preprocess: Preprocess | None = None,
) -> Model:
    """The model that a name or a file of weights stands for.

    ``source`` is a name whose trained weights ship (``"emoji_zfnet"``,
    ``"efficientnet_lite0"``), any architecture's name with random weights
    (``"vgg16:random"``, or ``"vgg16:random:7"`` for seed 7), or a file of weights,
    whose architecture is recognised by keys and shapes unless ``architecture`` names
    it. ``labels`` are the class names, or a text file with one a line; by default
    ImageNet's where there are 1000 classes. ``preprocess`` replaces the architecture's
    own.

    Raises:
        OptionError: for an unknown name, weights that do not ship, or labels that are
            not as many as the classes.
        FileFormatError: for a file that cannot be read, does not fit, or holds numbers
            that are not finite.

    Example::

        model = load_model("alexnet.pth")
        tape = model.net.run(model.preprocess("cat.jpg"))
    """
    text = fspath(source)
    name, _, variant = text.partition(":")
    if isinstance(source, str) and name in ARCHITECTURES:
        if architecture not in (None, name):
            raise OptionError(f"{text!r} is {name}, not {architecture}: leave one out")
        if variant:
            return _random(name, variant, labels, preprocess)
        shipped = find_shipped(name)
        path = shipped.weights()
        # Not the path, which says more about this machine than about the weights.
        origin = f"shipped: {path.name}"
        labels = shipped.labels() if labels is None else labels
        architecture = name
    else:
        path = Path(source)
        if not path.exists():
            raise OptionError(_unknown(text))
        if path.is_dir():
            raise FileFormatError(f"{text!r} is a folder; name a file of weights in it")
        origin = text
    weights = _immutable(read_weights(path))
    try:
        return model_from_weights(
            weights,
            architecture=architecture,
            labels=labels,
            preprocess=preprocess,
            weights_source=origin,
        )
    except FileFormatError as error:
        raise FileFormatError(f"{path}: {error}") from error


def model_from_weights(
    weights: Mapping[str, Any],
    *,
    architecture: str | None = None,
    labels: Labels | None = None,
    preprocess: Preprocess | None = None,
    weights_source: str = "arrays",
) -> Model:
    """The model of arrays by state-dict key, such as a torch module's `state_dict()`.

    Weights of any floating type become float32; float32 ones are not copied, and may be
    changed in place later. The other arguments and the errors are those of
    :func:`load_model`.
    """
    plain = {
        key.removeprefix(REPLICATED): _float32(key, value)
        for key, value in weights.items()
        if key.rpartition(".")[2] != IGNORED
    }
    known = find_architecture(architecture) if architecture else identify(plain)
    net = known.build(plain)
    if bad := find_non_finite(plain):
        raise FileFormatError(
            f"NaN or infinity in {grouped(bad)}: the training that made these weights "
            "diverged, take earlier ones"
        )
    classes = plain[f"{known.classifier.key}.weight"].shape[0]
    return Model(
        net=net,
        preprocess=preprocess or known.preprocess,
        labels=_labels(labels, classes, trained=True),
        name=known.name,
        weights_source=weights_source,
    )


def _immutable(weights: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same arrays, ours alone, made read-only down to the memory they are views of.

    A backend may then prepare them once, without looking for changes at every call.
    """
    for value in weights.values():
        array = value
        while isinstance(array, np.ndarray):
            array.flags.writeable = False
            array = array.base
    return weights


def _float32(key: str, value: Any) -> Any:
    array = as_array(value, key)
    if array.dtype.kind in "iub":
        raise FileFormatError(
            f"{key} holds {array.dtype}: give the floating-point weights from before "
            "they were quantised"
        )
    with np.errstate(over="ignore"):  # an infinity is reported with its layer
        return array.astype(np.float32, copy=False)


def _random(
    name: str, variant: str, labels: Labels | None, preprocess: Preprocess | None
) -> Model:
    word, _, seed = variant.partition(":")
    if word != "random" or not (seed or "0").isdecimal():
        raise OptionError(
            f"{name}:{variant} is no model: write {name}:random, or {name}:random:7 "
            "for seed 7"
        )
    if len(seed) > MOST_DIGITS:
        raise OptionError(
            f"{name}:random:{seed[:6]}... has a seed of {len(seed)} digits: write one "
            f"of at most {MOST_DIGITS}"
        )
    known = ARCHITECTURES[name]
    return Model(
        net=known.build(_immutable(known.random_weights(int(seed or 0)))),
        preprocess=preprocess or known.preprocess,
        labels=_labels(labels, known.classes, trained=False),
        name=name,
        weights_source=f"random, seed {int(seed or 0)}",
    )


def _labels(labels: Labels | None, classes: int, *, trained: bool) -> tuple[str, ...]:
    if labels is None:
        # Random weights mean nothing by class 281, so it is not called a cat.
        known = imagenet_labels()
        return known if trained and classes == len(known) else ()
    names = read_labels(labels) if isinstance(labels, str | PathLike) else tuple(labels)
    if len(names) != classes:
        raise OptionError(
            f"{len(names)} labels were given, but the model has {classes} classes"
        )
    return names


def _unknown(text: str) -> str:
    near = difflib.get_close_matches(text, ARCHITECTURES, n=1)
    hint = f": did you mean {near[0]!r}?" if near else ""
    return (
        f"{text!r} is neither a file nor a model's name{hint} "
        f"(trained: {', '.join(SHIPPED)}; "
        f"with :random after it: {', '.join(ARCHITECTURES)})"
    )
