"""The backend on a real card; everything here is left out where there is none."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import available_backends, check_backend, get_backend, oracle
from numpy_deconv.backends.cupy_gpu import CupyBackend
from numpy_deconv.backends.cupy_gpu.algorithms import NAMES
from numpy_deconv.backends.cupy_gpu.device import CudaDevice
from numpy_deconv.contract.recipes import RECIPES
from numpy_deconv.models import ARCHITECTURES
from numpy_deconv.rules import DECONVNET, GRADIENT
from numpy_deconv.window import Window

STATE = available_backends()["cupy"]
pytestmark = pytest.mark.skipif(not STATE.ready, reason=STATE.detail)

GIB = 1 << 30
PLAIN = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
CONVOLUTIONS = ("conv", "conv_transpose")


@pytest.fixture(autouse=True)
def cupy() -> Iterator[Any]:
    """CuPy; with an allocator that leaves memory to the sanitizer, if that is asked."""
    module = pytest.importorskip("cupy")
    if os.environ.get("CUPY_PLAIN_ALLOCATOR"):
        module.cuda.set_allocator(None)
    yield module
    module.get_default_memory_pool().free_all_blocks()


@pytest.mark.parametrize("kernel", RECIPES)
def test_a_kernel_meets_the_contract(kernel: str) -> None:
    """Many windows of one kernel, and a few for which it is compiled anew."""
    general = CupyBackend(device=CudaDevice(specialises=False))
    for backend, examples in ((general, 150), (get_backend("cupy"), 12)):
        report = check_backend(backend, kernels=[kernel], examples=examples)
        assert report.ok, str(report)


@pytest.mark.parametrize("algorithm", NAMES)
def test_an_algorithm_meets_the_contract(algorithm: str) -> None:
    depthwise = algorithm == "depthwise"  # it needs its window when it is compiled
    backend = CupyBackend(
        algorithms=(algorithm,), device=CudaDevice(specialises=depthwise)
    )
    examples = 20 if depthwise else 120
    kernels = ["conv", "conv_input_grad"]
    report = check_backend(backend, kernels=kernels, examples=examples)
    assert report.ok, str(report)


@pytest.mark.parametrize("kernel", RECIPES)
def test_sanitized(kernel: str) -> None:
    """A few calls of each kernel, for compute-sanitizer to look at."""
    report = check_backend("cupy", kernels=[kernel], examples=6, seed=7)
    assert report.ok, str(report)


def judged(op: str, numerics: Any, **options: Any) -> oracle.Report:
    """The oracle's verdict on a function of this library, on the card."""
    backend = get_backend("cupy", **options)

    def candidate(*arrays: Any, **attrs: Any) -> Any:
        with nd.use_backend(backend):
            return getattr(nd, op)(*arrays, **attrs)

    return oracle.check(
        candidate,
        op=op,
        adapter="cupy",
        semantics="numpy_deconv",
        numerics=numerics,
        modes=("exact", "bound", "specials"),
        # a first call waits for NVRTC, which works on several kernels at a time
        budget=oracle.Budget(examples=80, seconds=15, call_seconds=60),
    )


@pytest.mark.parametrize("op", ["max_pool", "avg_pool", "im2col", "linear"])
def test_the_oracle_passes_it(op: str) -> None:
    report = judged(op, None)
    assert report.verdict != "FAIL", str(report)


@pytest.mark.parametrize("op", CONVOLUTIONS)
def test_the_oracle_passes_direct_sums_as_float32(op: str) -> None:
    report = judged(op, None, winograd=False)
    assert report.verdict != "FAIL", str(report)


@pytest.mark.parametrize("op", CONVOLUTIONS)
def test_the_oracle_passes_tf32_only_as_such(op: str) -> None:
    options = {"precision": "tf32", "algorithms": ("tensor",), "winograd": False}
    assert judged(op, "tf32", **options).verdict != "FAIL"
    if get_backend("cupy").setting.capability >= 80:  # type: ignore[attr-defined]
        assert judged(op, None, **options).verdict == "FAIL"


