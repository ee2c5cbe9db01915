"""The reference with one thing wrong: what the contract has to notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from numpy_deconv.arrays import Array, is_float
from numpy_deconv.backend import NumpyBackend
from numpy_deconv.per_axis import Sizes
from numpy_deconv.window import Window

REFERENCE = NumpyBackend()

WRONG: list[tuple[str, str, Callable[..., Any]]] = []
"""``(kernel, defect that the report names, the wrong kernel)``."""


def wrong(defect: str, kernel: str) -> Callable[..., Any]:
    """Register a wrong kernel under the defect that it has."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        WRONG.append((kernel, defect, function))
        return function

    return register


def backend_with(kernel: str, function: Callable[..., Any]) -> NumpyBackend:
    """The reference with this kernel exchanged."""
    methods = {"name": function.__name__, kernel: staticmethod(function)}
    kind = type("WrongBackend", (NumpyBackend,), methods)
    made: NumpyBackend = kind()
    return made


@wrong("shape", "conv")
def axes_swapped_in_the_stride(
    x: Array, weight: Array, bias: Any, window: Window, groups: int
) -> Array:
    swapped = replace(window, stride=window.stride[::-1])
    return REFERENCE.conv(x, weight, bias, swapped, groups)


@wrong("switches", "max_pool")
def dilation_of_the_first_axis_twice(x: Array, window: Window) -> Any:
    y, switches = REFERENCE.max_pool(x, window)
    same = replace(window, dilation=window.dilation[:1] * window.rank)
    shifted = REFERENCE.max_pool(x, same) if _fits(same, x, y) else (y, switches)
    return y, shifted[1]


def _fits(window: Window, x: Array, y: Array) -> bool:
    try:
        return (
            window.output_size(x.shape[2:]) == y.shape[2:]
            and window.counts(x.shape[2:], y.shape[2:], padded=False).all()
        )
    except ValueError:
        return False


@wrong("switches", "max_pool")
def last_of_equals(x: Array, window: Window) -> Any:
    y, switches = REFERENCE.max_pool(x, window)
    size = x.shape[2:]
    plane = np.arange(np.prod(size)).reshape(size)
    for _, outputs, inputs in window.taps(size, y.shape[2:]):
        ties = x[(..., *inputs)] == y[(..., *outputs)]
        np.copyto(switches[(..., *outputs)], plane[inputs], where=ties)
    return y, switches


@wrong("values", "max_pool")
def nan_dropped(x: Array, window: Window) -> Any:
    if not is_float(x.dtype):
        return REFERENCE.max_pool(x, window)
    return REFERENCE.max_pool(np.where(np.isnan(x), x.dtype.type(-np.inf), x), window)


@wrong("values", "max_pool")
def padded_with_zeros(x: Array, window: Window) -> Any:
    y, switches = REFERENCE.max_pool(x, window)
    whole = replace(window, ceil_mode=False)
    inside = whole.counts(x.shape[2:], y.shape[2:], padded=False)
    return np.where(inside < window.size, np.maximum(y, 0), y), switches


@wrong("switches", "max_pool")
def no_winner_over_minus_infinity(x: Array, window: Window) -> Any:
    y, switches = REFERENCE.max_pool(x, window)
    return y, np.where(y == -np.inf, -1, switches)


@wrong("switches", "max_pool")
def nan_of_another_window(x: Array, window: Window) -> Any:
    y, switches = REFERENCE.max_pool(x, window)
    if is_float(x.dtype) and np.isnan(y).any():
        flat = np.isnan(x.reshape(*x.shape[:2], -1))
        last = flat.shape[2] - 1 - flat[..., ::-1].argmax(axis=2)
        lifted = last.reshape(*last.shape, *(1,) * window.rank)
        switches = np.where(np.isnan(y), lifted, switches)
    return y, switches


@wrong("switches", "adaptive_max_pool")
def nan_where_there_is_none(x: Array, output_size: Sizes) -> Any:
    y, switches = REFERENCE.adaptive_max_pool(x, output_size)
    return y, np.where(np.isnan(y.astype(float)), 0, switches)


@wrong("results", "max_pool")
def switches_forgotten(x: Array, window: Window) -> Any:
    return REFERENCE.max_pool(x, window)[0]


@wrong("dtype", "max_pool")
def narrow_switches(x: Array, window: Window) -> Any:
    y, switches = REFERENCE.max_pool(x, window)
    return y, switches.astype(np.int32)


@wrong("values", "im2col")
def last_tap_dropped(x: Array, window: Window, positions: Sizes) -> Array:
    columns = REFERENCE.im2col(x, window, positions).copy()
    columns[:, window.size - 1 :: window.size] = 0
    return columns


@wrong("values", "im2col")
def output_not_fully_written(x: Array, window: Window, positions: Sizes) -> Array:
    columns = REFERENCE.im2col(x, window, positions)
    result = np.empty_like(columns)
    np.copyto(result, columns, where=columns != 0)
    return result


