"""Launches as CuPy is asked for them, held against its documented signatures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import fake_cuda
import numpy as np
import pytest
from fake_cuda import RawModule

from numpy_deconv.backends.cupy_gpu import CupyBackend, device
from numpy_deconv.backends.cupy_gpu.algorithms import Setting, chosen
from numpy_deconv.backends.cupy_gpu.device import CudaDevice, fitting
from numpy_deconv.backends.cupy_gpu.geometry import frozen
from numpy_deconv.backends.cupy_gpu.kernel import kernel_for
from numpy_deconv.backends.cupy_gpu.problem import Problem
from numpy_deconv.errors import BackendError
from numpy_deconv.window import Window

PLAIN = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
WIDE = Window((5, 5), (2, 2), ((2, 2), (2, 2)), (1, 1))
POINT = Window((1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1))
RELU = kernel_for("elementwise.cu", "activation", np.float32, "int")


@pytest.fixture(params=[1, 2], ids=["one device", "two"])
def cupy(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A CuPy that only remembers."""
    made = fake_cuda.module(request.param)
    for name in ("cupy", "cupy.cuda", "cupy.cuda.function"):
        found = made if name == "cupy" else made.cuda
        found = made.cuda.function if name.endswith("function") else found
        monkeypatch.setitem(sys.modules, name, found)
    device._by_value.cache_clear()
    yield made
    device._by_value.cache_clear()


def array(*shape: int, dtype: Any = np.float32, place: int = 0) -> Any:
    return fake_cuda.ndarray(shape, dtype, place)


def backend(**options: Any) -> CupyBackend:
    return CupyBackend(device=CudaDevice(), **options)


def weights(*shape: int, dtype: Any = np.float32) -> Any:
    made = np.zeros(shape, dtype)
    made.setflags(write=False)
    return made


