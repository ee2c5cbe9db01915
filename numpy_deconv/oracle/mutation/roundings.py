"""Kernels that compute in less precision than they declare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...functional import avg_pool, conv, conv_transpose, linear
from .mutant import add

Rounding = Callable[[Any], Any]


def rounded(x: Any, digits: int) -> Any:
    """``x`` with a significand of so many bits, to nearest even."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    return np.ldexp(np.rint(np.ldexp(mantissa, digits)), exponent - digits).astype(
        x.dtype
    )


def truncated(x: Any, digits: int) -> Any:
    """``x`` with a significand of so many bits, cut off."""
    mantissa, exponent = np.frexp(np.asarray(x, np.float64))
    return np.ldexp(np.trunc(np.ldexp(mantissa, digits)), exponent - digits).astype(
        x.dtype
    )


def narrow(x: Any, rounding: Callable[[Any, int], Any], digits: int) -> Any:
    """Floating arrays rounded; integers and None as they are."""
    return rounding(x, digits) if x is not None and x.dtype.kind == "f" else x


def _of_inputs(function: Any, rounding: Callable[[Any, int], Any], digits: int) -> Any:
    def run(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
        x, weight = (narrow(a, rounding, digits) for a in (x, weight))
        return function(x, weight, *rest, **o)

    return run


def _of_output(function: Any, digits: int) -> Any:
    def run(*arrays: Any, **o: Any) -> Any:
        return narrow(function(*arrays, **o), rounded, digits)

    return run


def _accumulated(function: Any, digits: int) -> Any:
    """Channel by channel (feature by feature), rounded after each addition."""

    def run(x: Any, weight: Any, bias: Any = None, **o: Any) -> Any:
        total = None
        for channel in range(x.shape[1]):
            only = np.zeros_like(x)
            only[:, channel] = x[:, channel]
            part = narrow(function(only, weight, **o), rounded, digits)
            total = part if total is None else narrow(total + part, rounded, digits)
        if total is None:
            return function(x, weight, bias, **o)
        if bias is None:
            return total
        shape = (1, -1, *(1,) * (x.ndim - 2))
        return narrow(total + bias.reshape(shape), rounded, digits)

    return run


for _op, _function in (
    ("conv", conv),
    ("conv_transpose", conv_transpose),
    ("linear", linear),
):
    add(
        _op,
        "tf32 inputs",
        "inputs rounded to tf32",
        _of_inputs(_function, rounded, 11),
    )
    add(
        _op,
        "tf32 inputs cut",
        "inputs cut off to tf32",
        _of_inputs(_function, truncated, 11),
    )
    add(
        _op,
        "bf16 inputs",
        "inputs rounded to bf16",
        _of_inputs(_function, rounded, 8),
    )
    add(_op, "f16 output", "the result rounded to f16", _of_output(_function, 11))
    add(_op, "f16 sums", "sums kept in f16", _accumulated(_function, 11))
    add(_op, "bf16 sums", "sums kept in bf16", _accumulated(_function, 8))

add("avg_pool", "f16 output", "the result rounded to f16", _of_output(avg_pool, 11))
