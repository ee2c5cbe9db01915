"""ONNX Runtime's own operators: its answers, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper
from onnx_nets import one_operator

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.onnx import import_onnx, parse_onnx

RNG = np.random.default_rng(0)
SHAPE = (2, 3, 4)


def drawn(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def model(kind: str, constants: dict[str, Any], **attributes: Any) -> bytes:
    made = one_operator(kind, SHAPE, constants, domain="com.microsoft", **attributes)
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return made.SerializeToString()


@pytest.mark.parametrize(
    ("kind", "constants", "attributes"),
    [
        ("Gelu", {}, {}),
        ("BiasGelu", {"b": drawn(4)}, {}),
        ("FastGelu", {}, {}),
        ("FastGelu", {"b": drawn(4)}, {}),
        ("QuickGelu", {}, {"alpha": 1.5}),
        ("QuickGelu", {}, {}),
        ("FusedMatMul", {"b": drawn(4, 5)}, {"alpha": 0.5}),
        ("FusedMatMul", {"b": drawn(2, 5, 4)}, {"transB": 1}),
        ("FusedMatMul", {"b": drawn(2, 3, 5)}, {"transA": 1, "alpha": 2.0}),
    ],
)
def test_like_onnx_runtime(kind: str, constants: Any, attributes: Any) -> None:
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    raw, x = model(kind, constants, **attributes), drawn(*SHAPE)
    (want,) = runtime.InferenceSession(raw).run(None, {"x": x})
    imported = import_onnx(parse_onnx(raw))
    got = imported.net(x)
    assert imported.output_shape == got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "constants", "attributes", "words"),
    [
        ("BiasGelu", {"b": drawn(5, 1, 1, 1)}, {}, "does not fit"),
        ("FusedMatMul", {"b": drawn(4)}, {"transB": 1}, "is no matrix"),
        ("FusedMatMul", {"b": drawn(4, 5)}, {"transBatchA": 1}, "its batches are turn"),
    ],
)
def test_refused(kind: str, constants: Any, attributes: Any, words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        import_onnx(parse_onnx(model(kind, constants, **attributes)))
