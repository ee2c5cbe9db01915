"""Ways to spoil a call: each has one thing wrong, and no result.

What only some frameworks refuse is not among them, nor is what a framework's own
functions accept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..drawing import Case

Spoilt = tuple[str, str, Case]
"""What is wrong in words, the input or attribute that is, and the call."""
Spoil = Callable[[Case], Iterator[Spoilt]]
SLIDING = ("conv", "conv_transpose", "im2col", "max_pool", "avg_pool", "lp_pool")
ON_PLANES = (*SLIDING, "conv_input_grad", "conv_weight_grad", "col2im")


def spoilt(case: Case) -> Iterator[Spoilt]:
    """Every way to spoil a call of its operation, a gradient's by ``grad``."""
    if case.op.endswith(".backward"):
        yield from _gradient(case)
        return
    for ops, spoil in WAYS:
        if case.op in ops:
            yield from spoil(case)


def _with(case: Case, words: str, name: str, value: Any) -> Spoilt:
    if name in case.arrays:
        return words, name, replace(case, arrays={**case.arrays, name: value})
    return words, name, replace(case, attrs={**case.attrs, name: value})


def _wider(array: Any, axis: int) -> Any:
    """One more along an axis."""
    ends = [(0, int(i == axis % array.ndim)) for i in range(array.ndim)]
    return np.pad(array, ends, constant_values=1)


def _gradient(case: Case) -> Iterator[Spoilt]:
    grad = np.asarray(case.arrays["grad"])
    words = "a gradient that has not the shape of the result"
    if grad.ndim:
        yield _with(case, words, "grad", np.ones((*grad.shape[:-1], 97), grad.dtype))


def _zero_steps(case: Case) -> Iterator[Spoilt]:
    for name in ("stride", "dilation"):
        if name in case.attrs:
            zero = (0,) * len(case.attrs[name])
            yield _with(case, f"a {name} of 0", name, zero)


def _large_window(case: Case) -> Iterator[Spoilt]:
    if "kernel_size" in case.attrs:
        rank = len(case.attrs["kernel_size"])
        words = "a window larger than the input"
        yield _with(case, words, "kernel_size", (99,) * rank)


def _conv(case: Case) -> Iterator[Spoilt]:
    weight = np.asarray(case.arrays["weight"])
    yield _with(
        case, "a weight for 3 channels with 2 given", "weight", _wider(weight, 1)
    )
    large = np.ones((*weight.shape[:2], *(99,) * case.rank), weight.dtype)
    words = "a kernel larger than the padded input"
    yield _with(case, words, "weight", large)
    yield from _bias(case, len(weight))
    yield _with(case, "groups that do not divide the channels", "groups", 3)


def _conv_transpose(case: Case) -> Iterator[Spoilt]:
    weight = np.asarray(case.arrays["weight"])
    yield _with(
        case, "a weight for 3 channels with 2 given", "weight", _wider(weight, 0)
    )
    yield from _bias(case, weight.shape[1])
    yield _with(case, "groups that do not divide the channels", "groups", 3)
    if "output_padding" in case.attrs:
        words = "output padding beyond stride and dilation"
        yield _with(case, words, "output_padding", (9,) * case.rank)


def _bias(case: Case, count: int) -> Iterator[Spoilt]:
    dtype = np.asarray(case.inputs[0]).dtype
    words = f"a bias of {count + 1} numbers for {count} outputs"
    yield _with(case, words, "bias", np.ones(count + 1, dtype))


def _linear(case: Case) -> Iterator[Spoilt]:
    x, weight = (np.asarray(case.arrays[name]) for name in ("x", "weight"))
    words = f"{x.shape[-1] + 1} features for a weight of {x.shape[-1]}"
    yield _with(case, words, "x", _wider(x, -1))
    yield from _bias(case, len(weight))


def _conv_gradient(case: Case) -> Iterator[Spoilt]:
    grad = np.asarray(case.arrays["grad"])
    words = "a gradient that has not the shape of the result"
    yield _with(case, words, "grad", _wider(grad, -1))
    yield _with(case, "a gradient of other channels", "grad", _wider(grad, 1))


def _max_unpool(case: Case) -> Iterator[Spoilt]:
    switches = np.asarray(case.arrays["switches"])
    far = np.full(switches.shape, 10**6, np.int64)
    yield _with(case, "a switch beyond the output", "switches", far)
    yield _with(case, "a negative switch", "switches", -far)
    words = "switches of another shape than the values"
    yield _with(case, words, "switches", _wider(switches, -1))


def _col2im(case: Case) -> Iterator[Spoilt]:
    columns = np.asarray(case.arrays["columns"])
    yield _with(case, "one column too many", "columns", _wider(columns, -1))
    yield _with(case, "rows that are no whole channels", "columns", _wider(columns, 1))


def _one_per_channel(case: Case) -> Iterator[Spoilt]:
    for name in ("mean", "var", "weight", "bias"):
        array = case.arrays.get(name)
        if array is not None and array.size > 1:
            words = f"{name} for {len(array) + 1} channels with {len(array)} given"
            yield _with(case, words, name, _wider(array, 0))


def _axis(case: Case) -> Iterator[Spoilt]:
    name = "start_axis" if case.op == "flatten" else "axis"
    yield _with(case, "an axis that is not there", name, 9)


def _concat(case: Case) -> Iterator[Spoilt]:
    array, axis = np.asarray(case.arrays["arrays0"]), case.attrs.get("axis", 1)
    words = "arrays that differ beside the axis"
    yield _with(case, words, "arrays0", _wider(array, 0 if axis else 1))


def _sizes(case: Case) -> Iterator[Spoilt]:
    if case.op == "pad":
        wide = ((99, 99),) * case.rank
        spoiled = replace(case, attrs={"padding": wide, "mode": "reflect"})
        yield "reflection over more than the input", "mode", spoiled
    if case.op == "upsample":
        yield _with(case, "a scale of 0", "scale", (0,) * case.rank)
    if case.op == "local_response_norm":
        yield _with(case, "a size of 0 channels", "size", 0)
    if case.op == "mse":
        target = np.asarray(case.arrays["target"])
        words = "a target of another shape"
        yield _with(
            case, words, "target", np.ones((*target.shape[:-1], 97), target.dtype)
        )
    if case.op == "cross_entropy":
        labels = np.asarray(case.arrays["labels"])
        yield _with(case, "a label beyond the classes", "labels", labels + 10**6)


WAYS: tuple[tuple[tuple[str, ...], Spoil], ...] = (
    (ON_PLANES, _zero_steps),
    (("im2col", "max_pool", "avg_pool", "lp_pool"), _large_window),
    (("conv",), _conv),
    (("conv_transpose",), _conv_transpose),
    (("linear",), _linear),
    (("conv_input_grad", "conv_weight_grad"), _conv_gradient),
    (("max_unpool",), _max_unpool),
    (("col2im",), _col2im),
    (("batch_norm", "batch_norm_training", "prelu"), _one_per_channel),
    (("softmax", "log_softmax", "flatten", "concat"), _axis),
    (("concat",), _concat),
    (
        ("pad", "upsample", "local_response_norm", "mse", "cross_entropy"),
        _sizes,
    ),
)
"""Functions of one element have a result for whatever shape, and are not here."""
