"""From a name, a file or arrays to a `Model`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import as_array
from ..errors import FileFormatError, OptionError
from ..io.elsewhere import other_door
from ..io.weight_file import Layout
from ..io.weights import find_non_finite, read_weight_file
from .catalogue import ARCHITECTURES, find_architecture
from .fit import IGNORED, grouped
from .labels import imagenet_labels, read_labels
from .mapping import BY_NAME, map_weights
from .model import Model
from .pixels import PIXELS
from .preprocess import Preprocess
from .shipped import SHIPPED, find_shipped

Labels = Sequence[str] | str | PathLike[str]

RANDOM = "random"

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
    whose architecture is recognised by its keys unless ``architecture`` names it, or
    the text itself does (``"vgg16:cats.h5"``): then other keys are matched by shape
    and order. After a file may stand how its pixels are prepared, if not as the
    architecture says (``"vgg16:cats.h5:caffe"``, as Keras's own; see
    :data:`numpy_deconv.models.pixels.PIXELS`). ``labels`` are the class names, or a
    text file with one a line; by default ImageNet's where there are 1000 classes.
    ``preprocess`` replaces the architecture's own.

    Files of PyTorch (``.pt``, ``.pth``), Paddle (``.pdparams``), Keras (``.h5``,
    ``.keras``), ``.safetensors`` and ``.npz`` are read without their frameworks, and
    nothing that is pickled in them is run. Paddle's and Keras's arrays are turned to
    the architecture's layout. TensorFlow's own files come in through ONNX.
    An ``.onnx`` file is a net by itself; after it may stand how pictures are prepared,
    and the size of the input: ``"net.onnx:caffe"``, ``"net.onnx:unit:299"`` (see
    :data:`numpy_deconv.models.pixels.PIXELS`). What nobody says is assumed and told in
    ``model.assumed``.

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
        path, pixels = _file_and_pixels(variant)
        if variant and not variant.startswith(RANDOM) and path.exists():
            return _from_file(path, pixels, variant, name, labels, preprocess)
        if variant:
            return _random(name, variant, labels, preprocess)
        shipped = find_shipped(name)
        path, pixels = shipped.weights(), None
        # Not the path, which says more about this machine than about the weights.
        origin = f"shipped: {path.name}"
        labels = shipped.labels() if labels is None else labels
        architecture = name
    else:
        if ".onnx" in text.lower():
            from .onnx_model import load_onnx, onnx_source  # much code for other files

            found = onnx_source(text)
            if found is not None and found.path.exists():
                named = partial(_named_classes, labels)
                return load_onnx(found, named, preprocess)
        path, pixels = _file_and_pixels(text)
        if not path.exists() and other_door(path) is None:
            raise OptionError(_unknown(text))
        origin = text
    return _from_file(path, pixels, origin, architecture, labels, preprocess)


def _file_and_pixels(text: str) -> tuple[Path, str | None]:
    """``"vgg16.h5:caffe"`` as a path and the name of a way to prepare pixels."""
    file, _, word = text.rpartition(":")
    if word in PIXELS and not Path(text).exists() and Path(file).exists():
        return Path(file), word
    return Path(text), None


def _from_file(
    path: Path,
    pixels: str | None,
    origin: str,
    architecture: str | None,
    labels: Labels | None,
    preprocess: Preprocess | None,
) -> Model:
    file = read_weight_file(path)
    try:
        model = model_from_weights(
            _immutable(file.arrays),
            layout=file.layout,
            architecture=architecture,
            labels=labels,
            preprocess=preprocess,
            weights_source=origin,
        )
    except FileFormatError as error:
        raise FileFormatError(f"{path}: {error}") from error
    if pixels is None or preprocess is not None:
        return model
    # The geometry stays the architecture's.
    prepared = replace(model.preprocess, **PIXELS[pixels])
    return replace(model, preprocess=prepared)


def model_from_weights(
    weights: Mapping[str, Any],
    *,
    layout: Layout = "torch",
    architecture: str | None = None,
    labels: Labels | None = None,
    preprocess: Preprocess | None = None,
    weights_source: str = "arrays",
) -> Model:
    """The model of arrays by state-dict key, such as a torch module's `state_dict()`.

    ``layout`` says whose habits their shapes follow
    (:data:`~numpy_deconv.io.weight_file.Layout`); names that are nobody's are matched
    by shape and order (:func:`~numpy_deconv.models.mapping.map_weights`), which the
    model's ``weights_source`` then says. Weights of any floating type become float32;
    float32 ones in torch's layout are not copied, and may be changed in place later.
    The other arguments and the errors are those of :func:`load_model`.
    """
    given = {
        key: _float32(key, value)
        for key, value in weights.items()
        if key.rpartition(".")[2] != IGNORED
    }
    named = find_architecture(architecture) if architecture else None
    mapped = map_weights(given, layout=layout, architecture=named)
    known, plain = mapped.architecture, mapped.weights
    net = known.build(plain)
    if mapped.how != BY_NAME:
        weights_source = f"{weights_source} (matched {mapped.how})"
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
    if word != RANDOM or not (seed or "0").isdecimal():
        raise OptionError(
            f"{name}:{variant} is no model, and there is no file {variant!r}: write "
            f"{name}:random, or {name}:random:7 for seed 7, or {name}:FILE for a file "
            "of its weights"
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


def _named_classes(
    labels: Labels | None, classes: int, saved: tuple[str, ...] | None
) -> tuple[str, ...]:
    """Labels as given, as a file names them, or ImageNet's by their number."""
    if labels is None and saved is not None and len(saved) in (0, classes):
        return saved
    known = imagenet_labels()
    if labels is None and classes == len(known) + 1:  # TensorFlow's nets count it
        return ("background", *known)
    return _labels(labels, classes, trained=True)


def _unknown(text: str) -> str:
    near = difflib.get_close_matches(text, ARCHITECTURES, n=1)
    hint = f": did you mean {near[0]!r}?" if near else ""
    return (
        f"{text!r} is neither a file nor a model's name{hint} "
        f"(trained: {', '.join(SHIPPED)}; "
        f"with :random after it: {', '.join(ARCHITECTURES)})"
    )
