"""Operators that slide a window: convolutions, pools, unpooling, columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import FileFormatError
from ...layers import (
    AvgPool,
    Conv,
    ConvTranspose,
    GlobalAvgPool,
    GlobalMaxPool,
    LpPool,
    MaxPool,
    MaxUnpool,
)
from ...layers.folding import Col2Im
from ...layers.indices import PlaneIndices, WholeIndices
from ...layers.reduction import Reduce
from ...window import Window
from .tracing import Call, Results, Shape, Value, operator

_SAME = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}


def _rank(x: Value) -> int:
    """The number of spatial axes; FileFormatError where a window cannot slide."""
    if not 3 <= x.rank <= 5:
        raise FileFormatError(
            f"its input has shape {x.shape}, and 1 to 3 spatial axes are supported"
        )
    return x.rank - 2


def _numbers(call: Call, name: str, rank: int, default: int) -> tuple[int, ...]:
    numbers: tuple[int, ...] = call.attribute(name, (default,) * rank)
    if len(numbers) != rank:
        raise FileFormatError(f"its {name} {numbers} are not one per spatial axis")
    return numbers


def _pairs(call: Call, rank: int, name: str = "pads") -> tuple[tuple[int, int], ...]:
    """Padding as (begin, end) pairs; ONNX lists all begins, then all ends."""
    pads = call.attribute(name, (0,) * (2 * rank))
    if len(pads) != 2 * rank:
        raise FileFormatError(f"its {name} {pads} are not two per spatial axis")
    return tuple(zip(pads[:rank], pads[rank:], strict=True))


def _padding(call: Call, rank: int) -> Any:
    auto = call.attribute("auto_pad", "NOTSET")
    if auto in _SAME:
        return _SAME[auto]
    if auto != "NOTSET":
        raise FileFormatError(f"its auto_pad {auto!r} is not known")
    return _pairs(call, rank)


def _geometry(call: Call, rank: int) -> dict[str, Any]:
    return {
        "stride": _numbers(call, "strides", rank, 1),
        "padding": _padding(call, rank),
        "dilation": _numbers(call, "dilations", rank, 1),
    }


MOST_TAPS = 2**20
"""Of a window: a square of 1024 by 1024."""


def _kernel(call: Call, rank: int) -> tuple[int, ...]:
    kernel: tuple[int, ...] = call.attribute("kernel_shape", ())
    if len(kernel) != rank:
        raise FileFormatError(f"its kernel_shape {kernel} is not one per spatial axis")
    if math.prod(kernel) > MOST_TAPS:
        raise FileFormatError(f"its kernel_shape {kernel} has too many taps to visit")
    return kernel


def _weights(call: Call, x: Value) -> tuple[Any, Any, int]:
    """Weight, bias and groups of a convolution."""
    weight, bias = call.constant(1, "weight"), call.optional_constant(2, "bias")
    groups = call.attribute("group", 1)
    if weight.ndim != x.rank:
        raise FileFormatError(
            f"its weight has shape {weight.shape}, its input {x.shape}"
        )
    return weight, bias, groups


@operator("Conv")
def _conv(call: Call) -> Results:
    x = call.input(0)
    rank = _rank(x)
    weight, bias, groups = _weights(call, x)
    options = _geometry(call, rank)
    if weight.shape[1] * groups != x.shape[1]:
        raise FileFormatError(
            f"its input has {x.shape[1]} channels, its weight expects "
            f"{weight.shape[1] * groups}"
        )
    window = Window.of(weight.shape[2:], rank, input_size=x.shape[2:], **options)
    layer = Conv(weight, bias, groups=groups, **options)
    size = window.output_size(x.shape[2:])
    return call.add(layer, x, shape=(x.shape[0], len(weight), *size))


@operator("ConvTranspose")
def _conv_transpose(call: Call) -> Results:
    x = call.input(0)
    rank = _rank(x)
    weight, bias, groups = _weights(call, x)
    if len(weight) != x.shape[1]:
        raise FileFormatError(
            f"its input has {x.shape[1]} channels, its weight expects {len(weight)}"
        )
    stride = _numbers(call, "strides", rank, 1)
    dilation = _numbers(call, "dilations", rank, 1)
    extra = _numbers(call, "output_padding", rank, 0)
    window = Window.of(weight.shape[2:], rank, stride=stride, dilation=dilation)
    pairs, extra = _transposed_padding(call, window, x.shape[2:], extra)
    layer = ConvTranspose(weight, bias, stride, pairs, extra, dilation, groups)
    window = Window.of(
        weight.shape[2:], rank, stride=stride, dilation=dilation, padding=pairs
    )
    size = window.transposed_size(x.shape[2:], extra)
    channels = weight.shape[1] * groups
    return call.add(layer, x, shape=(x.shape[0], channels, *size))


def _transposed_padding(
    call: Call, window: Window, size: Shape, extra: tuple[int, ...]
) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    """Padding, and output padding; both follow from ``output_shape`` where given."""
    rank = window.rank
    auto = call.attribute("auto_pad", "NOTSET")
    target = call.attribute("output_shape", ())
    if auto in ("SAME_UPPER", "SAME_LOWER") and not target:
        target = tuple(n * s for n, s in zip(size, window.stride, strict=True))
    if not target:
        pairs = ((0, 0),) * rank if auto == "VALID" else _pairs(call, rank)
        return pairs, extra
    if len(target) != rank:
        raise FileFormatError(f"its output_shape {target} is not one per spatial axis")
    found, added = [], []
    for axis, wanted in enumerate(target):
        full = (size[axis] - 1) * window.stride[axis] + window.span[axis] + extra[axis]
        total = max(0, full - wanted)
        short, long = total // 2, total - total // 2
        found.append((short, long) if auto == "SAME_UPPER" else (long, short))
        added.append(extra[axis] + max(0, wanted - full))
    return tuple(found), tuple(added)


@operator("MaxPool")
def _max_pool(call: Call) -> Results:
    x = call.input(0)
    rank = _rank(x)
    kernel, options = _kernel(call, rank), _geometry(call, rank)
    layer = MaxPool(kernel, ceil_mode=bool(call.attribute("ceil_mode", 0)), **options)
    shape = (*x.shape[:2], *layer.window(x.shape[2:]).output_size(x.shape[2:]))
    y = call.add(layer, x, shape=shape)
    if len(call.wanted) < 2 or not call.wanted[1]:
        return y
    if y.is_constant:
        raise FileFormatError("its input is a constant, of which no indices are kept")
    switches = Value(shape, np.dtype(np.int64), None, f"{y.layer}:switches")
    by_column = bool(call.attribute("storage_order", 0))
    whole = WholeIndices(tuple(x.shape[2:]), by_column)
    return y, call.add(whole, switches, step="indices")


@operator("MaxUnpool")
def _max_unpool(call: Call) -> Results:
    x, indices = call.input(0), call.input(1)
    rank = _rank(x)
    kernel, stride = _kernel(call, rank), _numbers(call, "strides", rank, 1)
    pairs = _pairs(call, rank)
    window = Window.of(kernel, rank, stride=stride, padding=pairs)
    size = window.transposed_size(x.shape[2:], (0,) * rank)
    given = call.whole_numbers(2, "output_shape")
    if given is not None:
        if len(given) != x.rank or min(given) < 1:
            raise FileFormatError(f"its output_shape {given} does not fit {x.shape}")
        size = given[2:]
    if indices.shape != x.shape:
        raise FileFormatError(f"indices of shape {indices.shape} for {x.shape}")
    layer = MaxUnpool(kernel, stride, pairs, size)
    switches = _switches(call, indices, size)
    if not x.is_constant:
        switches = call.as_layer(switches, x)
    shape = (*x.shape[:2], *size)
    return call.add(layer, x, switches, shape=shape)


def _switches(call: Call, indices: Value, size: Shape) -> Value:
    """Indices as switches: those of a pool as it saved them, others by the plane."""
    node = call.trace.nodes.get(indices.layer)
    if node is not None and isinstance(node.layer, WholeIndices):
        (source,) = node.inputs
        if not node.layer.by_column:
            return Value(indices.shape, indices.dtype, None, source)
    layer = PlaneIndices(tuple(size))
    return call.add(layer, indices, step="switches")


@operator("AveragePool")
def _average_pool(call: Call) -> Results:
    x = call.input(0)
    rank = _rank(x)
    layer = AvgPool(
        _kernel(call, rank),
        ceil_mode=bool(call.attribute("ceil_mode", 0)),
        count_include_pad=bool(call.attribute("count_include_pad", 0)),
        **_geometry(call, rank),
    )
    size = layer.window(x.shape[2:]).output_size(x.shape[2:])
    return call.add(layer, x, shape=(*x.shape[:2], *size))


@operator("LpPool")
def _lp_pool(call: Call) -> Results:
    x = call.input(0)
    rank = _rank(x)
    layer = LpPool(
        call.attribute("p", 2),
        _kernel(call, rank),
        ceil_mode=bool(call.attribute("ceil_mode", 0)),
        rescale_clipped=False,
        **_geometry(call, rank),
    )
    size = layer.window(x.shape[2:]).output_size(x.shape[2:])
    return call.add(layer, x, shape=(*x.shape[:2], *size))


@operator("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(call: Call) -> Results:
    x = call.input(0)
    rank = _rank(x)
    average = call.kind == "GlobalAveragePool"
    layer = GlobalAvgPool() if average else GlobalMaxPool()
    return call.add(layer, x, shape=(*x.shape[:2], *(1,) * rank))


@operator("GlobalLpPool")
def _global_lp_pool(call: Call) -> Results:
    x = call.input(0)
    rank, power = _rank(x), call.attribute("p", 2)
    if power not in (1, 2):
        raise FileFormatError(f"its p is {power}, and only 1 and 2 are supported")
    layer = Reduce(f"l{power}", tuple(range(2, rank + 2)))
    return call.add(layer, x, shape=(*x.shape[:2], *(1,) * rank))


@operator("Col2Im")
def _col2im(call: Call) -> Results:
    x = call.input(0)
    size = call.whole_numbers(1, "image_shape") or ()
    kernel = call.whole_numbers(2, "block_shape") or ()
    rank = len(size)
    if x.rank != 3 or len(kernel) != rank or not rank or min(size + kernel) < 1:
        raise FileFormatError(
            f"columns of shape {x.shape} do not make an image {size} of blocks {kernel}"
        )
    layer = Col2Im(
        size,
        kernel,
        _numbers(call, "strides", rank, 1),
        _pairs(call, rank),
        _numbers(call, "dilations", rank, 1),
    )
    channels, rest = divmod(x.shape[1], math.prod(kernel))
    if rest:
        raise FileFormatError(f"columns of {x.shape[1]} are not blocks {kernel}")
    return call.add(layer, x, shape=(x.shape[0], channels, *size))
