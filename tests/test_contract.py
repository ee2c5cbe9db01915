"""check_backend: what is right passes, every sort of wrong is found and told."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import cupy_look_alike
import numpy as np
import pytest
from wrong_backends import REFERENCE, WRONG, backend_with, last_of_equals

import numpy_deconv
from numpy_deconv import Backend, check_backend
from numpy_deconv.arrays import Array, accumulator
from numpy_deconv.backend import NumpyBackend
from numpy_deconv.contract.agreement import compare, wanted
from numpy_deconv.contract.layout import LAYOUTS, laid_out, owner
from numpy_deconv.contract.recipes import RECIPES, Call
from numpy_deconv.errors import BackendError, OptionError


def test_a_backend_meets_the_contract(backend: Backend) -> None:
    report = check_backend(backend.name, examples=100)
    assert report.ok, str(report)
    assert report.backend == backend.name
    cases = 100 * len(RECIPES)
    words = f"backend {backend.name!r} meets the contract: {cases} cases"
    assert words in str(report)


def test_every_kernel_of_a_backend_is_checked() -> None:
    methods = {
        name
        for name, _ in inspect.getmembers(Backend, inspect.isfunction)
        if not name.startswith("_")
    } - {"warm", "resident", "room", "switch_codes"}
    assert set(RECIPES) == methods
    assert set(check_backend("numpy", examples=1).cases) == methods


@pytest.mark.parametrize(
    ("kernel", "defect", "function"), WRONG, ids=[f.__name__ for *_, f in WRONG]
)
def test_a_wrong_kernel_is_found(
    kernel: str, defect: str, function: Callable[..., Any]
) -> None:
    report = check_backend(backend_with(kernel, function), kernels=[kernel])
    assert not report.ok
    assert defect in {failure.defect for failure in report.failures}, str(report)


def test_another_order_of_operations_is_no_defect() -> None:
    def folded(
        x: Array, mean: Array, var: Array, weight: Array, bias: Array, eps: float
    ) -> Array:
        wide = [a.astype(accumulator(x.dtype)) for a in (x, mean, var, weight, bias)]
        x_, mean, var, weight, bias = wide
        scale = weight / np.sqrt(var + x_.dtype.type(eps))
        shape = (-1, *(1,) * (x.ndim - 2))
        y = x_ * scale.reshape(shape) + (bias - mean * scale).reshape(shape)
        return y.astype(x.dtype)

    report = check_backend(
        backend_with("batch_norm", folded), kernels=["batch_norm"], examples=500
    )
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("kernel", "call"),
    [
        # x - mean is 0, its terms are 1
        ("batch_norm", (np.ones((1, 1, 1)), *np.array([[1], [1], [1], [0.0]]), 0)),
        # 1 - tanh(9)**2 is 6e-8, its terms are 1
        ("activation_grad", (np.ones((1, 1, 1)), np.full((1, 1, 1), 9.0), "tanh")),
    ],
)
def test_a_difference_may_keep_the_rounding_of_its_terms(
    kernel: str, call: tuple[Any, ...]
) -> None:
    arguments = tuple(
        a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in call
    )
    drawn = Call(arguments, exact=False)
    (want,) = wanted(kernel, drawn)
    assert compare(kernel, drawn, ((want + 1e-7).astype("f4"),), (want,)) is None
    finding = compare(kernel, drawn, ((want + 1e-3).astype("f4"),), (want,))
    assert finding is not None
    assert finding.defect == "values"


def test_a_defect_is_charged_to_the_kernel_that_has_it() -> None:
    report = check_backend(backend_with("max_pool", last_of_equals), examples=50)
    assert {failure.kernel for failure in report.failures} == {"max_pool"}


def test_a_failure_names_the_smallest_case() -> None:
    backend = backend_with("max_pool", last_of_equals)
    report = check_backend(backend, kernels=["max_pool"])
    (failure,) = report.failures
    assert failure.defect == "switches"
    assert failure.cases > 10
    assert 0 < failure.worst <= 1
    text = str(report)
    assert "does not meet the contract: 200 cases of 1 kernel, 1 defect" in text
    assert f"max_pool: switches, in {failure.cases} cases, worst error" in text
    assert f"example {failure.example}: max_pool(x=" in text
    assert "strides" in failure.call
    assert "window=Window(kernel=" in failure.call
    assert "elements wrong, first at (" in failure.detail


def test_the_same_seed_gives_the_same_report() -> None:
    backend = backend_with("max_pool", last_of_equals)
    once, again, other = (
        check_backend(backend, kernels=["max_pool"], seed=seed) for seed in (1, 1, 2)
    )
    assert once == again
    assert once.failures != other.failures


def test_an_inexact_answer_is_told_with_its_error() -> None:
    kernel, _, function = next(
        w for w in WRONG if w[2].__name__ == "ten_bits_of_mantissa"
    )
    report = check_backend(backend_with(kernel, function), kernels=[kernel])
    details = [failure.detail for failure in report.failures]
    assert any("rounding explains at most" in detail for detail in details)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_reads_the_values_it_was_given(layout: str) -> None:
    values = np.arange(24.0).reshape(2, 3, 4)
    view = laid_out(values, layout)
    expected = np.repeat(values[..., :1], 4, axis=2)
    np.testing.assert_array_equal(view, expected if layout == "broadcast" else values)
    assert not np.may_share_memory(view, values)
    assert view.flags.writeable == (layout not in ("read-only", "broadcast"))


def test_layouts_differ_in_memory() -> None:
    values = np.arange(24.0).reshape(2, 3, 4)
    strides = {name: laid_out(values, name).strides for name in LAYOUTS}
    assert strides.pop("read-only") == strides["contiguous"]
    assert len(set(strides.values())) == len(strides)


def test_spaced_values_lie_between_poison() -> None:
    view = laid_out(np.ones((2, 3)), "spaced")
    room = owner(view)
    assert room.shape == (6, 8)
    assert np.isnan(room).sum() == room.size - view.size


def test_an_unknown_backend_is_the_registry_s_error() -> None:
    with pytest.raises(BackendError, match="there is no backend 'nonsense'"):
        check_backend("nonsense")


@pytest.mark.usefixtures("broken_backends")
def test_an_unavailable_backend_is_the_registry_s_error() -> None:
    with pytest.raises(BackendError, match="'lacks_device' cannot run here: no accel"):
        check_backend("lacks_device")


class OnDevice(NumpyBackend):
    """A backend for CuPy arrays, which CuPy would have to make."""

    name = "on_device"
    family = "cupy"

    def relocated(self, *arguments: Any) -> Any:
        assert {type(a) for a in arguments} >= {cupy_look_alike.ndarray}
        return cupy_look_alike.asarray(REFERENCE.linear(*arguments))

    linear = relocated


@pytest.mark.usefixtures("look_alike")
def test_arrays_are_placed_where_the_backend_is() -> None:
    report = check_backend(OnDevice(), kernels=["linear"])
    assert report.ok, str(report)


@pytest.mark.usefixtures("look_alike")
def test_a_device_s_backend_must_not_return_to_the_host() -> None:
    kernel, _, function = next(w for w in WRONG if w[2].__name__ == "list_returned")
    setattr(device := OnDevice(), kernel, function)
    (failure,) = check_backend(device, kernels=[kernel]).failures
    assert (failure.defect, failure.detail) == ("type", "returned list")


def test_no_examples() -> None:
    with pytest.raises(OptionError, match="examples must be at least 1, got 0"):
        check_backend("numpy", examples=0)


def test_an_unknown_kernel() -> None:
    with pytest.raises(OptionError, match="there is no kernel 'convolve'"):
        check_backend("numpy", kernels=["convolve"])


def test_it_is_public() -> None:
    assert numpy_deconv.check_backend is check_backend
    assert "check_backend" in numpy_deconv.__all__
