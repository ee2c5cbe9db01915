"""Wrong convolutions and transposed convolutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...functional import conv, conv_transpose, max_pool
from .mutant import add, axes, mutant, with_first, with_reversed, without

for _op, _function in (("conv", conv), ("conv_transpose", conv_transpose)):
    for _name in ("stride", "padding", "dilation"):
        add(
            _op,
            f"{_name}[0] twice",
            f"{_name}[0] used on every axis",
            with_first(_name, _function),
        )
    add(
        _op,
        "dilation ignored",
        "dilation ignored",
        without("dilation", 1, _function),
    )
    add(
        _op,
        "padding reversed",
        "padding of the last axis used on the first",
        with_reversed("padding", _function),
    )
    add(
        _op,
        "stride reversed",
        "stride of the last axis used on the first",
        with_reversed("stride", _function),
    )


def _taps(weight: Any) -> tuple[int, ...]:
    return tuple(range(2, np.ndim(weight)))


def _column(values: Any, rank: int) -> Any:
    return np.reshape(values, (1, -1, *(1,) * rank))


for _op, _function in (("conv", conv), ("conv_transpose", conv_transpose)):

    def _flipped(x: Any, weight: Any, *rest: Any, _f: Any = _function, **o: Any) -> Any:
        return _f(x, np.flip(weight, _taps(weight)), *rest, **o)

    def _no_bias(
        x: Any, weight: Any, bias: Any = None, *, _f: Any = _function, **o: Any
    ) -> Any:
        return _f(x, weight, **o)

    def _one_bias(
        x: Any, weight: Any, bias: Any = None, *, _f: Any = _function, **o: Any
    ) -> Any:
        if bias is not None:
            bias = np.full_like(bias, bias[0])
        return _f(x, weight, bias, **o)

    def _bias_twice(
        x: Any, weight: Any, bias: Any = None, *, _f: Any = _function, **o: Any
    ) -> Any:
        if bias is not None:
            bias = (bias * 2).astype(bias.dtype)
        return _f(x, weight, bias, **o)

    def _rotated(
        x: Any, weight: Any, bias: Any = None, *, _f: Any = _function, **o: Any
    ) -> Any:
        depth = x.shape[1] // o.get("groups", 1)
        return _f(np.roll(x, depth, axis=1), weight, bias, **o)

    def _first_group(
        x: Any, weight: Any, bias: Any = None, *, _f: Any = _function, **o: Any
    ) -> Any:
        groups = o.get("groups", 1)
        first = x[:, : x.shape[1] // groups]
        return _f(np.concatenate([first] * groups, 1), weight, bias, **o)

    def _last_tap(
        x: Any, weight: Any, *rest: Any, _f: Any = _function, **o: Any
    ) -> Any:
        less = np.array(weight)
        if np.prod(weight.shape[2:]) > 1:
            less[(slice(None), slice(None), *(-1,) * (weight.ndim - 2))] = 0
        return _f(x, less, *rest, **o)

    def _heavier(x: Any, weight: Any, *rest: Any, _f: Any = _function, **o: Any) -> Any:
        more = np.array(weight)
        more.flat[-1] = more.flat[-1] * 1.01 if more.dtype.kind == "f" else 99
        return _f(x, more, *rest, **o)

    def _last_channel(
        x: Any, weight: Any, *rest: Any, _f: Any = _function, **o: Any
    ) -> Any:
        less = np.array(x)
        less[:, 4 * (x.shape[1] // 4) :] = 0
        return _f(less if x.shape[1] > 4 else x, weight, *rest, **o)

    def _swapped(x: Any, weight: Any, *rest: Any, _f: Any = _function, **o: Any) -> Any:
        square = weight.ndim > 3 and weight.shape[-1] == weight.shape[-2]
        return _f(x, weight.swapaxes(-1, -2) if square else weight, *rest, **o)

    def _filters(x: Any, weight: Any, *rest: Any, _f: Any = _function, **o: Any) -> Any:
        return _f(x, weight[::-1], *rest, **o)

    for _kernel, _name, _words in (
        (_flipped, "kernel flipped", "the kernel is flipped"),
        (_no_bias, "bias missing", "the bias is not added"),
        (_one_bias, "bias[0]", "bias[0] used for every channel"),
        (_bias_twice, "bias twice", "the bias is added twice"),
        (_rotated, "groups rotated", "each group reads the channels of another"),
        (_first_group, "first group", "every group reads the first group's channels"),
        (_last_tap, "last tap dropped", "the last tap of the kernel is left out"),
        (_heavier, "one weight 1 % off", "one weight is 1 % too large"),
        (_last_channel, "channels % 4", "channels beyond a multiple of 4 are left out"),
        (_swapped, "square kernel transposed", "square kernels are transposed"),
        (_filters, "filters reversed", "the filters are in reverse order"),
    ):
        add(_op, _name, _words, _kernel)


@mutant("conv", "edge padding", "padding repeats the edge instead of zeros")
def _edge(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
    padding = axes(o.get("padding", 0), x.ndim - 2)
    pairs = [tuple(p) if np.ndim(p) else (p, p) for p in padding]
    wide = np.pad(x, [(0, 0), (0, 0), *pairs], mode="edge")
    return conv(wide, weight, *rest, **{**o, "padding": 0})


@mutant("conv", "dilation lost with stride", "dilation ignored where the stride is > 1")
def _with_stride(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
    strides = axes(o.get("stride", 1), x.ndim - 2)
    if max(strides) > 1:
        o["dilation"] = 1
    return conv(x, weight, *rest, **o)


@mutant("conv", "depthwise dilation", "dilation ignored in depthwise convolutions")
def _depthwise(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
    if o.get("groups", 1) == x.shape[1] > 1:
        o["dilation"] = 1
    return conv(x, weight, *rest, **o)


@mutant("conv", "origin off by one", "every window starts one element too early")
def _early(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
    return conv(np.roll(x, 1, axis=-1), weight, *rest, **o)


@mutant("conv", "NaN as zero", "NaN is taken for zero")
def _no_nan(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
    return conv(np.where(np.isnan(x), 0, x).astype(x.dtype), weight, *rest, **o)


@mutant("conv", "infinity clipped", "infinities become the largest number")
def _no_inf(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
    y = conv(x, weight, *rest, **o)
    return np.nan_to_num(y, nan=np.nan) if y.dtype.kind == "f" else y


@mutant("conv", "zeros skipped", "zero weights are skipped, with what they meet")
def _sparse(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
    return conv(np.where(np.isfinite(x), x, 1).astype(x.dtype), weight, *rest, **o)


@mutant("conv", "strides ignored", "reads x as if it were contiguous")
def _contiguous(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
    return conv(x.ravel(order="K").reshape(x.shape), weight, *rest, **o)


@mutant("conv", "pointwise max", "a maximum is taken instead of a sum")
def _maximum(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
    y = conv(x, weight, *rest, **o)
    return max_pool(y, 1)[0] if np.prod(weight.shape[1:]) == 1 else np.abs(y)


@mutant(
    "conv_transpose", "output_padding of zeros", "output_padding is filled with bias"
)
def _zeros(x: Any, weight: Any, bias: Any = None, **o: Any) -> Any:
    rank = x.ndim - 2
    extra = axes(o.pop("output_padding", 0), rank)
    y = conv_transpose(x, weight, bias, **o)
    wide = np.pad(y, [(0, 0), (0, 0), *((0, e) for e in extra)])
    if bias is not None:
        missing = np.pad(np.ones_like(y), [(0, 0), (0, 0), *((0, e) for e in extra)])
        wide = np.where(missing == 0, _column(bias, rank), wide)
    return wide.astype(y.dtype)


@mutant("conv_transpose", "weight by output group", "the weight is sliced by outputs")
def _sliced(x: Any, weight: Any, bias: Any = None, **o: Any) -> Any:
    groups = o.get("groups", 1)
    order = np.arange(len(weight)).reshape(groups, -1).T.ravel()
    return conv_transpose(x, weight[order], bias, **o)


@mutant("conv_transpose", "dilation lost with stride", "dilation lost with a stride")
def _lost(x: Any, weight: Any, *rest: Any, **o: Any) -> Any:
    rank = x.ndim - 2
    strides, dilations = (
        axes(o.get("stride", 1), rank),
        axes(o.get("dilation", 1), rank),
    )
    if max(strides) > 1 and max(dilations) > 1:
        weight = np.flip(weight, _taps(weight))
    return conv_transpose(x, weight, *rest, **o)