def test_winograd_stays_within_its_bound() -> None:
    numerics = oracle.Numerics(algo=oracle.Winograd(4, 3))
    report = judged("conv", numerics, algorithms=("winograd",))
    assert report.verdict != "FAIL", str(report)


@pytest.mark.parametrize("name", ["alexnet", "squeezenet1_1"])
def test_a_net_runs_and_projects_without_the_host(
    cupy: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    net = nd.load_model(f"{name}:random").net
    x = np.random.default_rng(0).normal(
        size=(2, 3, *ARCHITECTURES[name].preprocess.size)
    )
    host = x.astype(np.float32)
    array = cupy.asarray(host)
    here = net.run(host)
    signal = np.zeros_like(here.output)
    signal[:, 3] = 1
    placed = cupy.asarray(signal)

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("a hidden copy to the host")

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["cupy"], "asnumpy", forbidden)
        tape = net.run(array)
        found = [
            tape.project(placed, start=net.output, rules=rules)
            for rules in (GRADIENT, DECONVNET)
        ]
    output = cupy.asnumpy(tape.output)
    assert np.linalg.norm(output - here.output) < 1e-4 * np.linalg.norm(here.output)
    for got, rules in zip(found, (GRADIENT, DECONVNET), strict=True):
        want = here.project(signal, start=net.output, rules=rules)
        # a near-tie in a pool may fall the other way
        assert np.linalg.norm(cupy.asnumpy(got) - want) < 2e-2 * np.linalg.norm(want)


def test_the_same_bits_every_time(cupy: Any) -> None:
    rng = np.random.default_rng(0)
    backend = get_backend("cupy")
    values = cupy.asarray(rng.normal(size=(4, 32, 55, 55)).astype(np.float32))
    switches = cupy.asarray(rng.integers(0, 64 * 64, values.shape))
    x = cupy.asarray(rng.normal(size=(8, 64, 56, 56)).astype(np.float32))
    weight = cupy.asarray(rng.normal(size=(96, 64, 3, 3)).astype(np.float32))
    grad = cupy.asarray(rng.normal(size=(8, 96, 56, 56)).astype(np.float32))

    def everything() -> list[bytes]:
        found = [
            backend.scatter(values, switches, (64, 64), "sum"),
            backend.conv(x, weight, None, PLAIN, 1),
            backend.conv_input_grad(grad, weight, None, (56, 56), PLAIN, 1),
            backend.conv_weight_grad(grad, x, PLAIN, 1),
        ]
        return [cupy.asnumpy(each).tobytes() for each in found]

    first = everything()
    assert all(everything() == first for _ in range(5))


def test_more_elements_than_an_int_can_number(cupy: Any) -> None:
    count = 2**31 + 4097
    if cupy.cuda.runtime.memGetInfo()[0] < 24 * GIB:
        pytest.skip("needs 24 GiB of free memory")
    backend = get_backend("cupy")
    x = cupy.full((1, 1, count), -1, cupy.float16)
    x[0, 0, -3:] = cupy.asarray([1, 5, 2], cupy.float16)
    y = backend.activation(x, "relu")
    assert cupy.asnumpy(y[0, 0, -4:]).tolist() == [0, 1, 5, 2]
    assert float(y.sum(dtype=cupy.float64)) == 8
    del y
    wide = Window((4,), (4,), ((0, 0),), (1,))
    values, switches = backend.max_pool(x, wide)
    at = int(values[0, 0].argmax())
    assert (float(values[0, 0, at]), int(switches[0, 0, at])) == (5, count - 2)


def test_weights_that_cannot_change_are_sent_once(cupy: Any) -> None:
    weight = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float32)
    weight.setflags(write=False)
    device = get_backend("cupy").device  # type: ignore[attr-defined]
    assert device.resident(weight) is device.resident(weight)
