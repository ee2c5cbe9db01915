"""Small models, and ONNX files such as others write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from onnx_nets import model_of

from numpy_deconv import layers
from numpy_deconv.models import Model
from numpy_deconv.models.pixels import pixel_preset
from numpy_deconv.net import Sequential

Array = npt.NDArray[Any]
RNG = np.random.default_rng(0)


def drawn(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def small(classes: int = 4, size: int = 12) -> Sequential:
    return Sequential(
        {
            "conv1": layers.Conv(drawn(6, 3, 3, 3), drawn(6), padding=1),
            "relu1": layers.ReLU(),
            "pool1": layers.MaxPool(2),
            "flatten": layers.Flatten(),
            "fc": layers.Linear(drawn(classes, 6 * (size // 2) ** 2), drawn(classes)),
        }
    )


def model_of_net(net: Sequential, **options: Any) -> Model:
    prepared = pixel_preset("unit", (12, 12))
    return Model(net, prepared, ("a", "b", "c", "d"), "small", "drawn", **options)


def saved(tmp_path: Path, shape: tuple[Any, ...], **meta: str) -> Path:
    """A file of others: a pooled sum of its input, of this declared shape."""
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["m"], keepdims=0, name="mean"),
        helper.make_node("MatMul", ["m", "w"], ["y"], name="scores"),
    ]
    last = shape[-1] in (1, 3) and shape[1] not in (1, 3)
    channels = shape[-1] if last else shape[1]
    constants = {
        "axes": np.array([1, 2] if last else [2, 3]),
        "w": drawn(channels if isinstance(channels, int) else 3, 5),
    }
    model = model_of(nodes, shape, constants)
    helper.set_model_props(model, meta)
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    return path


def of_operators(seed: int = 5) -> onnx.ModelProto:
    """A residual net with everything that a picture method has to come through."""
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> Array:
        return rng.normal(size=shape).astype(np.float32)

    constants = {
        "w1": drawn(8, 3, 3, 3),
        "w2": drawn(8, 8, 3, 3) / 4,
        "mean": np.array([0.5, 0.4, 0.3], "f4").reshape(1, 3, 1, 1),
        "scale": np.array([2, 3, 4], "f4").reshape(3, 1, 1),
        "zero": np.array(0, "f4"),
        "six": np.array(6, "f4"),
        "shape": np.array([0, 2, 4, 12, 12]),
        "back": np.array([0, 8, 12, 12]),
        "axes": np.array([2, 3]),
        "fc": drawn(8, 4),
        "fcb": drawn(4),
    }
    steps = [
        ("Sub", ["x", "mean"], "centred"),
        ("Div", ["centred", "scale"], "scaled"),
        ("Conv", ["scaled", "w1"], "conv1", {"pads": [1] * 4, "strides": [2, 2]}),
        ("Clip", ["conv1", "zero", "six"], "relu6"),
        ("Reshape", ["relu6", "shape"], "groups"),
        ("Transpose", ["groups"], "shuffled", {"perm": [0, 2, 1, 3, 4]}),
        ("Reshape", ["shuffled", "back"], "joined"),
        ("Conv", ["joined", "w2"], "conv2", {"pads": [1] * 4}),
        ("Relu", ["conv2"], "relu2"),
        ("Add", ["relu2", "joined"], "sum"),
        ("ReduceMean", ["sum", "axes"], "pooled", {"keepdims": 0}),
        ("Gemm", ["pooled", "fc", "fcb"], "logits"),
        ("Softmax", ["logits"], "y"),
    ]
    nodes = [
        helper.make_node(kind, inputs, [out], name=out, **(more[0] if more else {}))
        for kind, inputs, out, *more in steps
    ]
    return model_of(nodes, ("N", 3, 24, 24), constants)
