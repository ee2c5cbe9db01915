"""What the stand-in for CUDA catches, so that no card has to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from on_stand_in import PLAIN, backend, normal

from numpy_deconv.backends.cupy_gpu.kernel import Kernel, kernel_for
from numpy_deconv.backends.cupy_gpu.stand_in import StandIn, compiler
from numpy_deconv.errors import BackendError

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")


@dataclass(frozen=True)
class Text(Kernel):
    """A kernel that stands in no file."""

    file: str
    function: str = "orders"

    @property
    def code(self) -> str:
        return self.file


def test_the_order_of_threads_is_drawn_and_shared_memory_is_not_zero() -> None:
    """What makes a missing barrier, or a read of what nobody wrote, show itself."""
    ours = backend(winograd=False)
    x, weight = normal(1, 40, 5, 6), normal(33, 40, 3, 3)
    orders = [ours.conv(x, weight, None, PLAIN, 1).tobytes() for _ in range(4)]
    assert len(set(orders)) == 1
    source = "\n".join(
        (
            'extern "C" __global__ void orders(const int* at, int* who, int total) {',
            "    __shared__ float kept[64];",
            "    __shared__ int turn;",
            "    const bool unset = kept[threadIdx.x] != kept[threadIdx.x];",
            "    if (threadIdx.x == 0) turn = 0;",
            "    __syncthreads();",
            "    const int mine = turn++;",
            "    who[mine] = unset ? threadIdx.x : -1;",
            "}",
        )
    )
    device, seen = StandIn(), []
    for _ in range(4):
        who = np.zeros(64, np.int32)
        device.launch(Text(source), (1,), (64,), [who, who.copy(), np.int32(64)])
        found = np.zeros(64, np.int32)
        device.launch(Text(source), (1,), (64,), [who, found, np.int32(64)])
        assert sorted(found.tolist()) == list(range(64))
        seen.append(tuple(found.tolist()))
    assert len(set(seen)) > 2


def test_a_kernel_is_never_given_strides() -> None:
    kernel = kernel_for("elementwise.cu", "activation", np.float32, "int")
    with pytest.raises(BackendError, match=r"a kernel was given strides \(16,\)"):
        StandIn().launch(kernel, (1,), (1,), [np.ones(8, np.float32)[::4]])


def test_what_does_not_compile_is_told() -> None:
    with pytest.raises(BackendError, match="the stand-in did not compile"):
        StandIn().launch(Kernel("pooling.cu", "max_pool"), (1,), (1,), [])


def test_who_writes_beside_an_array_is_caught() -> None:
    kernel = kernel_for("elementwise.cu", "activation", np.float32, "int")
    x, y = np.ones(8, np.float32), np.empty(4, np.float32)
    options = np.zeros((), [("first", "f8"), ("second", "f8")])
    arguments = [x, y, np.int64(8), np.int32(0), options]
    device = StandIn()  # an array stands now at the end, now at the beginning of a page
    with pytest.raises(BackendError, match="activation read or wrote beside an array"):
        device.launch(kernel, (1,), (8,), arguments)
    with pytest.raises(BackendError, match="activation wrote beside an array"):
        device.launch(kernel, (1,), (8,), arguments)


def test_who_reads_beside_an_array_is_caught() -> None:
    kernel = kernel_for("elementwise.cu", "activation", np.float32, "int")
    x, y = np.ones(4, np.float32), np.empty(8, np.float32)
    options = np.zeros((), [("first", "f8"), ("second", "f8")])
    arguments = [x, y, np.int64(8), np.int32(0), options]
    with pytest.raises(BackendError, match="activation read or wrote beside an array"):
        StandIn().launch(kernel, (1,), (8,), arguments)


def test_who_overflows_is_caught() -> None:
    source = 'extern "C" __global__ void orders(int* x) { x[0] += 2147483647; }'
    with pytest.raises(BackendError, match=r"orders left the bounds .*, or overflowed"):
        StandIn().launch(Text(source), (1,), (1,), [np.ones(1, np.int32)])


def test_a_product_is_given_what_cublas_takes() -> None:
    x = normal(4, 6)
    with pytest.raises(BackendError, match=r"a product was given strides \(4, 24\)"):
        StandIn().product(x.T, normal(4, 5))
    with pytest.raises(BackendError, match="a product was given float32 and float64"):
        StandIn().product(x, normal(6, 5, dtype=np.float64))


def test_a_copy_that_nobody_waits_for_never_lands() -> None:
    source = "\n".join(
        (
            'extern "C" __global__ void orders(const float* x, float* y, int wait) {',
            "    __shared__ float kept[4];",
            "    stand_in::send(kept, x);",
            "    if (wait) stand_in::land();",
            "    for (int i = 0; i < 4; ++i) y[i] = kept[i];",
            "}",
        )
    )
    for wait in (1, 0):
        found = np.zeros(4, np.float32)
        arguments = [np.ones(4, np.float32), found, np.int32(wait)]
        StandIn().launch(Text(source), (1,), (1,), arguments)
        np.testing.assert_array_equal(found, 1 if wait else np.nan)