X = (2, 64, 28, 28)
CALLS: dict[str, Any] = {
    "conv": lambda b: b.conv(array(*X), weights(70, 64, 5, 5), weights(70), WIDE, 1),
    "clipped": lambda b: b.conv_clipped(
        array(*X), weights(9, 64, 1, 1), None, POINT, 1, 0, 6
    ),
    "depthwise": lambda b: b.conv(array(*X), weights(64, 1, 3, 3), None, PLAIN, 64),
    "narrow": lambda b: b.conv(array(*X), weights(2, 64, 5, 5), None, WIDE, 1),
    "upwards": lambda b: b.conv_input_grad(
        array(2, 70, 14, 14), weights(70, 64, 5, 5), None, (28, 28), WIDE, 1
    ),
    "learnt": lambda b: b.conv_weight_grad(array(2, 70, 14, 14), array(*X), WIDE, 1),
    "pooled": lambda b: b.max_pool(array(*X), WIDE),
    "averaged": lambda b: b.avg_pool(array(*X), WIDE, False),
    "scattered": lambda b: b.scatter(
        array(2, 3, 50, 60), array(2, 3, 50, 60, dtype=np.int64), (90, 80), "sum"
    ),
    "gathered": lambda b: b.gather(array(*X), array(2, 64, 3, 3, dtype=np.int64)),
    "columns": lambda b: b.im2col(array(*X), WIDE, (14, 14)),
    "normed": lambda b: b.local_response_norm(array(*X), 5, 1e-4, 0.75, 2.0),
    "activated": lambda b: b.activation(array(*X), "clip", low=0, high=None),
    "grown": lambda b: b.upsample(array(*X), (2.0, 2.0), "bilinear"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_one_that_cupy_takes(cupy: Any, call: str) -> None:
    ours = backend()
    for _ in range(2):
        CALLS[call](ours)
    kernels = [k for module in RawModule.made for k in module.kernels]
    assert kernels
    assert all(len(k.launches) == 2 for k in kernels)  # compiled once
    assert all(module.options[0] == "-std=c++17" for module in RawModule.made)


def test_kernels_are_launched_where_their_arrays_lie(cupy: Any) -> None:
    if cupy.cuda.runtime.getDeviceCount() == 1:
        return
    ours = backend()
    for place in (1, 0):
        ours.activation(array(4, 5, place=place), "relu")
    first, second = (k for module in RawModule.made for k in module.kernels)
    assert [k.launches[0][0] for k in (first, second)] == [1, 0]


def test_all_that_a_kernel_reads_lies_where_it_runs(cupy: Any) -> None:
    """Tables, weights and packed ones too, on whichever device the input is."""
    ours, weight = backend(), weights(70, 64, 5, 5)
    places = range(cupy.cuda.runtime.getDeviceCount())
    for place in (*places, *places):
        ours.conv(array(*X, place=place), weight, None, WIDE, 1)
    launches = [
        launch
        for module in RawModule.made
        for k in module.kernels
        for launch in k.launches
    ]
    for place, _, _, given, _ in launches:
        arrays = [a for a in given if isinstance(a, fake_cuda.ndarray)]
        assert {a.device.id for a in arrays} == {place}
    packed = [k.name for m in RawModule.made for k in m.kernels for _ in k.launches]
    assert packed.count("pack") == len(places)


def test_weights_are_sent_once_and_waited_for(cupy: Any) -> None:
    ours, weight = backend(), weights(70, 64, 5, 5)
    for _ in range(3):
        ours.conv(array(*X), weight, None, WIDE, 1)
    # the weight, the three tables of its taps, and the weight as it was packed
    assert cupy.cuda.get_current_stream().waited == 5


def test_more_shared_memory_than_a_block_has_is_asked_for(cupy: Any) -> None:
    there = CudaDevice()
    there.launch(RELU, (1,), (256,), [], shared=100 << 10)
    (kernel,) = RawModule.made[0].kernels
    assert kernel.max_dynamic_shared_size_bytes == 100 << 10
    assert kernel.launches[0][4] == 100 << 10


def test_structs_that_last_are_wrapped_once_and_others_are_let_go(cupy: Any) -> None:
    there = CudaDevice()
    lasting, passing = frozen(np.zeros(2, "i4").view("i4,i4")), np.zeros(1, "i4,i4")
    for _ in range(2):
        there.launch(RELU, (1,), (256,), [lasting, passing, None])
    (kernel,) = RawModule.made[0].kernels
    first, second = (launch[3] for launch in kernel.launches)
    assert first[0] is second[0]
    assert first[1] is not second[1]
    assert first[1].value is passing
    assert first[2].value == 0  # a null pointer: None itself is no argument
    assert list(there._values) == [id(lasting)]


def test_an_array_of_the_host_is_refused(cupy: Any) -> None:
    with pytest.raises(TypeError, match="Unsupported type <class 'list'>"):
        CudaDevice().launch(RELU, (1,), (256,), [[1.0]])


def test_a_launch_out_of_memory_is_a_memory_error(
    cupy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, *_: Any, **__: Any) -> None:
        raise fake_cuda.CUDARuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory")

    monkeypatch.setattr(fake_cuda.RawKernel, "__call__", full)
    with pytest.raises(MemoryError, match="CUDA_ERROR_OUT_OF_MEMORY"):
        backend().activation(array(4, 5), "relu")


@pytest.mark.parametrize(
    ("grid", "block"),
    [((2**31,), (256,)), ((1, 65536), (32,)), ((1, 1, 65536), (32,)), ((1,), (1025,))],
)
def test_a_launch_that_no_card_takes(grid: Any, block: Any) -> None:
    with pytest.raises(
        BackendError, match=r"activation would take .*: compute fewer samples or chan"
    ):
        fitting(RELU, grid, block)
    fitting(RELU, (2**31 - 1, 65535, 65535), (1024,))


HUGE = {
    "learnt by many groups": lambda b: b.conv_weight_grad(
        array(1, 70_000, 2, 2), array(1, 70_000, 2, 2), POINT, 70_000
    ),
    "groups": lambda b: b.conv(
        array(1, 140_000, 2, 2), weights(140_000, 2, 1, 1), None, POINT, 70_000
    ),
    "phases": lambda b: b.conv_input_grad(
        *(array(1, 64, 2, 2), weights(64, 64, 1, 1), None, (300, 300)),
        *(Window((1, 1), (299, 299), ((0, 0), (0, 0)), (1, 1)), 1),
    ),
    "planes": lambda b: b.scatter(
        *(array(1, 3_000_000, 1), array(1, 3_000_000, 1, dtype=np.int64)),
        *((2,), "max"),
    ),
    "pixels": lambda b: b.activation(array(64, 64, 8192, 8192), "relu"),
    "one long sum": lambda b: b.conv_weight_grad(
        array(4096, 1, 256, 256), array(4096, 1, 256, 256), PLAIN, 1
    ),
}


@pytest.mark.parametrize("call", HUGE)
def test_a_huge_call_is_one_that_a_card_takes(cupy: Any, call: str) -> None:
    HUGE[call](backend())  # `fitting` looks at every launch
    assert any(k.launches for module in RawModule.made for k in module.kernels)


def test_results_beyond_an_int_are_numbered_by_64_bits(
    cupy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Winograd's tiles are few at a time, but where they go is the whole result."""
    monkeypatch.setattr(device, "multiply", lambda *_: None)
    ours = backend(algorithms=("winograd",))
    ours.conv(array(4096, 32, 96, 96), weights(64, 32, 3, 3), None, PLAIN, 1)
    index = {
        k.name: "-DINDEX=long long" in module.options
        for module in RawModule.made
        for k in module.kernels
    }
    assert index["transform_output"]
    assert not index["transform_input"]


def test_more_planes_than_a_card_has_blocks_are_computed_directly() -> None:
    sizes = ((1, 1), (1, 1), False, np.dtype(np.float32))
    many = Problem(PLAIN, 2**16, 1, 1, 2**16, *sizes)
    few = Problem(PLAIN, 2**14, 1, 1, 2**16, *sizes)
    assert chosen(few, Setting(90, 132)).name == "depthwise"
    assert chosen(many, Setting(90, 132)).name == "direct"
