"""Calls that have no result, of every operation that has such calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import NumpyDeconvError
from numpy_deconv.oracle import Budget
from numpy_deconv.oracle.checking.engine import Engine
from numpy_deconv.oracle.checking.requesting import request_of
from numpy_deconv.oracle.checking.shape_errors import shape_errors, wrong_calls

ANY_SHAPE = {
    *("relu", "clip", "leaky_relu", "elu", "sigmoid", "tanh", "silu", "gelu"),
    *("hard_sigmoid", "hard_swish", "softplus"),
    *("adaptive_max_pool", "adaptive_avg_pool", "global_max_pool", "global_avg_pool"),
    # their gradients take a scalar, or only look up places
    *("mse.backward", "cross_entropy.backward", "max_unpool.backward"),
}


def engine_of(kernel: Any, op: str) -> Engine:
    return Engine(request_of(kernel, op=op, semantics="torch", numerics=None))


def takes_all(*arrays: Any, **attrs: Any) -> Any:
    return np.zeros(1, np.float32)


@pytest.mark.parametrize("op", sorted(oracle.OPERATIONS))
def test_every_operation_has_some(op: str) -> None:
    calls = list(wrong_calls(engine_of(takes_all, op)))
    assert bool(calls) == (op not in ANY_SHAPE)
    assert len({words for words, _ in calls}) == len(calls)
    assert len(shape_errors(engine_of(takes_all, op))) == len(calls)


@pytest.mark.parametrize("op", sorted(n for n in oracle.OPERATIONS if "." not in n))
def test_the_library_refuses_them(op: str) -> None:
    function = oracle.operation(op).function
    assert shape_errors(engine_of(function, op)) == []
    for words, case in wrong_calls(engine_of(function, op)):
        with pytest.raises((NumpyDeconvError, ValueError), match=r"\w"):
            function(*case.inputs, **case.attrs)
        assert words


def test_a_kernel_that_accepts_them_is_suspicious() -> None:
    def kernel(x: Any, weight: Any, bias: Any = None, **attrs: Any) -> Any:
        if bias is not None:
            bias = bias[: len(weight)]
        return nd.conv(x, weight, bias, **attrs)

    report = oracle.check(kernel, op="conv", budget=Budget(examples=30))
    assert report.verdict == "WARN"
    assert report.why == ("it accepts a bias of 3 numbers for 2 outputs",)


def test_what_a_kernel_does_not_take_is_not_spoilt() -> None:
    def kernel(x: Any, weight: Any) -> Any:
        return nd.conv(x, weight)

    report = oracle.check(kernel, op="conv", budget=Budget(examples=30))
    assert report.verdict == "PASS", report
    words = [words for words, _ in wrong_calls(engine_of(kernel, "conv"))]
    assert words == [
        "a weight for 3 channels with 2 given",
        "a kernel larger than the padded input",
    ]
