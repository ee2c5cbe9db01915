"""What to draw for functions with a sliding window, and for unpooling."""

from __future__ import annotations

from typing import Any

import numpy as np
from case_request import MAKERS, Drawn, Request, maker
from case_window import (
    Sliding,
    channels,
    conv_window,
    extents_of,
    kernel_stride_dilation,
    padding,
    pool_window,
)
from hypothesis import assume
from hypothesis import strategies as st


@maker
def conv(r: Request) -> Drawn:
    groups, c, k = channels(r)
    window = conv_window(r, r.rank())
    arrays = [
        r.array(0, r.batch(), c, *window.sizes),
        r.array(1, k, c // groups, *window.kernel),
    ]
    if r.pick(False, True):
        arrays.append(r.array(2, k))
    return tuple(arrays), window.options | {"groups": groups}


@maker
def conv_input_grad(r: Request) -> Drawn:
    groups, c, k = channels(r)
    window = conv_window(r, r.rank())
    grad = r.array(0, r.batch(), k, *window.outputs)
    weight = r.array(1, k, c // groups, *window.kernel)
    options = {"input_size": window.sizes, "groups": groups}
    return (grad, weight), window.options | options


@maker
def conv_weight_grad(r: Request) -> Drawn:
    groups, c, k = channels(r)
    window, batch = conv_window(r, r.rank()), r.batch()
    grad = r.array(0, batch, k, *window.outputs)
    x = r.array(1, batch, c, *window.sizes)
    options = {"kernel_size": window.kernel, "groups": groups}
    return (grad, x), window.options | options


@maker
def conv_transpose(r: Request) -> Drawn:
    groups, c, k = channels(r)
    rank = r.rank()
    kernel, stride, dilation = kernel_stride_dilation(r, rank)
    spellings = ("numbers", "valid", "pairs", "same", "same_lower")
    spelt, pads = padding(r, spellings, (3,) * rank)
    sizes = r.sizes(rank)
    extents = extents_of(kernel, dilation)
    options: dict[str, Any] = {
        "stride": r.spelt(stride),
        "padding": spelt,
        "dilation": r.spelt(dilation),
        "groups": groups,
    }
    extra = [0] * rank
    if spelt not in ("same", "same_lower"):
        for axis, (s, d) in enumerate(zip(stride, dilation, strict=True)):
            extra[axis] = r.draw(st.integers(0, max(s, d) - 1))
        options["output_padding"] = r.spelt(tuple(extra))
    for axis, size in enumerate(sizes):
        length = (size - 1) * stride[axis] + extents[axis] + extra[axis]
        assume(length > sum(pads[axis]))
    arrays = [r.array(0, r.batch(), c, *sizes), r.array(1, c, k // groups, *kernel)]
    if r.pick(False, True):
        arrays.append(r.array(2, k))
    return tuple(arrays), options


@maker
def im2col(r: Request) -> Drawn:
    window = conv_window(r, r.rank())
    return (r.x(window.sizes),), window.options | {"kernel_size": window.kernel}


@maker
def col2im(r: Request) -> Drawn:
    window = conv_window(r, r.rank())
    rows = r.pick(1, 2) * int(np.prod(window.kernel))
    columns = r.array(0, r.batch(), rows, int(np.prod(window.outputs)))
    options = {"output_size": window.sizes, "kernel_size": window.kernel}
    return (columns,), window.options | options


@maker
def max_pool(r: Request) -> Drawn:
    window = pool_window(r, dilated=True)
    kernel = {"kernel_size": r.spelt(window.kernel)}
    return (r.x(window.sizes),), window.options | kernel


@maker
def avg_pool(r: Request) -> Drawn:
    # a dilated mean is ONNX's: PyTorch has none
    window = pool_window(r, dilated=not r.torch_legal)
    if r.torch_legal:
        _assume_within(window)
    options = {
        "kernel_size": r.spelt(window.kernel),
        "count_include_pad": r.pick(True, False),
    }
    return (r.x(window.sizes),), window.options | options


def _assume_within(window: Sliding) -> None:
    """PyTorch's avg_pool3d wants each kernel within the unpadded sizes."""
    pairs = zip(window.sizes, window.kernel, strict=True)
    assume(len(window.sizes) < 3 or all(size >= k for size, k in pairs))


@maker
def lp_pool(r: Request) -> Drawn:
    window = pool_window(r, dilated=not r.torch_legal)
    options = window.options | {
        "norm_type": r.pick(2, 1, 3, 2.5, 1.5),
        "kernel_size": r.spelt(window.kernel),
    }
    x = r.x(window.sizes)
    if r.torch_legal:
        _assume_within(window)
        # PyTorch has no padding here, powers x without abs, and divides 0 by 0 at 0
        assume(options.pop("padding") in (0, "valid", (0,) * (x.ndim - 2)))
        x = np.abs(x) + np.asarray(0.5, x.dtype)
    else:
        options["rescale_clipped"] = r.pick(True, False)
    return (x,), options


def adaptive(r: Request) -> Drawn:
    """For adaptive_max_pool and adaptive_avg_pool."""
    x = r.x()
    output_size = tuple(r.pick(1, 2, 3, 5) for _ in x.shape[2:])
    return (x,), {"output_size": r.spelt(output_size)}


MAKERS["adaptive_max_pool"] = MAKERS["adaptive_avg_pool"] = adaptive


@maker
def max_unpool(r: Request) -> Drawn:
    rank = r.rank()
    y, output_size = r.x(r.sizes(rank)), r.sizes(rank)
    plane, count = int(np.prod(output_size)), int(np.prod(y.shape[2:]))
    targets = [
        r.random(1).permutation(plane)[:count]
        if count <= plane and distinct
        else r.random(1).integers(0, plane, count)
        for distinct in [r.pick(True, False)] * (y.shape[0] * y.shape[1])
    ]
    switches = np.array(targets, np.int64).reshape(y.shape)
    overlaps = ["assign", "max"]
    if r.kind != "specials":
        # a sum of the largest numbers depends on its order
        overlaps += ["sum", "mean"]
    if not r.torch_legal:
        overlaps.append("first")
    options = {"output_size": output_size, "overlap": r.pick(*overlaps)}
    return (y, switches), options
