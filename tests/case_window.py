"""Sliding windows for drawn cases: legal ones, with every axis drawn by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from case_request import Request
from hypothesis import assume
from hypothesis import strategies as st


@dataclass(frozen=True)
class Sliding:
    """A drawn window: sizes it fits on, and the options that say so."""

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, Any]


def kernel_stride_dilation(r: Request, rank: int) -> tuple[tuple[int, ...], ...]:
    """A kernel, stride and dilation; small kernels on many axes keep cases small."""
    kernel = tuple(r.pick(*(2, 1, 3, 4)[: 5 - rank]) for _ in range(rank))
    stride = tuple(r.pick(1, 2, 3, 4) for _ in range(rank))
    dilation = tuple(r.pick(1, 2, 3) for _ in range(rank))
    return kernel, stride, dilation


def extents_of(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """The elements from a window's first tap to its last, along each axis."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def padding(
    r: Request, spellings: tuple[str, ...], most: tuple[int, ...]
) -> tuple[Any, list[tuple[int, int]]]:
    """Padding as the call spells it, and as pairs ((0, 0) for "same")."""
    spelling = r.pick(*spellings)
    if spelling == "pairs":
        pads = tuple((r.pick(0, 1, 2), r.pick(0, 1, 2, 3)) for _ in most)
        return pads, list(pads)
    if spelling == "numbers":
        numbers = tuple(r.draw(st.integers(0, min(3, limit))) for limit in most)
        return r.spelt(numbers), [(p, p) for p in numbers]
    return spelling, [(0, 0)] * len(most)


def conv_window(r: Request, rank: int) -> Sliding:
    """A convolution's window, on sizes that are made to fit it."""
    kernel, stride, dilation = kernel_stride_dilation(r, rank)
    extents = extents_of(kernel, dilation)
    spellings = ("numbers", "valid", "pairs", "same", "same_lower")
    spelt, pads = padding(r, spellings, (3,) * rank)
    sizes, outputs = [], []
    for axis, size in enumerate(r.sizes(rank)):
        if spelt in ("same", "same_lower"):
            length, count = size, -(-size // stride[axis])
        else:
            length = max(size, extents[axis] - sum(pads[axis]))
            count = (length + sum(pads[axis]) - extents[axis]) // stride[axis] + 1
        sizes.append(length)
        outputs.append(count)
    options = {
        "stride": r.spelt(stride),
        "padding": spelt,
        "dilation": r.spelt(dilation),
    }
    return Sliding(tuple(sizes), kernel, tuple(outputs), options)


def pool_window(r: Request, dilated: bool) -> Sliding:
    """A pool's window, each stop of which holds at least one real element."""
    rank = r.rank()
    kernel, stride, dilation = kernel_stride_dilation(r, rank)
    dilation = dilation if dilated else (1,) * rank
    options: dict[str, Any] = {"stride": r.spelt(stride)}
    if r.pick(False, True):
        options, stride = {}, kernel
    extents = extents_of(kernel, dilation)
    spellings: tuple[str, ...] = ("numbers", "valid")
    if not r.torch_legal:
        spellings = (*spellings, "pairs", "same", "same_lower")
    # PyTorch's limit is half of the kernel, ours half of what it spans when dilated
    spans = kernel if r.torch_legal else extents
    half = tuple(span // 2 for span in spans)
    spelt, pads = padding(r, spellings, half)
    ceil_mode = r.pick(False, True)
    sizes, outputs = [], []
    for axis, size in enumerate(r.sizes(rank)):
        length, count = _pool_axis(
            r,
            size,
            extents[axis],
            stride[axis],
            dilation[axis],
            spelt,
            pads[axis],
            ceil_mode,
        )
        sizes.append(length)
        outputs.append(count)
    options |= {"padding": spelt, "ceil_mode": ceil_mode}
    if dilated:
        options["dilation"] = r.spelt(dilation)
    return Sliding(tuple(sizes), kernel, tuple(outputs), options)


def _pool_axis(
    r: Request,
    size: int,
    extent: int,
    stride: int,
    dilation: int,
    spelt: Any,
    pads: tuple[int, int],
    ceil_mode: bool,
) -> tuple[int, int]:
    """A length of at least ``size`` for a pool's axis, and its number of outputs."""
    begin, end = pads
    length = size
    if spelt in ("same", "same_lower"):
        count = -(-length // stride)
        total = max(0, (count - 1) * stride + extent - length)
        begin = total // 2 if spelt == "same" else total - total // 2
    else:
        # with ceil_mode even the first window may hang over by less than a stride (E2)
        overhang = r.pick(0, stride - 1) if ceil_mode else 0
        length = max(size, extent - begin - end - overhang)
        spare = length + begin + end - extent
        count = (-(-spare // stride) if ceil_mode else spare // stride) + 1
        if ceil_mode and (count - 1) * stride >= length + begin:
            count -= 1
    assume(count > 0)
    for first in range(-begin, count * stride - begin, stride):
        places = range(first, first + extent, dilation)
        assume(any(0 <= place < length for place in places))
    return length, count


def channels(r: Request) -> tuple[int, int, int]:
    """``(groups, C, K)``: C/G and K/G are drawn by themselves; C/G = 1 is depthwise."""
    groups = r.pick(1, 2, 3)
    return groups, groups * r.pick(1, 2), groups * r.pick(1, 2)
