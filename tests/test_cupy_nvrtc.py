"""Every kernel compiles for every architecture, with NVIDIA's own compiler."""

from __future__ import annotations

import os
import re

import pytest
from nvrtc_compiler import ARCHITECTURES, available, compiled

from numpy_deconv.backends.cupy_gpu.catalogue import catalogue
from numpy_deconv.backends.cupy_gpu.device import OPTIONS
from numpy_deconv.backends.cupy_gpu.kernel import KERNELS, Kernel

needs_nvrtc = pytest.mark.skipif(
    not available(), reason="needs nvidia-cuda-nvrtc-cu12 (pip install -e '.[test]')"
)
BUDGETED = (
    "tiles",
    "tensor",
    "weight_grad",
)  # whose registers are what their speed hangs on


def _by_file(architecture: str) -> dict[str, list[Kernel]]:
    files: dict[str, list[Kernel]] = {}
    for kernel in catalogue(int(architecture.removeprefix("sm_"))):
        files.setdefault(kernel.file, []).append(kernel)
    return files


def _thinned(kernels: list[Kernel], architecture: str) -> list[Kernel]:
    """A third of them for each architecture, so that each is compiled once and each
    file for all: what depends on types and macros does so everywhere. All of them for
    all architectures where ``NVRTC_EVERY_KERNEL`` is set: some minutes."""
    if os.environ.get("NVRTC_EVERY_KERNEL"):
        return kernels
    return kernels[ARCHITECTURES.index(architecture) :: 3] or kernels[-1:]


CASES = [
    pytest.param(
        architecture, _thinned(kernels, architecture), id=f"{architecture}-{f}"
    )
    for architecture in ARCHITECTURES
    for f, kernels in _by_file(architecture).items()
]


@needs_nvrtc
@pytest.mark.parametrize(("architecture", "kernels"), CASES)
def test_a_file_compiles(architecture: str, kernels: list[Kernel]) -> None:
    assert kernels
    for kernel in kernels:
        options = (*OPTIONS, f"-arch={architecture}", *kernel.options)
        binary, log = compiled(kernel.code, options)
        assert binary, f"{kernel.file} {kernel.options}: {log}"


@needs_nvrtc
def test_what_does_not_compile_is_told() -> None:
    binary, log = compiled("__global__ void broken( {", ("-arch=sm_80",))
    assert not binary
    assert "error" in log


@needs_nvrtc
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", BUDGETED)
def test_nothing_is_spilled(name: str, architecture: str) -> None:
    floats = {"-DELEMENT=float", "-DINDEX=int"}
    for kernel in catalogue(int(architecture.removeprefix("sm_"))):
        if kernel.function != name or not floats <= {*kernel.options}:
            continue
        options = (*OPTIONS, f"-arch={architecture}", "--ptxas-options=-v")
        options += kernel.options
        _, log = compiled(kernel.code, options)
        spilled = re.search(r"(\d+) bytes spill stores", log)
        assert spilled is not None, log
        assert int(spilled[1]) == 0, f"{kernel.options}: {log}"


def test_no_file_is_left_out() -> None:
    on_disk = {file.name for file in KERNELS.glob("*.cu")}
    assert {kernel.file for kernel in catalogue(90)} == on_disk


def test_kernels_need_no_header_of_anybody_else() -> None:
    for kernel in catalogue(90):
        assert "#include" not in kernel.code
