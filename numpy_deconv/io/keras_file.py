"""Keras's ``.h5``, ``.weights.h5`` and ``.keras`` files, read without Keras.

Names become ``layer.parameter`` with Keras's own words for both, in the order of the
layers where the file tells it: ``first.kernel``, ``batch_normalization.gamma``. Only
names and arrays are read; what a configuration says to import or call is text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from io import BufferedIOBase, BufferedReader
from typing import Any

from numpy.typing import NDArray

from ..errors import FileFormatError
from .atomic import PathLike
from .hdf5_file import Dataset, Group, open_hdf5
from .pickle_globals import Refused
from .regular_file import open_regular_file
from .stored_zip import SIGNATURE, StoredZip
from .weight_file import WeightFile

WEIGHTS = "model.weights.h5"
CONFIG = "config.json"

# What compiled models keep beside their weights.
_NO_WEIGHTS = ("optimizer", "optimizer_weights", "metrics", "loss_tracker")
_MAX_CONFIG_BYTES = 64 * 2**20
# Deflated zeros are a thousand times smaller; in small files that is allowed.
_MAX_EXPANSION = 64
_FREE_BYTES = 64 * 2**20


def read_keras_file(path: PathLike) -> WeightFile:
    """Every weight as ``layer.parameter``; layout ``"keras"``.

    Arrays lie as Keras keeps them: kernels (height, width, in, out), depthwise ones
    (height, width, in, multiplier), dense ones (in, out). bfloat16 comes back as
    float32, exactly; an optimiser's state is left out.

    Raises :class:`FileFormatError` if the file is damaged, links to other files, packs
    its arrays in an exotic way, or holds no weights.

    Example::

        weights = read_keras_file("vgg16.weights.h5").arrays
        weights["block1_conv1.kernel"].shape  # (3, 3, 3, 64)
    """
    file, size = open_regular_file(path)
    with file:
        try:
            start = file.read(len(SIGNATURE))
            file.seek(0)
            if start == SIGNATURE:
                return _read_zip(file, size)
            return _read_hdf5(file, size, [])
        except (Refused, EOFError, OSError) as error:
            raise FileFormatError(f"{path} {error}") from error


def _read_zip(file: BufferedReader, size: int) -> WeightFile:
    records = StoredZip(file, size, "Keras")
    for name in records.names:
        # Nothing is ever unpacked to disk; a file with such names is no honest one.
        if name.startswith("/") or "\\" in name or ".." in name.split("/"):
            raise Refused(f"is hostile: a member is called {ascii(name)[:80]}")
    if WEIGHTS not in records or CONFIG not in records:
        raise Refused(f"is a zip file, but Keras did not write it: no {WEIGHTS}")
    if records.size(CONFIG) > _MAX_CONFIG_BYTES:
        raise Refused(f"has a {CONFIG} of {records.size(CONFIG)} bytes")
    try:
        config = json.loads(records.read(CONFIG).tobytes())
    except (ValueError, RecursionError) as error:
        raise Refused(f"has a {CONFIG} that is not valid JSON: {error}") from error
    records.check(WEIGHTS)
    length = records.size(WEIGHTS)
    part = _Part(file, records.start(WEIGHTS), length)
    return _read_hdf5(part, length, _layer_names(config))


class _Part(BufferedIOBase):
    """A stretch of a file as a file of its own."""

    def __init__(self, file: BufferedReader, start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size = file, start, size

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(self._start + offset) - self._start

    def read(self, size: int | None = -1) -> bytes:
        return self._file.read(size)

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)


def _layer_names(config: object) -> list[str]:
    """The names of all layers in a model's configuration, inner models' in place."""
    names: list[str] = []
    pending = [config]
    while pending:
        entry = pending.pop()
        inner = entry.get("config") if isinstance(entry, dict) else None
        if isinstance(inner, dict):
            layers = inner.get("layers")
            if isinstance(layers, list):
                pending += reversed(layers)
            elif isinstance(name := inner.get("name"), str):
                names.append(name)
    return names


def _read_hdf5(file: BufferedIOBase, size: int, order: list[str]) -> WeightFile:
    root = open_hdf5(file, size)
    whole = "model_weights" in root
    model = root["model_weights"] if whole else root
    if not isinstance(model, Group):
        raise Refused("is damaged: its model_weights are no group")
    listed = _joined_texts(model, "layer_names")
    found = _by_layer(model, listed) if listed else _by_variables(model, order)
    arrays: dict[str, NDArray[Any]] = {}
    left_out = [name for name in root if name in _NO_WEIGHTS]
    volume = 0
    for name, dataset in found:
        if name in arrays:
            raise Refused(f"is damaged: it has two arrays called {ascii(name)[:80]}")
        volume += dataset.stored_bytes
        if volume > _MAX_EXPANSION * size + _FREE_BYTES:
            raise Refused(f"would expand its {size} bytes to more than {volume}")
        # Random generators keep their seeds where weights are.
        if dataset.element.code[:1] in ("f", "b") or not dataset.element.code:
            arrays[name] = dataset.read()
        else:
            left_out.append(name)
    if not arrays:
        members = ", ".join(ascii(name)[:40] for name in list(root)[:8])
        raise Refused(
            "is an HDF5 file without layers as Keras saves them; it has: "
            f"{members or 'nothing'}"
        )
    return WeightFile(arrays, "keras", tuple(left_out))


def _joined_texts(group: Group, name: str) -> list[str]:
    """An attribute's texts; HDF5 holds long lists in pieces called name0, name1, ..."""
    if name in group.texts:
        return group.texts[name]
    pieces: list[str] = []
    number = 0
    while (piece := group.texts.get(f"{name}{number}")) is not None:
        pieces += piece
        number += 1
    return pieces


