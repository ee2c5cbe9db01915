"""Draws calls of what slides a window: convolutions, im2col, col2im."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...arrays import Array
from .drafts import Draft, drawer

Drawn = tuple[dict[str, Array | None], dict[str, Any]]

KERNELS = (1, 2, 3, 1, 2, 3, 4, 5, 7)
STRIDES = (1, 2, 3, 1, 2, 4)
DILATIONS = (1, 2, 1, 3)
PADS = (0, 1, 2, 0, 1, 3)
GROUPS = (1, 1, 2, 3, 1, 4)


class Sliding(NamedTuple):
    """A window over sizes that it fits, and the options that say so."""

    kernel: tuple[int, ...]
    sizes: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]


def kernel_of(d: Draft, rank: int) -> tuple[int, ...]:
    """A kernel of few enough taps."""
    found = [d.pick(f"kernel{i}", KERNELS) for i in range(rank)]
    while math.prod(found) > 36:
        found[found.index(max(found))] -= 1
    return tuple(found)


def strides_of(d: Draft, rank: int) -> tuple[int, ...]:
    """A stride for each axis, all ones if the kernel takes none."""
    if not d.may("stride"):
        return (1,) * rank
    return tuple(d.pick(f"stride{i}", STRIDES) for i in range(rank))


def dilations_of(d: Draft, rank: int) -> tuple[int, ...]:
    """A dilation for each axis."""
    if not d.may("dilation"):
        return (1,) * rank
    return tuple(d.pick(f"dilation{i}", DILATIONS) for i in range(rank))


def padding_of(d: Draft, limits: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Padding of each axis, with ends of their own where the semantics have them."""
    if not d.may("padding"):
        return ((0, 0),) * len(limits)
    found = []
    for i, limit in enumerate(limits):
        begin = min(limit, d.pick(f"padding{i}", PADS))
        end = min(limit, d.pick(f"end{i}", PADS)) if d.wishes.pairs else begin
        found.append((begin, end))
    return tuple(found)


def spelt(d: Draft, pads: tuple[tuple[int, int], ...]) -> Any:
    """Padding as it is handed to the kernel."""
    return pads if d.wishes.pairs else tuple(begin for begin, _ in pads)


def options_of(d: Draft, **given: Any) -> dict[str, Any]:
    """Those of the options that the kernel takes."""
    return {name: value for name, value in given.items() if d.may(name)}


def _sliding(d: Draft, rank: int, others: int) -> Sliding:
    kernel, stride = kernel_of(d, rank), strides_of(d, rank)
    dilation, pads = dilations_of(d, rank), padding_of(d, (3,) * rank)
    span = [m * (k - 1) + 1 for k, m in zip(kernel, dilation, strict=True)]
    lowest = [max(1, s - b - e) for s, (b, e) in zip(span, pads, strict=True)]
    sizes = d.sizes(rank, lowest, others)
    outputs = tuple(
        (n + b + e - s) // t + 1
        for n, (b, e), s, t in zip(sizes, pads, span, stride, strict=True)
    )
    options = options_of(d, stride=stride, padding=spelt(d, pads), dilation=dilation)
    return Sliding(kernel, sizes, outputs, options)


class _Channels(NamedTuple):
    groups: int
    depth: int  # input channels of each group
    width: int  # output channels of each group

    @property
    def most(self) -> int:
        return self.groups * max(self.depth, self.width)


def _channels(d: Draft) -> _Channels:
    groups = d.pick("groups", GROUPS) if d.may("groups") else 1
    depth, width = d.channels("depth"), d.channels("width")
    while groups > 1 and groups * max(depth, width) > 24:
        depth, width = (depth + 1) // 2, (width + 1) // 2
    return _Channels(groups, depth, width)


def _bias(d: Draft, count: int) -> Array | None:
    wanted = d.may("bias") and d.pick("bias", (False, True, True))
    return d.array(count, role="bias") if wanted else None


