"""What is in a file of weights: its layers, what they see and cost, what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import is_float
from ..errors import FileFormatError, OptionError
from ..io.weight_file import WeightFile
from ..io.weights import is_weight_file, read_weight_file
from ..net import Field, fields
from .catalogue import ARCHITECTURES
from .load import load_model, model_from_weights
from .model import Model

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class LayerReport:
    """A node of a net: ``shape`` of its output for one picture, without the batch.

    ``field`` is None where its units see the whole picture.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    field: Field | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """``str()`` of it is the whole report.

    ``arrays`` are those of a file of weights, by name. ``model`` is None where they
    make no known network, or one that takes no pictures; ``problem`` then says why.
    ``left_out`` is what a checkpoint holds beside its weights, ``operators`` are those
    of an ONNX file that is no model, and how often each is there.
    """

    source: str
    arrays: Mapping[str, np.ndarray[Any, Any]]
    layers: tuple[LayerReport, ...] = ()
    model: Model | None = None
    left_out: tuple[str, ...] = ()
    problem: str = ""
    activation_bytes: int = 0
    operators: Mapping[str, int] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        return sum(array.size for array in self._held.values())

    @property
    def parameter_bytes(self) -> int:
        """Memory of the parameters."""
        return sum(array.nbytes for array in self._held.values())

    @property
    def _held(self) -> Mapping[str, np.ndarray[Any, Any]]:
        return self.arrays if self.model is None else self.model.net.params

    def __str__(self) -> str:
        lines = [
            f"{self.source}: {self.parameters:,} parameters, "
            f"{memory(self.parameter_bytes)}"
        ]
        if self.model is None:
            rows = [
                (name, _sizes(array.shape), str(array.dtype), f"{array.size:,}")
                for name, array in self.arrays.items()
            ]
            lines += ["", *_table(("array", "shape", "dtype", "numbers"), rows)]
            if self.operators:
                counted = (f"{n} {kind}" for kind, n in self.operators.items())
                lines += ["", f"operators: {', '.join(counted)}"]
            lines += ["", f"makes no network: {self.problem}"]
        else:
            lines += self._network(self.model)
        if self.left_out:
            lines.append(f"not read: {', '.join(self.left_out)}")
        return "\n".join(lines)

    def _network(self, model: Model) -> list[str]:
        height, width = model.preprocess.size
        titles = ("layer", "kind", "output", "parameters", "field", "jump", "start")
        rows = [
            (
                layer.name,
                layer.kind,
                _sizes(layer.shape),
                f"{layer.parameters:,}" if layer.parameters else "",
                *_seen(layer.field),
            )
            for layer in self.layers
        ]
        labels = f", {len(model.labels)} class names" if model.labels else ""
        return [
            f"network {model.name}, weights {model.weights_source}",
            f"takes pictures of {height} x {width} pixels (height x width){labels}",
            "",
            *_table(titles, rows),
            "",
            f"memory: parameters {memory(self.parameter_bytes)}, all activations of "
            f"one picture {memory(self.activation_bytes)}",
        ]


def inspect_model(
    source: str | PathLike[str], *, architecture: str | None = None
) -> Inspection:
    """What :func:`load_model` would make of ``source``, layer by layer.

    The net is run once on an empty picture. Of a file whose weights make no known
    network the arrays are listed, and the nearest architecture's differences.

    Raises:
        OptionError: if there is no such file, model or architecture.
        FileFormatError: if the file cannot be read.

    Example::

        print(inspect_model("vgg16:cats.h5"))
    """
    text = fspath(source)
    name, _, rest = text.partition(":")
    named = isinstance(source, str) and name in ARCHITECTURES and Path(rest).is_file()
    path = Path(rest if named else text)
    if not path.is_file() or not is_weight_file(path):
        return _of_graph(text, architecture)
    file = read_weight_file(path)
    try:
        model = model_from_weights(
            file.arrays,
            layout=file.layout,
            architecture=name if named else architecture,
            weights_source=str(path),
        )
    except FileFormatError as error:
        return Inspection(text, file.arrays, left_out=file.left_out, problem=str(error))
    return _of_model(text, model, file)


def _of_graph(source: str, architecture: str | None) -> Inspection:
    """A model, or what is in an ONNX file that can be read but makes none."""
    try:
        model = load_model(source, architecture=architecture)
    except (FileFormatError, OptionError) as error:
        if ".onnx" not in source.lower():
            raise
        from ..io.onnx import read_onnx
        from .onnx_model import onnx_source  # much code for other files

        found = onnx_source(source)
        if found is None or not found.path.is_file():
            raise
        content = read_onnx(found.path)
        kinds = Counter(operator.key for operator in content.operators)
        floats = {
            name: array
            for name, array in content.constants.items()
            if is_float(array.dtype)
        }
        counted = dict(kinds.most_common())
        return Inspection(source, floats, problem=str(error), operators=counted)
    return _of_model(source, model)


def _of_model(source: str, model: Model, file: WeightFile | None = None) -> Inspection:
    height, width = model.preprocess.size
    x = model.preprocess.encode(np.zeros((1, height, width, 3), np.uint8))
    tape = model.net.run(x, keep=())
    seen = fields(tape)
    layers = tuple(
        LayerReport(
            name,
            node.layer.describe(),
            tape.shape(name)[1:],
            sum(array.size for array in node.layer.params.values()),
            seen[name],
        )
        for name, node in model.net.nodes.items()
    )
    numbers = sum(int(np.prod(layer.shape)) for layer in layers)
    return Inspection(
        source,
        {} if file is None else file.arrays,
        layers,
        model,
        () if file is None else file.left_out,
        activation_bytes=numbers * x.itemsize,
    )


def memory(count: int) -> str:
    """Bytes in the largest unit that leaves at least one of them: ``"5.2 MiB"``."""
    size, unit = float(count), 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{count} B"


def _sizes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _seen(field: Field | None) -> tuple[str, str, str]:
    """Size, jump and start in words, one number where the axes agree."""
    if field is None:
        return "all", "", ""
    size, jump, start = (
        "" if numbers is None else _together(numbers)
        for numbers in (field.size, field.jump, field.start)
    )
    return size, jump, start


def _together(numbers: Sequence[int]) -> str:
    return "x".join(map(str, numbers if len(set(numbers)) > 1 else numbers[:1]))


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of text, the first three to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < 3 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (titles, *rows)
    ]
