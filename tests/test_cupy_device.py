"""What the backend says where it cannot run, and the numbers it hands to kernels."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import fake_cuda
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv import available_backends
from numpy_deconv.backends.cupy_gpu.algorithms import Setting, chosen
from numpy_deconv.backends.cupy_gpu.availability import missing
from numpy_deconv.backends.cupy_gpu.device import AS_MEMORY_ERROR
from numpy_deconv.backends.cupy_gpu.geometry import divisor
from numpy_deconv.backends.cupy_gpu.kernel import INT, index_for
from numpy_deconv.backends.cupy_gpu.problem import Problem
from numpy_deconv.window import Window

H200 = Setting(90, 132)


def test_cupy_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    state = available_backends()["cupy"]
    assert not state.ready
    assert "backend 'cupy' cannot run here: cupy is not installed" in state.detail
    assert "pip install 'numpy-deconv[cuda12]'" in state.detail


@pytest.mark.usefixtures("look_alike")
def test_there_is_no_device() -> None:
    found = missing()
    assert found is not None
    assert found.startswith("no CUDA device: it needs an NVIDIA GPU that this process")


def test_there_is_no_driver(
    look_alike: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime: Any = look_alike.cuda.runtime

    def fail() -> int:
        raise runtime.CUDARuntimeError("cudaErrorInsufficientDriver")

    counting = SimpleNamespace(
        CUDARuntimeError=runtime.CUDARuntimeError, getDeviceCount=fail
    )
    monkeypatch.setattr(look_alike.cuda, "runtime", counting)
    found = missing()
    assert found is not None
    assert found.startswith("no CUDA device (cudaErrorInsufficientDriver)")


@pytest.mark.parametrize("lacking", ["cublas", "nvrtc", "nothing"])
def test_a_library_of_cuda_s_is_missing(
    monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    made = fake_cuda.module()

    def version() -> tuple[int, int]:
        if lacking == "nvrtc":
            raise RuntimeError('Failure finding "libnvrtc.so.12":\n  No such file\n')
        return 12, 9

    made.cuda.nvrtc = SimpleNamespace(getVersion=version)
    if lacking != "cublas":
        made.cuda.cublas = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "cupy", made)
    monkeypatch.setitem(sys.modules, "cupy.cuda", made.cuda)
    state = available_backends()["cupy"]
    assert state.ready is (lacking == "nothing")
    if not state.ready:
        assert "cannot run here: cuBLAS or NVRTC is missing (" in state.detail
        assert "pip install 'numpy-deconv[cuda12]' or [cuda13]" in state.detail
        assert "\n" not in state.detail


@given(st.integers(1, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_a_product_and_a_shift_divide(value: int, n: int) -> None:
    _, magic, shift = divisor(value)
    assert magic < 2**32
    high = (n * magic) >> 32
    assert high + n < 2**32  # what a kernel adds in 32 bits
    assert (high + n) >> shift == n // value


def test_elements_beyond_an_int_are_numbered_by_64_bits() -> None:
    assert index_for(np.empty(5), 7, None) == "int"
    assert index_for(INT) == "long long"


def problem(
    channels: int,
    filters: int,
    size: int,
    *,
    batch: int = 32,
    kernel: int = 3,
    stride: int = 1,
    groups: int = 1,
    adjoint: bool = False,
    dtype: Any = np.float32,
) -> Problem:
    pad = kernel // 2
    window = Window((kernel,) * 2, (stride,) * 2, ((pad, pad),) * 2, (1, 1))
    read, made = (size,) * 2, window.output_size((size,) * 2)
    read, made = (made, read) if adjoint else (read, made)
    kind = np.dtype(dtype)
    return Problem(window, batch, channels, filters, groups, read, made, adjoint, kind)


TABLE = [
    # VGG-16, AlexNet and MobileNet as they fall on the table
    (problem(3, 64, 224), "tiles 64x128"),
    (problem(64, 64, 224), "winograd"),
    (problem(512, 512, 14), "winograd"),
    (problem(512, 512, 14, batch=1), "tiles 64x64"),
    (problem(512, 512, 14, dtype=np.float16), "tensor"),
    (problem(256, 256, 28, kernel=5), "tiles 128x128"),
    (problem(1, 1, 112, groups=64), "depthwise"),
    (problem(1, 1, 56, groups=64, stride=2, adjoint=True), "direct"),
    (problem(64, 3, 224, kernel=11, stride=4, adjoint=True).merging, "tiles 64x128"),
    (problem(64, 64, 56, dtype=np.float64), "tiles 64x64"),
    (problem(64, 16, 56, kernel=1), "tiles 16x128"),
]


@pytest.mark.parametrize(("case", "name"), TABLE)
def test_the_table_s_choice(case: Problem, name: str) -> None:
    assert chosen(case, H200).name == name


def test_the_caller_s_choice() -> None:
    case = problem(512, 512, 14)
    assert chosen(case, Setting(90, 132, winograd=False)).name == "tiles 128x128"
    assert chosen(case, Setting(90, 132, precision="tf32")).name == "tensor"
    assert chosen(case, Setting(70, 80, precision="tf32")).name == "tiles 128x128"
    only = Setting(90, 132, only=("tiles 16x128",))
    assert chosen(case, only).name == "tiles 16x128"
    unable = Setting(90, 132, only=("depthwise",))
    assert chosen(case, unable).name == "winograd"


def test_libraries_out_of_memory_raise_the_error_that_methods_know() -> None:
    for kind, said in (
        (MemoryError, "CUBLAS_STATUS_ALLOC_FAILED"),
        (RuntimeError, "CUDA_ERROR_INVALID_VALUE"),
    ):
        with pytest.raises(kind, match=said), AS_MEMORY_ERROR:
            raise RuntimeError(said)
