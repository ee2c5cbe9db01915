"""Models out again: as ONNX, which other runtimes read, or as weights by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arrays import to_numpy
from ..errors import NetError, OutputError
from ..io.atomic import PathLike
from ..io.weights import write_weights
from .pixels import as_settings

if TYPE_CHECKING:
    from .model import Model


def save_model(path: PathLike, model: Model) -> None:
    """See :meth:`Model.save`."""
    suffix = Path(path).suffix.lower()
    if suffix == ".onnx":
        _save_onnx(path, model)
    elif suffix in (".safetensors", ".npz"):
        write_weights(path, weights_by_key(model))
    else:
        raise OutputError(
            f"cannot write {path}: a model is written as .onnx, .safetensors or .npz, "
            f"not {suffix!r}"
        )


def weights_by_key(model: Model) -> dict[str, Any]:
    """Every parameter by its state-dict name, or ``"layer.field"`` where it has none.

    State-dict names are those of the architecture that the model is named after.
    """
    from .catalogue import ARCHITECTURES

    known = ARCHITECTURES.get(model.name)
    if known is not None:
        try:
            weights = known.weights_of(model.net)
        except (NetError, AttributeError):  # a net that only has the name
            weights = {}
        if len(weights) == len(model.net.params):
            return {key: to_numpy(value) for key, value in weights.items()}
    return {key: to_numpy(value) for key, value in model.net.params.items()}


def _save_onnx(path: PathLike, model: Model) -> None:
    from ..io.onnx import write_onnx
    from .onnx_model import METADATA

    kept = {
        "name": model.name,
        "preprocess": as_settings(model.preprocess),
        "labels": list(model.labels),
    }
    metadata = {METADATA: json.dumps(kept)}
    shape = (1, 3, *model.preprocess.size)
    write_onnx(path, model.net, shape, metadata=metadata)
