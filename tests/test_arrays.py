"""What array functions take for an array, and what they refuse."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch

import numpy_deconv as nd
from numpy_deconv.arrays import as_array, family, to_numpy
from numpy_deconv.contract.layout import LAYOUTS, laid_out
from numpy_deconv.errors import DTypeError

FOUR = np.array([[[1.0, 2, 3, 4]]])
ONES = np.ones((1, 1, 2))


class OnlyArray:
    """What knows ``__array__`` and nothing else."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values


class OnlyDLPack:
    """What knows DLPack and nothing else."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __dlpack__(self, **options: Any) -> Any:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.values.__dlpack_device__()


class OnDevice(OnlyArray):
    """What says that it lies on a GPU."""

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0


class Broken(OnlyDLPack):
    """What says that it knows DLPack and then fails."""

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("conjugate bit set")


@pytest.mark.parametrize(
    "wrap",
    [
        np.asarray,
        torch.from_numpy,
        lambda a: torch.from_numpy(a).requires_grad_(),
        OnlyArray,
        OnlyDLPack,
        lambda a: torch.nn.Parameter(torch.from_numpy(a)),
    ],
)
def test_other_libraries_arrays_are_viewed(wrap: Any) -> None:
    values = FOUR.copy()
    array = as_array(wrap(values), "x")
    assert type(array) is np.ndarray
    assert np.shares_memory(array, values)
    assert nd.conv(wrap(values), wrap(ONES)).tolist() == [[[3, 5, 7]]]


def test_a_transposed_tensor_is_viewed_as_it_lies() -> None:
    tensor = torch.arange(6.0).reshape(1, 2, 3).transpose(1, 2)
    array = as_array(tensor, "x")
    assert array.strides == (24, 4, 12)
    assert array.tolist() == tensor.tolist()


def test_what_comes_back_is_numpy_s() -> None:
    y, pullback = nd.vjp(nd.relu, torch.tensor([-1.0, 2.0], requires_grad=True))
    assert type(y) is np.ndarray
    (grad,) = pullback(torch.tensor([5.0, 5.0]))
    assert type(grad) is np.ndarray
    assert grad.tolist() == [0, 5]


def test_lists_and_numbers_are_arrays() -> None:
    assert nd.max_pool([[[1, 3, 2, 4]]], 2)[0].tolist() == [[[3, 4]]]
    assert as_array([1, 2.5], "x").dtype == np.float64
    assert as_array(np.float32(2), "x").dtype == np.float32
    assert as_array(OnlyArray(FOUR), "x").shape == (1, 1, 4)


def test_a_view_of_a_subclass_is_a_plain_array() -> None:
    class Labelled(np.ndarray):
        pass

    assert type(as_array(FOUR.view(Labelled), "x")) is np.ndarray


@pytest.mark.parametrize(
    "value",
    [
        1 + 2j,
        True,
        "text",
        None,
        {1: 2},
        [True, False],
        np.longdouble(1),
        np.array(["2020"], "M8[D]"),
        np.ones(2, ml_dtypes.float8_e4m3fn),
        torch.tensor([True]),
        torch.tensor([1j]),
    ],
    ids=str,
)
def test_other_dtypes_are_refused(value: Any) -> None:
    with pytest.raises(DTypeError, match=r"x has dtype .*: use float32 or float64"):
        as_array(value, "x")


def test_a_masked_array_is_refused() -> None:
    masked = np.ma.masked_array(FOUR, FOUR > 2)
    with pytest.raises(DTypeError, match=r"x is a masked array, .* x\.filled\(value\)"):
        nd.relu(masked)


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(DTypeError, match=r"x \(list\) cannot be read as an array: "):
        as_array([[1], [1, 2]], "x")
    with pytest.raises(DTypeError, match="x cannot be read: conjugate bit set"):
        as_array(Broken(FOUR), "x")
    with pytest.raises(DTypeError, match=r"x \(Tensor\) cannot be read as an array: "):
        as_array(torch.ones(2, device="meta"), "x")


def test_an_array_on_a_gpu_without_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(
        DTypeError, match="x lies on a GPU, and CuPy is not installed: "
    ):
        as_array(OnDevice(FOUR), "x")


def test_an_array_on_a_gpu_becomes_cupy_s(look_alike: ModuleType) -> None:
    array = as_array(OnDevice(FOUR), "x")
    assert type(array) is look_alike.ndarray
    assert family(array) == "cupy"
    assert type(to_numpy(array)) is np.ndarray


@pytest.mark.parametrize("code", ["f2", "f4", "f8", "i2", "i4", "i8", "u4"])
def test_the_other_byte_order_is_converted(code: str) -> None:
    swapped = np.dtype(code).newbyteorder("S")
    values = np.array([[[1, 3, 2, 4]]], swapped)
    y, switches = nd.max_pool(values, 2)
    assert y.dtype == np.dtype(code)
    assert y.dtype.isnative
    assert (y.tolist(), switches.tolist()) == ([[[3, 4]]], [[[1, 3]]])
    assert values.dtype == swapped


def test_unaligned_arrays_are_copied() -> None:
    raw = np.frombuffer(b"\0" + FOUR.tobytes(), np.uint8)[1:].view(np.float64)
    assert not raw.flags.aligned
    array = as_array(raw.reshape(1, 1, 4), "x")
    assert array.flags.aligned
    assert array.tolist() == FOUR.tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.usefixtures("backend")
def test_e31_every_layout_gives_the_value_of_its_copy(layout: str, dtype: type) -> None:
    rng = np.random.default_rng(0)
    x = laid_out(rng.normal(size=(2, 4, 5, 6)).astype(dtype), layout)
    weight = laid_out(rng.normal(size=(4, 2, 2, 3)).astype(dtype), layout)
    before = x.copy(), weight.copy()
    options = {"stride": (2, 1), "padding": (1, 0), "groups": 2}
    results = []
    for a, b in ((x, weight), before):
        y, pullback = nd.vjp(nd.conv, a, b, **options)
        pooled, switches = nd.max_pool(a, (2, 3), stride=1)
        grad = laid_out(np.ones_like(y), layout) if a is x else np.ones_like(y)
        mean = nd.avg_pool(a, (3, 2), stride=2, ceil_mode=True)
        unpooled = nd.max_unpool(pooled, switches, (5, 6), overlap="sum")
        columns = nd.im2col(a, (2, 1), dilation=2)
        results.append((y, *pullback(grad), pooled, switches, mean, unpooled, columns))
    for got, want in zip(*results, strict=True):
        if got.dtype.kind == "f":
            tolerance = 1e-5 if dtype is np.float32 else 1e-13
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(weight, before[1])