def _grouped(d: Draft, options: dict[str, Any], groups: int) -> dict[str, Any]:
    return {**options, **options_of(d, groups=groups)}


@drawer("conv")
def _conv(d: Draft) -> Drawn:
    rank, batch, c = d.rank(), d.batch(), _channels(d)
    window = _sliding(d, rank, max(batch, 1) * c.most)
    return {
        "x": d.array(batch, c.groups * c.depth, *window.sizes),
        "weight": d.array(c.groups * c.width, c.depth, *window.kernel, role="weight"),
        "bias": _bias(d, c.groups * c.width),
    }, _grouped(d, window.options, c.groups)


@drawer("conv_input_grad")
def _conv_input_grad(d: Draft) -> Drawn:
    rank, batch, c = d.rank(), d.batch(), _channels(d)
    window = _sliding(d, rank, max(batch, 1) * c.most)
    options = _grouped(d, window.options, c.groups)
    return {
        "grad": d.array(batch, c.groups * c.width, *window.outputs),
        "weight": d.array(c.groups * c.width, c.depth, *window.kernel, role="weight"),
    }, {"input_size": window.sizes, **options}


@drawer("conv_weight_grad")
def _conv_weight_grad(d: Draft) -> Drawn:
    rank, batch, c = d.rank(), d.batch(), _channels(d)
    window = _sliding(d, rank, max(batch, 1) * c.most)
    options = _grouped(d, window.options, c.groups)
    return {
        "grad": d.array(batch, c.groups * c.width, *window.outputs, role="grad"),
        "x": d.array(batch, c.groups * c.depth, *window.sizes),
    }, {"kernel_size": window.kernel, **options}


@drawer("conv_transpose")
def _conv_transpose(d: Draft) -> Drawn:
    rank, batch, c = d.rank(), d.batch(), _channels(d)
    kernel, stride, dilation = kernel_of(d, rank), strides_of(d, rank), None
    dilation, pads = dilations_of(d, rank), padding_of(d, (3,) * rank)
    limits = stride
    if d.wishes.semantics.output_padding != "stride":
        limits = tuple(max(s, m) for s, m in zip(stride, dilation, strict=True))
    extra = tuple(
        d.pick(f"extra{i}", tuple(range(n))) if d.may("output_padding") else 0
        for i, n in enumerate(limits)
    )
    lowest = [
        1 + max(0, -(-(b + e - m * (k - 1) - x) // s))
        for (b, e), m, k, x, s in zip(
            pads, dilation, kernel, extra, stride, strict=True
        )
    ]
    grown = max(batch, 1) * c.most * math.prod(stride)
    sizes = d.sizes(rank, lowest, grown)
    options = options_of(
        d,
        stride=stride,
        padding=spelt(d, pads),
        output_padding=extra,
        dilation=dilation,
    )
    return {
        "x": d.array(batch, c.groups * c.depth, *sizes),
        "weight": d.array(c.groups * c.depth, c.width, *kernel, role="weight"),
        "bias": _bias(d, c.groups * c.width),
    }, _grouped(d, options, c.groups)


@drawer("im2col")
def _im2col(d: Draft) -> Drawn:
    rank, batch, channels = d.rank(), d.batch(), d.channels()
    window = _sliding(d, rank, max(batch, 1) * channels * 4)
    x = d.array(batch, channels, *window.sizes)
    return {"x": x}, {"kernel_size": window.kernel, **window.options}


@drawer("col2im")
def _col2im(d: Draft) -> Drawn:
    rank, batch, channels = d.rank(), d.batch(), d.channels()
    window = _sliding(d, rank, max(batch, 1) * channels * 4)
    rows = channels * math.prod(window.kernel)
    columns = d.array(batch, rows, math.prod(window.outputs))
    sizes = {"output_size": window.sizes, "kernel_size": window.kernel}
    return {"columns": columns}, {**sizes, **window.options}