def _by_layer(model: Group, layers: Iterable[str]) -> Iterator[tuple[str, Dataset]]:
    """The older format: groups by layer, which list their weights' names."""
    for layer in layers:
        group = model[layer]
        if not isinstance(group, Group):
            raise Refused(f"is damaged: layer {ascii(layer)[:80]} is no group")
        for weight in _joined_texts(group, "weight_names"):
            dataset = group[weight]
            if not isinstance(dataset, Dataset):
                raise Refused(f"is damaged: {ascii(weight)[:80]} is no array")
            where, _, parameter = re.sub(r":\d+$", "", weight).rpartition("/")
            # A model that was loaded and saved again counts its layers once more.
            first, _, inside = where.partition("/")
            if not re.fullmatch(rf"{re.escape(layer)}(_\d+)?", first):
                inside = where
            # In an inner model the layer's own name comes last.
            name = layer if inside.rpartition("/")[2] in ("", layer) else inside
            yield f"{name}.{parameter}", dataset


def _by_variables(model: Group, order: list[str]) -> Iterator[tuple[str, Dataset]]:
    """The newer format: ``layers/conv2d_1/vars/0``, at any depth."""
    places = {name: place for place, name in enumerate(order)}
    holders = sorted(
        _holders(model, "", depth=0),
        key=lambda found: (places.get(found[0], len(places)), _counted(found[1])),
    )
    for name, _, holder in holders:
        datasets = [holder[key] for key in sorted(holder, key=_counted)]
        kept = [dataset for dataset in datasets if isinstance(dataset, Dataset)]
        words = _parameter_names([dataset.shape for dataset in kept])
        for word, dataset in zip(words, kept, strict=True):
            yield f"{name}.{word}", dataset


def _holders(group: Group, path: str, depth: int) -> Iterator[tuple[str, str, Group]]:
    for name in group:
        if depth == 0 and name in _NO_WEIGHTS:
            continue
        member = group[name]
        if not isinstance(member, Group):
            continue
        if name == "vars":
            called = member.texts.get("name") or [path.rpartition("/")[2]]
            yield called[0], path, member
        else:
            yield from _holders(member, f"{path}/{name}", depth + 1)


def _counted(name: str) -> list[tuple[str, int]]:
    """A sorting key that puts conv2d_10 after conv2d_9."""
    return [
        (word, int(number or -1))
        for word, number in re.findall(r"(\D*)(\d{0,18})", name)
    ]


def _parameter_names(shapes: list[tuple[int, ...]]) -> list[str]:
    """Keras's words for a layer's variables, which newer files only number."""
    ranks = [len(shape) for shape in shapes]
    if ranks == [1] * 4 and len(set(shapes)) == 1:
        return ["gamma", "beta", "moving_mean", "moving_variance"]
    if ranks and ranks[0] > 1 and ranks[1:] in ([], [1]):
        return ["kernel", "bias"][: len(ranks)]
    if ranks in ([4, 4], [4, 4, 1]):
        return ["depthwise_kernel", "pointwise_kernel", "bias"][: len(ranks)]
    return [str(number) for number in range(len(ranks))]