@wrong("values", "col2im")
def overlaps_assigned(
    columns: Array, window: Window, positions: Sizes, output_size: Sizes
) -> Array:
    image = np.zeros_like(REFERENCE.col2im(columns, window, positions, output_size))
    channels = image.shape[1]
    taps = columns.reshape(len(columns), channels, window.size, *positions)
    for tap, outputs, inputs in window.taps(output_size, positions):
        image[(..., *inputs)] = taps[(..., tap, *outputs)]
    return image


@wrong("values", "scatter")
def first_instead_of_last(
    values: Array, switches: Array, output_size: Sizes, overlap: str
) -> Array:
    rule = "first" if overlap == "assign" else overlap
    return REFERENCE.scatter(values, switches, output_size, rule)


@wrong("error", "scatter")
def shared_switches_not_expected(
    values: Array, switches: Array, output_size: Sizes, overlap: str
) -> Array:
    return REFERENCE.scatter(
        values, switches.reshape(values.shape), output_size, overlap
    )


@wrong("values", "scatter_grad")
def every_value_gets_the_gradient(
    grad: Array, values: Array, switches: Array, overlap: str
) -> Array:
    return REFERENCE.gather(grad, switches)


@wrong("values", "conv")
def groups_rotated(
    x: Array, weight: Array, bias: Any, window: Window, groups: int
) -> Array:
    rotated = np.roll(weight, len(weight) // groups, axis=0)
    return REFERENCE.conv(x, rotated, bias, window, groups)


@wrong("values", "conv")
def ten_bits_of_mantissa(
    x: Array, weight: Array, bias: Any, window: Window, groups: int
) -> Array:
    if x.dtype == np.float32:
        keep = np.uint32(0xFFFFE000)
        x = (np.ascontiguousarray(x).view(np.uint32) & keep).view(np.float32)
    return REFERENCE.conv(x, weight, bias, window, groups)


@wrong("values", "conv_weight_grad")
def summed_in_half_precision(
    grad: Array, x: Array, window: Window, groups: int
) -> Array:
    if x.dtype != np.float16 or not len(x):
        return REFERENCE.conv_weight_grad(grad, x, window, groups)
    each = (
        REFERENCE.conv_weight_grad(grad[i : i + 1], x[i : i + 1], window, groups)
        for i in range(len(x))
    )
    return sum(each, start=np.float16(0))


@wrong("values", "conv_input_grad")
def bias_added_twice(
    grad: Array, weight: Array, bias: Any, size: Sizes, window: Window, groups: int
) -> Array:
    doubled = None if bias is None else bias * np.asarray(2, bias.dtype)
    return REFERENCE.conv_input_grad(grad, weight, doubled, size, window, groups)


@wrong("dtype", "conv")
def promoted(x: Array, weight: Array, bias: Any, window: Window, groups: int) -> Array:
    y = REFERENCE.conv(x, weight, bias, window, groups)
    return y.astype(np.float64) if x.dtype == np.float32 else y


@wrong("values", "avg_pool")
def overhang_counted(x: Array, window: Window, count_include_pad: bool) -> Array:
    y = REFERENCE.avg_pool(x, window, count_include_pad)
    if not count_include_pad or not is_float(x.dtype):
        return y
    counts = window.counts(x.shape[2:], y.shape[2:], padded=True)
    return (y * counts / window.size).astype(x.dtype)


@wrong("input", "activation")
def computed_in_place(x: Array, name: str, **options: Any) -> Array:
    if name == "relu" and x.flags.writeable:
        np.maximum(x, 0, out=x)
        return x.copy()
    return REFERENCE.activation(x, name, **options)


@wrong("input", "avg_pool_grad")
def written_beside_the_input(grad: Array, *rest: Any) -> Array:
    if grad.base is not None and grad.base.flags.writeable and grad.base.size:
        grad.base[(-1,) * grad.base.ndim] = 7
    return REFERENCE.avg_pool_grad(grad, *rest)


@wrong("aliasing", "activation")
def input_returned(x: Array, name: str, **options: Any) -> Array:
    y = REFERENCE.activation(x, name, **options)
    return x if name == "relu" and np.array_equal(x, y) else y


_kept: dict[tuple[Any, ...], Array] = {}


@wrong("reuse", "linear")
def buffer_used_again(x: Array, weight: Array, bias: Any) -> Array:
    y = REFERENCE.linear(x, weight, bias)
    buffer = _kept.setdefault((y.shape, y.dtype), y)
    buffer[...] = y
    return buffer


_noise = np.random.default_rng(0)


@wrong("repetition", "lp_pool")
def different_each_time(x: Array, *rest: Any) -> Array:
    y = REFERENCE.lp_pool(x, *rest)
    return np.where(_noise.random(y.shape) < 0.5, y, np.nextafter(y, y.dtype.type(9)))


@wrong("type", "batch_norm")
def list_returned(*arguments: Any) -> Any:
    return REFERENCE.batch_norm(*arguments).tolist()


@wrong("error", "upsample")
def nearest_only(x: Array, scale: tuple[float, ...], mode: str) -> Array:
    if mode != "nearest":
        raise NotImplementedError("only nearest")
    return REFERENCE.upsample(x, scale, mode)
