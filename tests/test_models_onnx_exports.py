"""Nets in the forms in which exporters write them: ONNX Runtime computes the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_exports import CLASSES, EXPORTS, SIDE

from numpy_deconv import load_model
from numpy_deconv.methods import saliency

LUMA = np.array([0.299, 0.587, 0.114], np.float32).reshape(1, 3, 1, 1)
TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


def as_it_takes_them(declared: Any, x: np.ndarray) -> np.ndarray:
    """Grey, channels last, of its type."""
    if declared.shape[1] == 1:
        x = (x * LUMA).sum(axis=1, keepdims=True)
    if declared.shape[-1] == 3:
        x = x.transpose(0, 2, 3, 1)
    return x.astype(TYPES[declared.type])


@pytest.mark.parametrize("name", EXPORTS)
def test_values_and_a_gradient(name: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    path = tmp_path / "net.onnx"
    onnx.save(EXPORTS[name](), path)
    model = load_model(path)
    x = np.random.default_rng(1).integers(0, 256, (1, 3, SIDE, SIDE)).astype("f4")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    declared = session.get_inputs()[0]
    (want,) = session.run(None, {declared.name: as_it_takes_them(declared, x)})
    got = model.net(x)
    assert got.shape == want.shape and got.shape[1] == CLASSES
    precision = 2e-3 if declared.type == "tensor(float16)" else 1e-5
    assert np.abs(got - want).max() <= precision * np.abs(want).max()
    assert np.abs(saliency(model, x).pixels).max() > 0
