"""Quantised ONNX models beside ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper

from numpy_deconv.io.onnx import Imported, import_onnx, parse_onnx

Array = npt.NDArray[Any]
IMAGE = (1, 3, 6, 5)


def drawn(*shape: int) -> Array:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def compared(model: onnx.ModelProto, shape: tuple[int, ...]) -> tuple[Array, Imported]:
    """Steps that ONNX Runtime is away, and the net."""
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    raw = model.SerializeToString()
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = runtime.InferenceSession(raw, options, ["CPUExecutionProvider"])
    x = drawn(*shape)
    (want,) = session.run(None, {"x": x})
    imported = import_onnx(parse_onnx(raw))
    got = imported.net(x)
    assert got.shape == want.shape == imported.output_shape
    assert got.dtype == np.float32
    return np.abs(got - want), imported
