"""What is measured: each case gives both sides the same inputs on the card."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from numpy_deconv import get_backend
from numpy_deconv.benchmarks.shapes import distinct
from numpy_deconv.layers import Conv, MaxPool
from numpy_deconv.window import Window

NETS = ("vgg16", "alexnet", "squeezenet1_1")
BATCHES = (1, 32, 256)
DEVICE = "cuda"
SHRUNK = False  # a dry run: few channels, small planes
ROTATED = 192 << 20  # bytes of inputs, so that a cache does not hold them
MOST_INPUTS = 8
LARGEST = 24 << 30  # bytes of one case's arrays; a larger batch is left out

Sides = tuple[Callable[[int], Any], Callable[[int], Any]]


@dataclass(frozen=True)
class Case:
    """``make(tools)`` gives our side and PyTorch's, each a function of the call's
    number; ``nbytes`` and ``flops`` are what a call must move and compute."""

    group: str
    name: str
    batch: int
    precision: str
    nbytes: float
    flops: float
    make: Callable[[Tools], Sides]
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Tools:
    """The two libraries, and arrays that both see."""

    cupy: Any
    torch: Any

    def arrays(self, *shape: int, half: bool = False) -> tuple[Any, Any]:
        """Normal numbers, as PyTorch's tensor and as CuPy's array on one memory; None
        for a tensor where there is no PyTorch."""
        if self.torch is None:
            drawn = self.cupy.random.standard_normal(shape, dtype=self.cupy.float32)
            return None, drawn.astype(self.cupy.float16) if half else drawn
        dtype = self.torch.float16 if half else self.torch.float32
        tensor = self.torch.randn(shape, device=DEVICE).to(dtype)
        return tensor, self.cupy.from_dlpack(tensor)

    def rotating(self, *shape: int, half: bool = False) -> tuple[list[Any], list[Any]]:
        """Several of them, more than the cache holds together."""
        each = math.prod(shape) * (2 if half else 4)
        count = max(1, min(MOST_INPUTS, -(-ROTATED // each)))
        pairs = [self.arrays(*shape, half=half) for _ in range(count)]
        return [t for t, _ in pairs], [c for _, c in pairs]


def order(case: Case) -> int:
    """What is to be known first: the issue's own targets, at batch 32."""
    if case.group == "projection":
        return 2
    first = {1: 5, 32: 0, 256: 6}.get(case.batch, 4)
    if case.group == "vgg16 conv" or first == 6:
        return first
    return first + (1 if "conv" not in case.group or "transposed" in case.group else 3)


def cases(batches: tuple[int, ...] = BATCHES) -> Iterator[Case]:
    """All of them, those of one group together."""
    for batch in batches:
        yield from _convolutions(batch)
        yield from _transposed(batch)
        yield from _pools(batch)
        yield from _columns(batch)
        yield from _norms(batch)


def _convolutions(batch: int) -> Iterator[Case]:
    for net, step in distinct(Conv):
        if net not in NETS or step.window is None:
            continue
        if SHRUNK and step.macs > 1 << 23:
            continue
        x, out = (batch, *step.size), (batch, *step.out)
        elements = math.prod(x) + math.prod(out) + math.prod(step.weight)
        for precision in ("float32", "tf32", "float16"):
            size = 2 if precision == "float16" else 4
            if elements * size > LARGEST:
                continue
            yield Case(
                f"{net} conv",
                step.words(),
                batch,
                precision,
                elements * size,
                2.0 * step.macs * batch,
                _conv(x, step.weight, step.window, step.groups, precision),
                {"float32": 1e-4, "tf32": 5e-3, "float16": 5e-3}[precision],
            )


def _conv(
    x: tuple[int, ...],
    weight: tuple[int, ...],
    window: Window,
    groups: int,
    precision: str,
) -> Callable[[Tools], Sides]:
    def make(tools: Tools) -> Sides:
        half = precision == "float16"
        tensors, arrays = tools.rotating(*x, half=half)
        w, w_array = tools.arrays(*weight, half=half)
        b, b_array = tools.arrays(weight[0], half=half)
        low = "tf32" if precision == "tf32" else "float32"
        backend = get_backend("cupy", precision=low)
        pads = tuple(begin for begin, _ in window.padding)
        plain = all(begin == end for begin, end in window.padding)
        if not plain:
            raise ValueError("PyTorch's convolution has no uneven padding")

        def ours(n: int) -> Any:
            return backend.conv(
                arrays[n % len(arrays)], w_array, b_array, window, groups
            )

        def theirs(n: int) -> Any:
            return tools.torch.nn.functional.conv2d(
                tensors[n % len(tensors)], w, b, window.stride, pads, 1, groups
            )

        return ours, theirs

    return make


ALEXNET_1 = Window((11, 11), (4, 4), ((2, 2), (2, 2)), (1, 1))
TRANSPOSED = (
    # name, window, channels of the gradient and of the image, sizes of both
    ("alexnet conv1 upwards", ALEXNET_1, 64, 3, (55, 55), (224, 224)),
    (
        "vgg16 conv3_2 upwards",
        Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
        *(256, 256, (56, 56), (56, 56)),
    ),
    (
        "upsampling 4x4/2",
        Window((4, 4), (2, 2), ((1, 1), (1, 1)), (1, 1)),
        *(128, 64, (64, 64), (128, 128)),
    ),
)


