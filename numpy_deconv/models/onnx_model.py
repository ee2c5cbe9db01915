"""Models from ONNX files: what the file leaves open is assumed, and told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import FileFormatError, OptionError
from ..io.onnx import Declared, Imported, OnnxContent, Operator, import_onnx, read_onnx
from ..io.onnx.importer import declared_input
from ..io.weights import find_non_finite
from ..layers import Conv, Layer
from ..layers.reshaping import Transpose
from .model import Model
from .pixels import declared_pixels, from_settings, pixel_preset
from .preprocess import Preprocess

METADATA = "numpy_deconv.model"
"""The key of the metadata in which :meth:`Model.save` keeps what is no layer."""

SIZE = 224
"""Height and width where a file does not say them: what ImageNet's nets take."""

_VARIANT = re.compile(r"(.+\.onnx):([a-z]+)(?::(\d{1,5})(?:x(\d{1,5}))?)?", re.I | re.S)
_SHAPING = ("Squeeze", "Reshape", "Flatten")
_DECISIONS = ("ArgMax", "ArgMin", "Cast", "Hardmax", "TopK")
"""What turns scores at the end into the number of a class."""
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Source(NamedTuple):
    """A file, and what was written after it: ``net.onnx:caffe:299``."""

    path: Path
    pixels: str | None
    size: tuple[int, int] | None


class Layout(NamedTuple):
    """How a model's input lies: channels, height and width, and what comes last.

    ``as_bytes`` says that it is declared as integers: pixels as they are in a file.
    """

    channels: int
    size: tuple[int, int]
    channels_last: bool
    as_bytes: bool
    assumed: tuple[str, ...]


def onnx_source(text: str) -> Source | None:
    """What ``net.onnx``, ``net.onnx:caffe`` or ``net.onnx:unit:299`` means; else None.

    After the file the pixels' preset, and the input's height and width (``320x240``,
    or one number for both).
    """
    path = Path(text)
    found = None if path.exists() else _VARIANT.fullmatch(text)
    if found is None:
        return Source(path, None, None) if path.suffix.lower() == ".onnx" else None
    height, width = found[3], found[4] or found[3]
    size = (int(height), int(width)) if height else None
    return Source(Path(found[1]), found[2].lower(), size)


def load_onnx(
    source: Source,
    name_classes: Callable[[int, tuple[str, ...] | None], tuple[str, ...]],
    preprocess: Preprocess | None = None,
) -> Model:
    """The model in an ONNX file.

    ``name_classes`` gives the labels for a number of classes and those that the file
    has, None if it says nothing of them. Pixels and sizes that neither the file nor the
    caller says are assumed: :attr:`Model.assumed` says which. A net of one channel gets
    a layer in front that makes grey of colours, one of channels-last inputs a layer
    that turns them.

    Raises FileFormatError for a file that cannot be read or is no net for pictures.
    """
    path = source.path
    content = read_onnx(path)
    try:
        saved = _saved(content)
        declared = declared_input(content)
        wanted = source.size or (preprocess.size if preprocess else None)
        layout = _layout(declared, wanted)
        imported = _imported(content, declared, layout)
        net = imported.net
        if bad := find_non_finite(net.params):
            raise FileFormatError(f"NaN or infinity in {', '.join(bad[:5])}")
        classes = imported.output_shape[1]
        named = saved.get("labels")
        kept = None if named is None else tuple(map(str, named))
        labels = name_classes(classes, kept)
    except (FileFormatError, OptionError) as error:
        raise type(error)(f"{path}: {error}{_hint(content, source)}") from error
    for array in net.params.values():
        _freeze(array)
    prepared, assumed = _prepared(source, content, saved, layout, preprocess)
    notes = (*layout.assumed, *assumed)
    return Model(
        net=net,
        preprocess=prepared,
        labels=labels,
        name=str(saved.get("name") or path.stem),
        weights_source=str(path) + (f" (assumed: {'; '.join(notes)})" if notes else ""),
        assumed=notes,
    )


def _hint(content: OnnxContent, source: Source) -> str:
    """Where a size was assumed, and may have been the wrong one: how to say another."""
    inputs = [each.shape for each in content.inputs.values()]
    sides = inputs[0][2:] if len(inputs) == 1 and inputs[0] else ()
    known = all(isinstance(side, int) for side in sides)
    if source.size is not None or len(sides) != 2 or known:
        return ""
    return (
        f" (of its input's size the file says {sides[0] or '?'} x {sides[1] or '?'}, "
        f"{SIZE} was taken for what is open: say another, height x width, as "
        f"{source.path.name}:imagenet:48x320)"
    )


