"""Kernels that are not NumPy's: tensors, programs, sessions, other arrays."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import OptionError
from numpy_deconv.oracle import Budget, Numerics
from numpy_deconv.oracle.adapters import Adapter, adapter_of
from numpy_deconv.oracle.adapters.onnx_adapter import NODES

FEW = Budget(examples=30)
APPROXIMATED = {
    "sigmoid": Numerics(approximation=2.0**-22),
    "tanh": Numerics(approximation=2.0**-22),
    "local_response_norm": Numerics(algo="running"),
}
"""ONNX Runtime 1.31's sigmoid is a rational function that is 0 and 1 far from 0, its
response norm slides one sum over the channels."""
PROGRAM = """
import json, sys
import numpy as np
import numpy_deconv as nd
with np.load(sys.argv[1]) as given:
    attrs = json.loads(str(given["attrs"]))
    y = nd.relu(given["x"]) if not attrs else None
np.savez(sys.argv[2], y=y)
"""


def conv(x: Any, w: Any, b: Any = None, **attrs: Any) -> Any:
    return (F.conv1d, F.conv2d, F.conv3d)[x.ndim - 3](x, w, b, **attrs)


def max_pool(x: Any, *, kernel_size: Any, **attrs: Any) -> Any:
    function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[x.ndim - 3]
    return function(x, kernel_size, return_indices=True, **attrs)


def test_torch_tensors_and_their_gradients() -> None:
    report = oracle.check(
        conv, op="conv", adapter="torch", grads=("x", "weight", "bias"), budget=FEW
    )
    assert report.verdict == "PASS", report
    pools = oracle.check(max_pool, op="max_pool", adapter="torch", budget=FEW)
    assert pools.verdict == "PASS", pools


def test_a_function_without_a_signature() -> None:
    report = oracle.check(F.conv2d, op="conv", adapter="torch", ranks=(2,), budget=FEW)
    assert report.verdict == "PASS", report
    assert report.restricted == ()


def test_bfloat16_tensors() -> None:
    report = oracle.check(
        torch.relu, op="relu", adapter="torch", dtypes=("bfloat16",), budget=FEW
    )
    assert report.verdict == "PASS", report


def test_wrong_gradients_of_tensors_are_found() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return torch.relu(x)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return torch.relu(grad)

    report = oracle.check(
        Wrong.apply, op="relu", adapter="torch", grads=("x",), budget=FEW
    )
    assert report.failure is not None
    assert report.failure.case.op == "relu.backward"


def test_a_device_that_is_not_there() -> None:
    if torch.cuda.is_available():
        pytest.skip("it is there")
    with pytest.raises(OptionError, match="adapter='torch:cuda': the device cannot be"):
        adapter_of("torch:cuda")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("torch", "adapter='torch' needs PyTorch"),
        ("cupy", "adapter='cupy' needs CuPy"),
        ("jax", "adapter='jax' needs JAX"),
    ],
)
def test_what_is_not_installed(
    module: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OptionError, match=message):
        adapter_of(module)


def test_cupy_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a module that passes for CuPy, whose arrays are of another type."""

    class There(np.ndarray):
        pass

    class Device:
        def __init__(self, number: int) -> None:
            assert number == 0

        def __enter__(self) -> None: ...

        def __exit__(self, *what: Any) -> None: ...

    cupy: Any = ModuleType("cupy")
    cupy.ndarray = There
    cupy.cuda = ModuleType("cuda")
    cupy.cuda.Device = Device
    cupy.asarray = lambda a: np.array(a).view(There)
    cupy.asnumpy = lambda a: np.array(a)
    monkeypatch.setitem(sys.modules, "cupy", cupy)

    def kernel(x: Any) -> Any:
        assert isinstance(x, There)
        return np.maximum(x, 0)

    report = oracle.check(kernel, op="relu", adapter="cupy", budget=FEW)
    assert report.verdict == "PASS", report


def test_dlpack() -> None:
    def kernel(x: Any) -> Any:
        return torch.relu(torch.from_dlpack(x))

    report = oracle.check(kernel, op="relu", adapter="dlpack", budget=FEW)
    assert report.verdict == "PASS", report


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="no JAX here")
def test_jax_arrays() -> None:
    import jax

    report = oracle.check(
        lambda x: jax.nn.relu(x),
        op="relu",
        adapter="jax",
        numerics=oracle.Numerics(ftz=True),  # as XLA does on a CPU
        grads=("x",),
        budget=FEW,
    )
    assert report.verdict == "PASS", report


def test_a_program(tmp_path: Path) -> None:
    script = tmp_path / "kernel.py"
    script.write_text(PROGRAM)
    line = f"{sys.executable} {script} {{input}} {{output}}"
    tried = Budget(examples=3)
    report = oracle.check(
        line, op="relu", adapter="command", budget=tried, modes=("exact",)
    )
    assert report.verdict == "PASS", report


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{python} -c 1/0 {input} {output}", "exit status 1: ZeroDivisionError"),
        ("{python} -c 1 {input} {output}", "the command wrote no output.npz"),
    ],
)
def test_programs_that_fail(line: str, reason: str) -> None:
    report = oracle.check(
        line.replace("{python}", sys.executable),
        op="relu",
        adapter="command",
        budget=Budget(examples=1),
        shrink=False,
    )
    assert report.failure is not None
    assert reason in report.failure.reason


def test_commands_name_their_files() -> None:
    with pytest.raises(OptionError, match=r"must contain \{input\} and \{output\}"):
        oracle.check("true", op="relu", adapter="command")
    with pytest.raises(OptionError, match="a command is a line or a list of words"):
        oracle.check(3, op="relu", adapter="command")


def test_an_adapter_of_ones_own() -> None:
    class Halved(Adapter):
        name = "halved"

        def call(self, kernel: Any, arrays: Any, attrs: Any, op: str) -> Any:
            return kernel(arrays[0] / 2) * 2

    report = oracle.check(nd.relu, op="relu", adapter=Halved(), modes=("exact",))
    assert report.verdict == "PASS", report


@pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="no ONNX Runtime here"
)
@pytest.mark.parametrize("op", sorted(NODES))
def test_onnx_runtime_under_its_semantics(op: str) -> None:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)

    def session(model: bytes) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    report = oracle.check(
        session,
        op=op,
        adapter="onnx",
        semantics="onnx",
        numerics=APPROXIMATED.get(op),
        modes=("exact", "bound", "harness"),
        supports=lambda case: _ort_takes(op, case),
        budget=FEW,
    )
    assert report.verdict in ("PASS", "MISTRUSTED"), report


def _ort_takes(op: str, case: Any) -> bool:
    """Calls that ONNX Runtime accepts, and on which it follows the standard."""
    if any(a is not None and 0 in a.shape for a in case.inputs):
        return False
    if op == "local_response_norm":
        return bool(case.attrs["size"] % 2) and case.rank == 2
    if "padding" in case.attrs and op.endswith("_pool"):
        kernel = case.attrs["kernel_size"]
        pairs = case.attrs["padding"]
        return all(max(p) < k for p, k in zip(pairs, kernel, strict=True))
    return True