def _transposed(batch: int) -> Iterator[Case]:
    for name, window, channels, filters, size, out in TRANSPOSED:
        grad, weight = (batch, channels, *size), (channels, filters, *window.kernel)
        elements = math.prod(grad) + batch * filters * math.prod(out)
        flops = 2.0 * math.prod(grad) * filters * window.size
        yield Case(
            "transposed conv",
            name,
            batch,
            "float32",
            4.0 * (elements + math.prod(weight)),
            flops,
            _upwards(grad, weight, window, out),
        )


def _upwards(
    grad: tuple[int, ...], weight: tuple[int, ...], window: Window, out: tuple[int, ...]
) -> Callable[[Tools], Sides]:
    def make(tools: Tools) -> Sides:
        tensors, arrays = tools.rotating(*grad)
        w, w_array = tools.arrays(*weight)
        backend = get_backend("cupy", precision="float32")
        pads = tuple(begin for begin, _ in window.padding)
        extra = tuple(
            o - ((g - 1) * s - 2 * p + k)
            for o, g, s, p, k in zip(
                out, grad[2:], window.stride, pads, window.kernel, strict=True
            )
        )

        def ours(n: int) -> Any:
            x = arrays[n % len(arrays)]
            return backend.conv_input_grad(x, w_array, None, out, window, 1)

        def theirs(n: int) -> Any:
            return tools.torch.nn.functional.conv_transpose2d(
                tensors[n % len(tensors)], w, None, window.stride, pads, extra
            )

        return ours, theirs

    return make


def _pools(batch: int) -> Iterator[Case]:
    for net, step in distinct(MaxPool):
        if net not in NETS or step.window is None:
            continue
        read, made = batch * math.prod(step.size), batch * math.prod(step.out)
        if 4 * read > LARGEST // 4 or (SHRUNK and math.prod(step.size) > 1 << 17):
            continue
        x, window = (batch, *step.size), step.window
        words = f"{net} {step.words()}"
        moved = 4.0 * read + 12.0 * made  # values, and switches of 64 bits
        sides = _pool(x, window)
        yield Case("max pool", words, batch, "float32", moved, 0, sides, 0)
        if (window.kernel, window.stride) == ((2, 2), (2, 2)):  # else torch's differs
            sides = _unpool(x, window)
            yield Case("unpool", words, batch, "float32", moved, 0, sides, 0)


def _pool(x: tuple[int, ...], window: Window) -> Callable[[Tools], Sides]:
    def make(tools: Tools) -> Sides:
        tensors, arrays = tools.rotating(*x)
        backend = get_backend("cupy", precision="float32")

        def ours(n: int) -> Any:
            return backend.max_pool(arrays[n % len(arrays)], window)

        def theirs(n: int) -> Any:
            return tools.torch.nn.functional.max_pool2d(
                tensors[n % len(tensors)],
                window.kernel,
                window.stride,
                ceil_mode=window.ceil_mode,
                return_indices=True,
            )

        return ours, theirs

    return make


def _unpool(x: tuple[int, ...], window: Window) -> Callable[[Tools], Sides]:
    def make(tools: Tools) -> Sides:
        tensors, _ = tools.rotating(*x)
        functional, size = tools.torch.nn.functional, x[2:]
        pooled = [
            functional.max_pool2d(t, window.kernel, window.stride, return_indices=True)
            for t in tensors
        ]
        shared = [tuple(map(tools.cupy.from_dlpack, pair)) for pair in pooled]
        backend = get_backend("cupy", precision="float32")

        def ours(n: int) -> Any:
            values, switches = shared[n % len(shared)]
            return backend.scatter(values, switches, size, "sum")

        def theirs(n: int) -> Any:
            values, switches = pooled[n % len(pooled)]
            return functional.max_unpool2d(
                values, switches, window.kernel, window.stride, output_size=size
            )

        return ours, theirs

    return make


def _columns(batch: int) -> Iterator[Case]:
    if batch > 32:
        return
    window = Window((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    size, channels = (56, 56), 64
    image, columns = batch * channels * 56 * 56, batch * channels * 9 * 56 * 56

    def make(tools: Tools) -> Sides:
        tensors, arrays = tools.rotating(batch, channels * 9, 56 * 56)
        backend = get_backend("cupy", precision="float32")

        def ours(n: int) -> Any:
            return backend.col2im(arrays[n % len(arrays)], window, size, size)

        def theirs(n: int) -> Any:
            x = tensors[n % len(tensors)]
            return tools.torch.nn.functional.fold(x, size, (3, 3), padding=1)

        return ours, theirs

    moved = 4.0 * (image + columns)
    yield Case("col2im", "64 3x3 at 56", batch, "float32", moved, 0, make)


def _norms(batch: int) -> Iterator[Case]:
    x = (batch, 96, 55, 55)

    def make(tools: Tools) -> Sides:
        tensors, arrays = tools.rotating(*x)
        backend = get_backend("cupy", precision="float32")

        def ours(n: int) -> Any:
            return backend.local_response_norm(
                arrays[n % len(arrays)], 5, 1e-4, 0.75, 2.0
            )

        def theirs(n: int) -> Any:
            return tools.torch.nn.functional.local_response_norm(
                tensors[n % len(tensors)], 5, 1e-4, 0.75, 2.0
            )

        return ours, theirs

    yield Case(
        "lrn", "96 channels at 55", batch, "float32", 8.0 * math.prod(x), 0, make
    )
