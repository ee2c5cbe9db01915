"""Wrong pools: padding, initial values, NaN, ties, indices, divisors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...functional import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    global_avg_pool,
    global_max_pool,
    lp_pool,
    max_pool,
)
from ..coordinates import coordinates, flattened
from .mutant import add, axes, mutant, with_first, with_reversed, without

for _op, _function in (("max_pool", max_pool), ("avg_pool", avg_pool)):
    for _name in ("stride", "padding", "kernel_size"):
        add(
            _op,
            f"{_name}[0] twice",
            f"{_name}[0] used on every axis",
            with_first(_name, _function),
        )
    add(
        _op,
        "stride reversed",
        "stride of the last axis used on the first",
        with_reversed("stride", _function),
    )
    add(
        _op,
        "ceil_mode ignored",
        "ceil_mode ignored",
        without("ceil_mode", False, _function),
    )
add(
    "max_pool",
    "dilation[0] twice",
    "dilation[0] used on every axis",
    with_first("dilation", max_pool),
)
add(
    "max_pool",
    "dilation ignored",
    "dilation ignored",
    without("dilation", 1, max_pool),
)


def _lowest(dtype: Any) -> float:
    return float(np.finfo(dtype).min) if dtype.kind == "f" else np.iinfo(dtype).min


@mutant("max_pool", "zero padding", "padding takes part in the maximum as zeros")
def _zero_pad(x: Any, kernel_size: Any, **o: Any) -> Any:
    y, switches = max_pool(x, kernel_size, **o)
    padding = axes(o.pop("padding", 0), x.ndim - 2)
    pairs = [tuple(p) if np.ndim(p) else (p, p) for p in padding]
    wide = np.pad(x, [(0, 0), (0, 0), *pairs])
    other = max_pool(wide, kernel_size, **o)[0]
    return (other if other.shape == y.shape else y), switches


@mutant("max_pool", "zero start", "the maximum starts at zero")
def _zero_start(x: Any, kernel_size: Any, **o: Any) -> Any:
    y, switches = max_pool(x, kernel_size, **o)
    return np.maximum(y, 0).astype(y.dtype), switches


@mutant("max_pool", "-FLT_MAX start", "the maximum starts at the lowest finite number")
def _finite_start(x: Any, kernel_size: Any, **o: Any) -> Any:
    y, switches = max_pool(x, kernel_size, **o)
    return np.maximum(y, np.asarray(_lowest(y.dtype), y.dtype)), switches


@mutant("max_pool", "-1 where all is -inf", "a window of -inf has no switch")
def _no_switch(x: Any, kernel_size: Any, **o: Any) -> Any:
    y, switches = max_pool(x, kernel_size, **o)
    return y, np.where(np.isneginf(y), -1, switches)


@mutant("max_pool", "NaN dropped", "NaN is left out of the maximum")
def _nan_dropped(x: Any, kernel_size: Any, **o: Any) -> Any:
    seen = np.where(np.isnan(x), -np.inf, x).astype(x.dtype)
    return max_pool(seen, kernel_size, **o)


@mutant("max_pool", "NaN only if first", "NaN counts only as a window's first element")
def _nan_first(x: Any, kernel_size: Any, **o: Any) -> Any:
    y, switches = max_pool(x, kernel_size, **o)
    seen = np.where(np.isnan(x), -np.inf, x).astype(x.dtype)
    other, others = max_pool(seen, kernel_size, **o)
    fill = np.zeros_like(x)
    fill[..., 0] = 1
    first = (switches % x.shape[-1]) == 0
    return np.where(first, y, other), np.where(first, switches, others)


@mutant("max_pool", "last of ties", "the last of equal maxima wins")
def _last_tie(x: Any, kernel_size: Any, **o: Any) -> Any:
    y, _ = max_pool(x, kernel_size, **o)
    area = int(np.prod(x.shape[2:]))
    # among equal values the later place must look larger
    order = np.unique(x, return_inverse=True)[1].reshape(x.shape).astype(np.int64)
    places = np.arange(area).reshape(x.shape[2:])
    return y, max_pool(order * area + places, kernel_size, **o)[1]


@mutant("max_pool", "padded index", "switches count the padding")
def _padded_index(x: Any, kernel_size: Any, **o: Any) -> Any:
    y, switches = max_pool(x, kernel_size, **o)
    padding = axes(o.get("padding", 0), x.ndim - 2)
    pairs = [tuple(p) if np.ndim(p) else (p, p) for p in padding]
    at = coordinates(switches, x.shape[2:])
    moved = tuple(a + b for a, (b, _) in zip(at, pairs, strict=True))
    wide = tuple(n + b + e for n, (b, e) in zip(x.shape[2:], pairs, strict=True))
    return y, flattened(moved, wide)


@mutant("max_pool", "array index", "switches count samples of the whole array")
def _array_index(x: Any, kernel_size: Any, **o: Any) -> Any:
    y, switches = max_pool(x, kernel_size, **o)
    planes = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2])
    area = int(np.prod(x.shape[2:]))
    return y, switches + area * planes.reshape(*planes.shape, *(1,) * (x.ndim - 2))


@mutant("max_pool", "column index", "switches count columns first")
def _column_index(x: Any, kernel_size: Any, **o: Any) -> Any:
    y, switches = max_pool(x, kernel_size, **o)
    at = coordinates(switches, x.shape[2:])
    return y, flattened(at[::-1], x.shape[:1:-1])


@mutant("max_pool", "8-bit index", "switches are kept in 8 bits")
def _short_index(x: Any, kernel_size: Any, **o: Any) -> Any:
    y, switches = max_pool(x, kernel_size, **o)
    return y, switches % 256


@mutant("max_pool", "absolute value", "the maximum is one of absolute values")
def _absolute(x: Any, kernel_size: Any, **o: Any) -> Any:
    return max_pool(np.abs(x), kernel_size, **o)


def _whole_window(x: Any, kernel_size: Any, **o: Any) -> Any:
    rank = x.ndim - 2
    like = avg_pool(x, kernel_size, **o)
    padding = axes(o.get("padding", 0), rank)
    if not isinstance(o.get("padding", 0), str):
        pairs = [tuple(p) if np.ndim(p) else (p, p) for p in padding]
        ends = [(b, e + 64) for b, e in pairs]
        wide = np.pad(x, [(0, 0), (0, 0), *ends])
        stride, dilation = o.get("stride") or kernel_size, o.get("dilation", 1)
        mean = avg_pool(wide, kernel_size, stride=stride, dilation=dilation)
        return mean[tuple(slice(n) for n in like.shape)]
    return like


add("avg_pool", "whole window", "always divides by the kernel's size", _whole_window)


@mutant("avg_pool", "count_include_pad ignored", "padding always counts in the mean")
def _padded_mean(x: Any, kernel_size: Any, **o: Any) -> Any:
    return avg_pool(x, kernel_size, **{**o, "count_include_pad": True})


@mutant("avg_pool", "count_include_pad inverted", "padding counts when it must not")
def _inverted(x: Any, kernel_size: Any, **o: Any) -> Any:
    include = not o.get("count_include_pad", True)
    return avg_pool(x, kernel_size, **{**o, "count_include_pad": include})


@mutant("avg_pool", "sum", "the sum is not divided")
def _sum(x: Any, kernel_size: Any, **o: Any) -> Any:
    count = np.prod(axes(kernel_size, x.ndim - 2))
    return (avg_pool(x, kernel_size, **o) * count).astype(x.dtype)


@mutant("lp_pool", "p is 2", "norm_type is taken to be 2")
def _euclid(x: Any, norm_type: float, kernel_size: Any, **o: Any) -> Any:
    return lp_pool(x, 2.0, kernel_size, **o)


@mutant("lp_pool", "p is 4", "any norm_type but 2 is taken to be 4")
def _fourth(x: Any, norm_type: float, kernel_size: Any, **o: Any) -> Any:
    return lp_pool(x, 2.0 if norm_type == 2 else 4.0, kernel_size, **o)


@mutant("lp_pool", "mean", "the powers are averaged, not summed")
def _power_mean(x: Any, norm_type: float, kernel_size: Any, **o: Any) -> Any:
    count = np.prod(axes(kernel_size, x.ndim - 2))
    y = lp_pool(x, norm_type, kernel_size, **o)
    return (y * count ** (-1 / norm_type)).astype(y.dtype)


@mutant("adaptive_avg_pool", "cells end early", "cells end at the floor")
def _floored(x: Any, output_size: Any) -> Any:
    y = np.array(adaptive_avg_pool(x, output_size))
    last = x.shape[-1]
    cells = y.shape[-1]
    for i in range(cells):
        begin, end = i * last // cells, (i + 1) * last // cells
        if end > begin:
            part = adaptive_avg_pool(x[..., begin:end], (*y.shape[2:-1], 1))
            y[..., i] = part[..., 0]
    return y


@mutant("adaptive_avg_pool", "sizes reversed", "output sizes are on the wrong axes")
def _reversed_cells(x: Any, output_size: Any) -> Any:
    return adaptive_avg_pool(x, axes(output_size, x.ndim - 2)[::-1])


@mutant("adaptive_max_pool", "index in cell", "switches count inside the cell")
def _in_cell(x: Any, output_size: Any) -> Any:
    y, switches = adaptive_max_pool(x, output_size)
    return y, switches % max(1, x.shape[-1] // y.shape[-1])


@mutant("adaptive_max_pool", "NaN dropped", "NaN is left out of the maximum")
def _adaptive_nan(x: Any, output_size: Any) -> Any:
    return adaptive_max_pool(
        np.where(np.isnan(x), -np.inf, x).astype(x.dtype), output_size
    )


@mutant("global_avg_pool", "sum", "the sum is not divided")
def _global_sum(x: Any) -> Any:
    return (global_avg_pool(x) * np.prod(x.shape[2:])).astype(x.dtype)


@mutant("global_avg_pool", "last row", "the last row is left out")
def _but_last(x: Any) -> Any:
    return global_avg_pool(x[:, :, :-1] if x.shape[2] > 1 else x)


@mutant("global_max_pool", "zero start", "the maximum starts at zero")
def _global_zero(x: Any) -> Any:
    return np.maximum(global_max_pool(x), 0)
