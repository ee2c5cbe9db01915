"""Kernels that flush subnormal numbers to zero: right only if they declare it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.oracle import Budget, Numerics

TINY = float(np.finfo(np.float32).tiny)
FLUSHED = Numerics(ftz=True)
f4 = np.float32


def flushed(array: Any) -> Any:
    """What a processor that flushes makes of an array."""
    if array is None or array.dtype.kind != "f":
        return array
    return np.where(np.abs(array) < TINY, 0, array).astype(array.dtype)


def flushing(function: Any) -> Any:
    """The function on such a processor."""

    def kernel(*arrays: Any, **attrs: Any) -> Any:
        found = function(*map(flushed, arrays), **attrs)
        if isinstance(found, tuple):
            return tuple(map(flushed, found))
        return flushed(found)

    return kernel


OPERATIONS = (
    *("relu", "leaky_relu", "clip", "pad", "flatten", "max_pool", "global_max_pool"),
    *("conv", "conv_transpose", "linear", "im2col", "avg_pool", "upsample", "mse"),
    *("hard_swish", "tanh", "elu", "softmax", "log_softmax", "batch_norm", "prelu"),
)


@pytest.mark.parametrize("op", OPERATIONS)
def test_it_passes_if_it_is_declared(op: str) -> None:
    for seed in range(2):
        report = oracle.check(
            flushing(getattr(nd, op)),
            op=op,
            numerics=FLUSHED,
            budget=Budget(examples=60),
            modes=("bound", "specials"),
            semantics="numpy_deconv",
            seed=seed,
        )
        assert report.failure is None, report


@pytest.mark.parametrize("op", ["relu", "max_pool", "conv"])
def test_it_fails_if_it_is_not_and_is_told_how_to(op: str) -> None:
    kernel = flushing(getattr(nd, op))
    report = oracle.check(kernel, op=op, semantics="numpy_deconv")
    assert report.verdict == "FAIL"
    assert report.failure is not None
    first = report.failure.diagnosis[0]
    assert first.startswith("right if subnormal numbers may be flushed to zero"), first


def test_a_copy_is_itself_or_zero() -> None:
    x = np.array([[[1e-40, -1e-40, 1e-37, 0.0, np.inf, np.nan]]], f4)
    bound = oracle.bound("relu", [x], numerics=FLUSHED)
    np.testing.assert_array_equal(bound.H, np.where([[[1, 0, 0, 0, 0, 0]]], x, 0))
    np.testing.assert_array_equal(bound.P, bound.H)


def test_a_flushed_factor_costs_what_it_is_multiplied_with() -> None:
    x, w = np.full((1, 1, 1), 1e-39, f4), np.full((1, 1, 1), 1e20, f4)
    bound = oracle.bound("conv", [x, w], numerics=FLUSHED)
    assert 1e-19 < bound.H < 1.1e-19


def test_a_flushed_maximum_may_name_another_place() -> None:
    x = np.array([[[1e-41, 1e-40, 1.0, 2.0]]], f4)
    attrs = {"kernel_size": 2}
    switches = oracle.bound("max_pool", [x], attrs, numerics=FLUSHED, output="switches")
    np.testing.assert_array_equal(switches.H, [[[np.inf, 0]]])
    strict = oracle.bound("max_pool", [x], attrs, output="switches")
    np.testing.assert_array_equal(strict.H, 0)


def test_a_special_value_that_flushing_changes_is_left_open() -> None:
    x, w = np.full((1, 1, 1), 1e-39, f4), np.full((1, 1, 1), np.inf, f4)
    assert np.inf == oracle.bound("conv", [x, w], numerics=FLUSHED).H
    assert oracle.bound("conv", [x, w]).H == 0
