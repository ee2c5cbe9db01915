"""Convolutions of the published nets, and strided ones upwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import case
from case import Case, Sides, Tools
from shrunken import Shape, shapes

from numpy_deconv import get_backend
from numpy_deconv.layers import Conv
from numpy_deconv.window import Window

TOLERANCES = {"float32": 1e-4, "tf32": 5e-3, "float16": 5e-3}
ALEXNET_1 = Window((11, 11), (4, 4), ((2, 2), (2, 2)), (1, 1))
VGG = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
DOUBLING = Window((4, 4), (2, 2), ((1, 1), (1, 1)), (1, 1))
TRANSPOSED = (
    # name, window, channels of the gradient and of the image, sizes of both
    ("alexnet conv1 upwards", ALEXNET_1, 64, 3, (55, 55), (224, 224)),
    ("vgg16 conv3_2 upwards", VGG, 256, 256, (56, 56), (56, 56)),
    ("upsampling 4x4/2", DOUBLING, 128, 64, (64, 64), (128, 128)),
)
SMALL = (("alexnet conv1, small", DOUBLING, 8, 4, (9, 9), (18, 18)),)


def cases(batch: int) -> Iterator[Case]:
    """At one batch: each shape at each precision, then the transposed ones."""
    for shape in shapes(Conv):
        for precision in TOLERANCES:
            found = _case(shape, batch, precision)
            if found.nbytes <= case.LARGEST:
                yield found
    yield from _transposed(batch)


def _case(shape: Shape, batch: int, precision: str) -> Case:
    """It reads input and weight and writes the output once; a multiplication and the
    sum after it are two operations."""
    planes = batch * (math.prod(shape.size) + math.prod(shape.out))
    size = 2 if precision == "float16" else 4
    nbytes = size * (planes + math.prod(shape.weight))
    about = (f"{shape.net} conv", shape.words, batch, precision)
    sides = _sides(shape, batch, precision)
    return Case(*about, nbytes, 2.0 * shape.macs * batch, sides, TOLERANCES[precision])


def _sides(shape: Shape, batch: int, precision: str) -> Callable[[Tools], Sides]:
    window, groups = shape.window, shape.groups
    pads = tuple(begin for begin, _ in window.padding)

    def make(tools: Tools) -> Sides:
        if any(begin != end for begin, end in window.padding):
            raise ValueError("PyTorch's convolution has no uneven padding")
        half = precision == "float16"
        tensors, arrays = tools.rotating(batch, *shape.size, half=half)
        w, w_array = tools.weights(*shape.weight, half=half)
        b, b_array = tools.weights(shape.weight[0], half=half)
        low = "tf32" if precision == "tf32" else "float32"
        backend = get_backend("cupy", precision=low)

        def ours(n: int) -> Any:
            x = arrays[n % len(arrays)]
            return backend.conv(x, w_array, b_array, window, groups)

        def theirs(n: int) -> Any:
            x = tensors[n % len(tensors)]
            options = (window.stride, pads, window.dilation, groups)
            return tools.torch.nn.functional.conv2d(x, w, b, *options)

        return tools.sides(ours, theirs)

    return make


def _transposed(batch: int) -> Iterator[Case]:
    for name, window, channels, filters, size, out in (
        SMALL if case.SHRUNK else TRANSPOSED
    ):
        grad, weight = (batch, channels, *size), (channels, filters, *window.kernel)
        moved = math.prod(grad) + batch * filters * math.prod(out) + math.prod(weight)
        flops = 2.0 * math.prod(grad) * filters * window.size
        about = ("transposed conv", name, batch, "float32")
        yield Case(*about, 4.0 * moved, flops, _upwards(grad, weight, window, out))


def _upwards(
    grad: tuple[int, ...], weight: tuple[int, ...], window: Window, out: tuple[int, ...]
) -> Callable[[Tools], Sides]:
    pads = tuple(begin for begin, _ in window.padding)
    plain = [  # of the result, but for the rows that a stride leaves out
        (n - 1) * stride - 2 * pad + taps
        for n, stride, pad, taps in zip(
            grad[2:], window.stride, pads, window.kernel, strict=True
        )
    ]
    extra = tuple(n - least for n, least in zip(out, plain, strict=True))

    def make(tools: Tools) -> Sides:
        tensors, arrays = tools.rotating(*grad)
        w, w_array = tools.weights(*weight)
        backend = get_backend("cupy", precision="float32")

        def ours(n: int) -> Any:
            x = arrays[n % len(arrays)]
            return backend.conv_input_grad(x, w_array, None, out, window, 1)

        def theirs(n: int) -> Any:
            x = tensors[n % len(tensors)]
            options = (window.stride, pads, extra)
            return tools.torch.nn.functional.conv_transpose2d(x, w, None, *options)

        return tools.sides(ours, theirs)

    return make
