"""Where a sliding window looks: all size arithmetic of the definitions.

One axis, length 5, kernel 2, dilation 2, stride 2, padding (1, 1)::

    place      -1   0   1   2   3   4   5
    element     .   0   1   2   3   4   .
    output 0    a       a
    output 1            a       a
    output 2                    a       a

so output ``o`` with tap ``a`` looks at place ``o * stride - begin + a * dilation``.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import SupportsIndex

from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.oracle.definition.exact import Index

PerAxis = int | Sequence[int]
Padding = str | PerAxis | Sequence[PerAxis]


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a window that slides over ``length`` elements."""

    length: int
    kernel: int
    stride: int
    begin: int
    end: int
    dilation: int
    outputs: int

    def place(self, output: int, tap: int) -> int:
        """The element under ``tap`` at ``output``; outside [0, length): padding."""
        return output * self.stride - self.begin + tap * self.dilation

    def count(self, output: int, first: int, past: int) -> int:
        """How many taps of ``output`` lie in ``first <= place < past``."""
        places = [self.place(output, tap) for tap in range(self.kernel)]
        return sum(first <= place < past for place in places)


Axes = tuple[Axis, ...]


def per_axis(name: str, value: PerAxis, rank: int, least: int) -> Index:
    """``value`` as one integer per axis, each at least ``least``."""
    numbers = list(value) if isinstance(value, Sequence) else [value] * rank
    if len(numbers) != rank:
        raise ShapeError(f"{name} {value!r} must be one number or a tuple of {rank}.")
    if any(number < least for number in numbers):
        raise OptionError(f"{name} {value!r} must be at least {least} on every axis.")
    return tuple(operator.index(number) for number in numbers)


def axis_of(axis: int, rank: int) -> int:
    """``axis``, counted from the end if negative, as a number from 0 to rank - 1."""
    if not -rank <= axis < rank:
        raise OptionError(f"axis {axis} must be one of the {rank} axes.")
    return axis % rank


def is_pairs(padding: Padding) -> bool:
    """Tell whether ``padding`` is spelt as (begin, end) pairs."""
    if isinstance(padding, str) or not isinstance(padding, Sequence):
        return False
    return any(isinstance(each, Sequence) for each in padding)


def begin_end(padding: Padding, rank: int) -> list[tuple[int, int]]:
    """Padding given in numbers or pairs, as (begin, end) for each axis."""
    if isinstance(padding, str):
        raise OptionError(f"padding {padding!r} is unknown: say 'valid' or 'same'.")
    each_axis = [padding] * rank if isinstance(padding, SupportsIndex) else [*padding]
    if len(each_axis) != rank:
        raise ShapeError(f"padding {padding!r} must have one entry for {rank} axes.")
    pairs = [per_axis("padding", each, 2, 0) for each in each_axis]
    return [(begin, end) for begin, end in pairs]


def share(total: int, padding: Padding) -> tuple[int, int]:
    """``total`` as (begin, end): an odd one goes to the end, or with "same_lower"
    to the start."""
    small = total // 2
    return (total - small, small) if padding == "same_lower" else (small, total - small)


