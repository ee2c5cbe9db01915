"""Writing layers that slide a window, and dense ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...layers import (
    AdaptiveAvgPool,
    AdaptiveMaxPool,
    AvgPool,
    Conv,
    ConvTranspose,
    GlobalAvgPool,
    GlobalMaxPool,
    Linear,
    LpPool,
    MaxPool,
    MaxUnpool,
)
from ...layers.folding import Col2Im
from ...layers.windowed import window_of
from ...per_axis import per_axis
from ...reference.pooling import cells
from ...window import Window
from .writing import Place, cannot, writes


def _moves(window: Window, **more: Any) -> dict[str, Any]:
    """A window in ONNX's attributes; all begins of the padding come first."""
    begins, ends = zip(*window.padding, strict=True)
    return {
        "kernel_shape": list(window.kernel),
        "strides": list(window.stride),
        "pads": [*begins, *ends],
        "dilations": list(window.dilation),
        **more,
    }


def _with_bias(place: Place) -> list[str]:
    bias: Any = place.layer.bias  # type: ignore[attr-defined]
    found = [place.inputs[0], place.parameter("weight")]
    return found if bias is None else [*found, place.parameter("bias")]


@writes(Conv)
def _conv(place: Place) -> None:
    layer: Any = place.layer
    moves = _moves(layer.window(place.size), group=int(layer.groups))
    place.node("Conv", _with_bias(place), **moves)


@writes(ConvTranspose)
def _conv_transpose(place: Place) -> None:
    layer: Any = place.layer
    rank = len(place.size)
    window = Window.of(
        layer.weight.shape[2:],
        rank,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        input_size=place.shape[2:],
    )
    extra = per_axis(layer.output_padding, rank, "output_padding", 0)
    if any(e >= s for e, s in zip(extra, window.stride, strict=True)):
        raise cannot(place, f"its output_padding {extra} reaches its stride")
    moves = _moves(window, group=int(layer.groups), output_padding=list(extra))
    place.node("ConvTranspose", _with_bias(place), **moves)


@writes(Linear)
def _linear(place: Place) -> None:
    layer: Any = place.layer
    if len(place.shapes[0]) == 2:
        place.node("Gemm", _with_bias(place), transB=1)
        return
    turned = place.parameter("weight", np.ascontiguousarray(layer.weight.T))
    if layer.bias is None:
        place.node("MatMul", [place.inputs[0], turned])
        return
    product = place.node("MatMul", [place.inputs[0], turned], "product")
    place.node("Add", [product, place.parameter("bias")])


@writes(MaxPool)
def _max_pool(place: Place) -> None:
    window = window_of(place.layer, place.size)
    place.node("MaxPool", place.inputs, **_moves(window, ceil_mode=int(_ceil(place))))


def _ceil(place: Place) -> bool:
    return bool(getattr(place.layer, "ceil_mode", False))


@writes(AvgPool)
def _avg_pool(place: Place) -> None:
    layer: Any = place.layer
    moves = _moves(window_of(layer, place.size), ceil_mode=int(_ceil(place)))
    counted = int(bool(layer.count_include_pad))
    place.node("AveragePool", place.inputs, count_include_pad=counted, **moves)


@writes(LpPool)
def _lp_pool(place: Place) -> None:
    layer: Any = place.layer
    power = int(layer.norm_type)
    if power != layer.norm_type or (layer.ceil_mode and layer.rescale_clipped):
        raise cannot(place, "ONNX has whole powers only, and rescales no clipped sums")
    moves = _moves(window_of(layer, place.size), ceil_mode=int(_ceil(place)))
    place.node("LpPool", place.inputs, p=power, **moves)


@writes(MaxUnpool)
def _max_unpool(place: Place) -> None:
    layer: Any = place.layer
    if layer.overlap != "assign" or not place.inputs[1].endswith("/switches"):
        raise cannot(place, 'ONNX has overlap="assign" by the switches of a pool only')
    moves = _moves(window_of(layer, place.size))
    del moves["dilations"]
    size = place.numbers("output_shape", *place.shape)
    if layer.output_size is None:
        place.node("MaxUnpool", place.inputs, **moves)
    else:
        place.node("MaxUnpool", [*place.inputs, size], **moves)


@writes(GlobalAvgPool)
def _global_avg_pool(place: Place) -> None:
    place.node("GlobalAveragePool", place.inputs)


@writes(GlobalMaxPool)
def _global_max_pool(place: Place) -> None:
    place.node("GlobalMaxPool", place.inputs)


@writes(AdaptiveMaxPool, AdaptiveAvgPool)
def _adaptive(place: Place) -> None:
    """A plain pool where the cells are even, products with shares where not."""
    size, outputs = place.size, place.shape[2:]
    average = isinstance(place.layer, AdaptiveAvgPool)
    if set(outputs) == {1}:
        place.node("GlobalAveragePool" if average else "GlobalMaxPool", place.inputs)
    elif all(n % o == 0 for n, o in zip(size, outputs, strict=True)):
        kernel = [n // o for n, o in zip(size, outputs, strict=True)]
        kind = "AveragePool" if average else "MaxPool"
        place.node(kind, place.inputs, kernel_shape=kernel, strides=kernel)
    elif average and len(size) <= 2:
        _shares(place, size, outputs)
    else:
        raise cannot(place, f"{size} does not share out evenly into {outputs}")


def _shares(place: Place, size: tuple[int, ...], outputs: tuple[int, ...]) -> None:
    (x,) = place.inputs
    last = place.parameter("shares_last", _matrix(size[-1], outputs[-1]).T.copy())
    if len(size) == 1:
        place.node("MatMul", [x, last])
        return
    rows = place.node("MatMul", [x, last], "rows")
    first = place.parameter("shares_first", _matrix(size[0], outputs[0]))
    place.node("MatMul", [first, rows])


def _matrix(length: int, outputs: int) -> Any:
    """``(outputs, length)``: how much of each sample is in each mean."""
    matrix = np.zeros((outputs, length), np.float32)
    for row, (_, (inside,)) in enumerate(cells((length,), (outputs,))):
        matrix[row, inside] = 1 / (inside.stop - inside.start)
    return matrix


@writes(Col2Im)
def _col2im(place: Place) -> None:
    layer: Any = place.layer
    rank = len(layer.output_size)
    window = Window.of(
        layer.kernel_size,
        rank,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        input_size=layer.output_size,
    )
    moves = _moves(window)
    del moves["kernel_shape"]
    image = place.numbers("image_shape", *layer.output_size)
    block = place.numbers("block_shape", *window.kernel)
    place.node("Col2Im", [*place.inputs, image, block], **moves)
