"""Methods on a net of many operators that came from an ONNX file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx_models import of_operators

from numpy_deconv import layers, load_model
from numpy_deconv.methods import (
    class_visualization,
    deconvnet,
    guided_backprop,
    occlusion,
    saliency,
)
from numpy_deconv.models import Model
from numpy_deconv.rules import DECONVNET, DECONVNET_RELU6


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    onnx.save(of_operators(), path)
    return load_model(f"{path}:unit")


def test_methods_work_on_what_was_imported(imported: Model) -> None:
    x = np.random.default_rng(0).uniform(0, 1, (2, 3, 24, 24)).astype(np.float32)
    assert saliency(imported, x).pixels.any()
    rules = DECONVNET.replace({layers.Clip: DECONVNET_RELU6[layers.Clip]})
    found = deconvnet(imported, x[:1], "relu2", top=3, rules=rules)
    assert len(found.units) == 3 and found.pixels.any()
    assert guided_backprop(imported, x).pixels.any()
    seen = occlusion(imported, x[:1], size=8, stride=8)
    assert seen.pixels.shape[-2:] == (3, 3)
    drawn_ = class_visualization(imported, None, target=1, steps=3, seed=1)
    assert np.isfinite(drawn_.pixels).all()


def test_its_gradient_is_onnx_runtimes_slope(imported: Model) -> None:
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    raw = of_operators().SerializeToString()
    session = runtime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).uniform(0, 1, (1, 3, 24, 24)).astype(np.float32)
    (want,) = session.run(None, {"x": x})
    np.testing.assert_allclose(imported.net(x), want, atol=1e-6)
    tape = imported.net.run(x)
    signal = np.array([[1.0, 0, 0, 0]], "f4")
    grad = tape.project(signal, start="y")
    step = 1e-3 * grad / np.abs(grad).max()
    ends = [session.run(None, {"x": x + s * step})[0][0, 0] for s in (1, -1)]
    slope = float((grad * step).sum())
    np.testing.assert_allclose((ends[0] - ends[1]) / 2, slope, rtol=0.05)