def window_axes(
    sizes: Sequence[int],
    kernel_size: PerAxis,
    stride: PerAxis,
    padding: Padding,
    dilation: PerAxis,
    ceil_mode: bool = False,
) -> Axes:
    """The axes of a window that slides over a plane of ``sizes``."""
    rank = len(sizes)
    kernels = per_axis("kernel_size", kernel_size, rank, 1)
    strides = per_axis("stride", stride, rank, 1)
    dilations = per_axis("dilation", dilation, rank, 1)
    steps = list(zip(sizes, kernels, strides, dilations, strict=True))
    if padding == "valid":
        pads = [(0, 0)] * rank
    elif padding in ("same", "same_lower"):
        # out = ceil(length / stride), whatever total padding that takes
        totals = [(-(-n // s) - 1) * s + d * (k - 1) + 1 - n for n, k, s, d in steps]
        pads = [share(max(0, total), padding) for total in totals]
    else:
        pads = begin_end(padding, rank)
    axes = []
    for (length, k, s, d), (begin, end) in zip(steps, pads, strict=True):
        spare = length + begin + end - (d * (k - 1) + 1)
        outputs = spare // s + 1
        if ceil_mode:
            outputs = -(-spare // s) + 1
            # a window that would start in the end padding, or after it, is dropped
            if (outputs - 1) * s >= length + begin:
                outputs -= 1
        if outputs < 1:
            raise ShapeError(
                f"a window of {k} with dilation {d} does not fit into size {length} "
                f"with padding ({begin}, {end})."
            )
        axes.append(Axis(length, k, s, begin, end, d, outputs))
    return tuple(axes)


def transpose_axes(
    sizes: Sequence[int],
    kernel_size: PerAxis,
    stride: PerAxis,
    padding: Padding,
    output_padding: PerAxis,
    dilation: PerAxis,
) -> Axes:
    """The axes of the window whose adjoint is a transposed convolution.

    That window slides over the transposed convolution's *output* and stops once for
    each of its inputs: ``outputs`` are the input's sizes, ``length`` the output's.
    """
    rank = len(sizes)
    kernels = per_axis("kernel_size", kernel_size, rank, 1)
    strides = per_axis("stride", stride, rank, 1)
    dilations = per_axis("dilation", dilation, rank, 1)
    extras = per_axis("output_padding", output_padding, rank, 0)
    extents = [d * (k - 1) + 1 for k, d in zip(kernels, dilations, strict=True)]
    if padding in ("same", "same_lower"):
        if any(extras):
            raise OptionError("output_padding must be 0 with padding 'same'.")
        spans = list(zip(extents, strides, strict=True))
        pads = [share(max(0, extent - s), padding) for extent, s in spans]
        extras = tuple(max(0, s - extent) for extent, s in spans)
    else:
        pads = begin_end(0 if padding == "valid" else padding, rank)
    axes = []
    for i, size in enumerate(sizes):
        begin, end = pads[i]
        if extras[i] >= max(strides[i], dilations[i]):
            raise OptionError(
                f"output_padding {extras[i]} must be smaller than stride {strides[i]} "
                f"or dilation {dilations[i]}."
            )
        length = (size - 1) * strides[i] + extents[i] - begin - end + extras[i]
        if length < 1:
            raise ShapeError(f"padding ({begin}, {end}) leaves no output on axis {i}.")
        axis = Axis(length, kernels[i], strides[i], begin, end, dilations[i], size)
        axes.append(axis)
    return tuple(axes)


def check_pool_padding(axes: Axes, padding: Padding) -> None:
    """Refuse a padding number above half the window's extent, as PyTorch does."""
    for axis in axes:
        limit = (axis.dilation * (axis.kernel - 1) + 1) // 2
        if (
            not isinstance(padding, str)
            and not is_pairs(padding)
            and axis.begin > limit
        ):
            raise OptionError(
                f"padding {axis.begin} must be at most {limit}, half of the window."
            )


def outputs(axes: Axes) -> Index:
    """The sizes of the plane of outputs."""
    return tuple(axis.outputs for axis in axes)


def taps(axes: Axes, position: Index) -> Iterator[tuple[Index, Index]]:
    """Every (tap, place) of the window at ``position`` that is a real element,
    in row-major order of the window."""
    choices = [
        [
            (tap, place)
            for tap in range(axis.kernel)
            if 0 <= (place := axis.place(output, tap)) < axis.length
        ]
        for axis, output in zip(axes, position, strict=True)
    ]
    for choice in itertools.product(*choices):
        yield tuple(tap for tap, _ in choice), tuple(place for _, place in choice)


def divisor(axes: Axes, position: Index, include_padding: bool) -> int:
    """The taps that count at ``position``: on real elements, or on padding as well.

    What ``ceil_mode`` lets hang over the end of the padding never counts.
    """
    return math.prod(
        axis.count(output, -axis.begin, axis.length + axis.end)
        if include_padding
        else axis.count(output, 0, axis.length)
        for axis, output in zip(axes, position, strict=True)
    )
