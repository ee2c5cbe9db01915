"""Files of networks that come in by another door, and which: data and one look-up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_TENSORFLOW = (
    "is {what}, which comes in only through ONNX: {first}pip install tf2onnx, then "
    "python -m tf2onnx.convert {option} {path} --output net.onnx, and give net.onnx"
)
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")
_CHECKPOINT = re.compile(r"(.+)\.(index|meta|data-\d+-of-\d+)")

REMEDIES: Mapping[str, str] = {
    ".pb": _TENSORFLOW.format(
        what="a frozen TensorFlow graph",
        first="",
        option="--graphdef",
        path="{path}",
    ),
    ".tflite": _TENSORFLOW.format(
        what="a TensorFlow Lite model", first="", option="--tflite", path="{path}"
    ),
    ".pdmodel": "is a Paddle program, which comes in only through ONNX: "
    "pip install paddle2onnx, convert it, and give the .onnx file",
    ".pdiparams": "holds a Paddle program's parameters without their names; give the "
    ".pdparams of the network, or convert the program with paddle2onnx",
    ".caffemodel": "is a Caffe model, which is not read; convert it to ONNX and give "
    "the .onnx file",
    ".mlmodel": "is a Core ML model, which is not read; give the network it was "
    "made from",
    ".pkl": "is a bare pickle, which could hold anything; save the weights with "
    "torch.save, numpy.savez or safetensors",
}
"""By suffix, the rest of a sentence that begins with the path."""


def other_door(path: Path) -> str | None:
    """What a file or folder is and how it comes in, if not as weights by name.

    Example::

        other_door(Path("net.tflite"))  # "is a TensorFlow Lite model, which ..."
    """
    for name in _SAVED_MODEL:
        if path.name == name or (path / name).exists():
            folder = path if path.is_dir() else path.parent
            return _TENSORFLOW.format(
                what="a TensorFlow SavedModel",
                first="",
                option="--saved-model",
                path=folder,
            )
    found = _CHECKPOINT.fullmatch(path.name)
    whole = path.with_name(found[1]) if found else path
    if found or Path(f"{whole}.index").exists():
        meta = Path(f"{whole}.meta")
        return _TENSORFLOW.format(
            what="a TensorFlow checkpoint",
            first="" if meta.exists() else "there, model.export('saved'), then ",
            option="--checkpoint" if meta.exists() else "--saved-model",
            path=meta if meta.exists() else "saved",
        )
    remedy = REMEDIES.get(path.suffix.lower()) if path.exists() else None
    return remedy and remedy.format(path=path)