def _saved(content: OnnxContent) -> Mapping[str, Any]:
    """What :meth:`Model.save` kept in the file; empty for a file of others."""
    text = content.metadata.get(METADATA)
    if text is None:
        return {}
    try:
        saved = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError("its metadata are damaged: no JSON") from error
    if not isinstance(saved, dict) or not isinstance(saved.get("labels", []), list):
        raise FileFormatError("its metadata are damaged: not what was saved")
    return saved


def _layout(declared: Declared, wanted: tuple[int, int] | None) -> Layout:
    if declared.shape is not None and len(declared.shape) != 4:
        raise FileFormatError(
            f"its input {declared.name!r} has {len(declared.shape)} axes, which is no "
            "picture: numpy_deconv.io.onnx.import_onnx makes a net of it"
        )
    _, *axes = declared.shape or (None, None, None, None)
    last = axes[2] in (1, 3) and axes[0] not in (1, 3)
    channels, *sides = (axes[2], axes[0], axes[1]) if last else axes
    assumed = []
    if not isinstance(channels, int):
        channels = 3
        assumed.append("3 channels")
    if channels not in (1, 3):
        raise FileFormatError(
            f"its input has {channels} channels, and pictures have 1 or 3: "
            "numpy_deconv.io.onnx.import_onnx makes a net of it"
        )
    size = []
    for side, given in zip(sides, wanted or (None, None), strict=True):
        if isinstance(side, int) and given not in (None, side):
            raise OptionError(
                f"its input is declared as {sides[0]} x {sides[1]}, not {given}: leave "
                "the size out"
            )
        size.append(side if isinstance(side, int) else given or SIZE)
    open_sides = any(not isinstance(side, int) for side in sides)
    if open_sides and wanted is None:
        assumed.append(f"an input of {size[0]} x {size[1]}")
    if last:
        assumed.append("channels last")
    whole = declared.dtype.kind in "iu"
    return Layout(channels, (size[0], size[1]), last, whole, tuple(assumed))


def _imported(content: OnnxContent, declared: Declared, layout: Layout) -> Imported:
    batch = declared.shape[0] if declared.shape else None
    samples = batch if isinstance(batch, int) and batch > 0 else 1
    front: dict[str, Layer] = {}
    if layout.channels == 1:
        weight = np.array(_LUMA, np.float32).reshape(1, 3, 1, 1)
        front["grey"] = Conv(weight)
    if layout.channels_last:
        front["channels_last"] = Transpose((0, 2, 3, 1))
    shape, output = (samples, 3, *layout.size), _before_decisions(content)
    while True:
        found = import_onnx(content, shape=shape, front=front, output=output)
        if len(found.output_shape) > 1 and found.output_shape[0] == samples:
            return found
        output = _before_shaping(content, found.output)
        if output is None:
            raise FileFormatError(
                f"its output {found.output!r} of shape {found.output_shape} has no "
                "scores of classes for each sample"
            )


def _before_decisions(content: OnnxContent) -> str | None:
    """The scores that the first output was decided by; None if it is no decision."""
    output = content.outputs[0] if content.outputs else ""
    found = None
    while (node := _maker(content, output)) and node.kind in _DECISIONS:
        found = output = node.inputs[0]
    return found


def _maker(content: OnnxContent, output: str) -> Operator | None:
    made = (node for node in content.operators if output in node.outputs)
    return next(made, None)


def _before_shaping(content: OnnxContent, output: str) -> str | None:
    """What an operator that only drops or joins axes reads; None for any other."""
    node = _maker(content, output)
    return node.inputs[0] if node is not None and node.kind in _SHAPING else None


def _prepared(
    source: Source,
    content: OnnxContent,
    saved: Mapping[str, Any],
    layout: Layout,
    preprocess: Preprocess | None,
) -> tuple[Preprocess, tuple[str, ...]]:
    """How pictures are prepared: as asked, as the file says, or as is most usual."""
    if preprocess is not None:
        if preprocess.size != layout.size:
            raise OptionError(
                f"{source.path}: preprocess makes {preprocess.size}, but the net takes "
                f"{layout.size}"
            )
        return preprocess, ()
    if source.pixels is not None:
        return pixel_preset(source.pixels, layout.size), ()
    if "preprocess" in saved:
        kept = from_settings(saved["preprocess"])
        if kept.size == layout.size:
            return kept, ()
    declared = declared_pixels(content.metadata, layout.size)
    if declared is not None:
        return declared, ()
    preset = "imagenet" if layout.channels == 3 else "unit"
    preset = "bytes" if layout.as_bytes else preset
    grey = ", grey of 3 colours" if layout.channels == 1 else ""
    return pixel_preset(preset, layout.size), (f"pixels {preset!r}{grey}",)


def _freeze(array: Any) -> None:
    """Read-only down to the memory: a backend may then prepare it once."""
    while isinstance(array, np.ndarray):
        array.flags.writeable = False
        array = array.base
