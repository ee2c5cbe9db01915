"""The convolution trio: forward, gradient for the input, gradient for the weight.

With ``X`` the columns of x and ``W`` the weight as a matrix, per group::

    forward        Y  = W @ X          (K/G, L) <- (K/G, CT) (CT, L)
    input grad     dX = W.T @ dY       (CT, L)  <- (CT, K/G) (K/G, L), then col2im
    weight grad    dW = dY @ X.T       (K/G, CT) summed over the batch

``CT`` is ``C/G`` times the number of taps. Transposed convolution is the input
gradient. The batch is walked in chunks, so that the columns stay bounded. Any
backend's im2col and col2im serve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Array, narrowed, widened
from ..errors import DTypeError
from ..per_axis import Sizes
from ..window import Window

COLUMN_BYTES = 128 * 2**20  # columns held at once; more only if one sample needs it

Im2col = Callable[[Array, Window, Sizes], Array]
Col2im = Callable[[Array, Window, Sizes, Sizes], Array]


def conv(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int,
    im2col: Im2col,
) -> Array:
    """Cross-correlation of x ``(N, C, *size)`` with weight ``(K, C/G, *kernel)``."""
    kernel = exact(_conv) if x.dtype.kind in "iu" else _conv
    return kernel(x, weight, bias, window, groups, im2col)


@widened
def _conv(
    x: Array,
    weight: Array,
    bias: Array | None,
    window: Window,
    groups: int,
    im2col: Im2col,
) -> Array:
    batch, filters = len(x), len(weight)
    size = window.output_size(x.shape[2:])
    length = math.prod(size)
    matrix = _matrix(weight, groups)
    y = np.empty_like(x, shape=(batch, groups, filters // groups, length), order="C")
    for chunk in _chunks(batch, x.shape[1] * window.size * length * x.itemsize):
        columns = im2col(x[chunk], window, size)
        np.matmul(matrix, _grouped(columns, groups), out=y[chunk])
    if bias is not None:
        y += bias.reshape(groups, -1, 1)
    return y.reshape(batch, filters, *size)


def conv_input_grad(
    grad: Array,
    weight: Array,
    bias: Array | None,
    input_size: Sizes,
    window: Window,
    groups: int,
    col2im: Col2im,
) -> Array:
    """Adjoint of :func:`conv` in x: ``(N, K, *out) -> (N, C, *input_size)``.

    The number of windows is taken from ``grad``, so that a transposed convolution
    whose output padding would make room for more of them is served too; ``bias`` is
    such a convolution's own.
    """
    kernel = exact(_conv_input_grad) if grad.dtype.kind in "iu" else _conv_input_grad
    return kernel(grad, weight, bias, input_size, window, groups, col2im)


@widened
def _conv_input_grad(
    grad: Array,
    weight: Array,
    bias: Array | None,
    input_size: Sizes,
    window: Window,
    groups: int,
    col2im: Col2im,
) -> Array:
    batch, size = len(grad), grad.shape[2:]
    length = math.prod(size)
    transposed = _matrix(weight, groups).swapaxes(1, 2)
    channels = weight.shape[1] * groups
    rows = channels * window.size
    x = np.empty_like(grad, shape=(batch, channels, *input_size), order="C")
    for chunk in _chunks(batch, rows * length * grad.itemsize):
        signal = _flattened(grad[chunk])
        columns = (transposed @ _grouped(signal, groups)).reshape(
            len(signal), rows, length
        )
        x[chunk] = col2im(columns, window, size, tuple(input_size))
    if bias is not None:
        x += bias.reshape(-1, *(1,) * window.rank)
    return x


def conv_weight_grad(
    grad: Array, x: Array, window: Window, groups: int, im2col: Im2col
) -> Array:
    """Adjoint of :func:`conv` in the weight, summed over the batch."""
    kernel = exact(_conv_weight_grad) if grad.dtype.kind in "iu" else _conv_weight_grad
    return kernel(grad, x, window, groups, im2col)


@widened
def _conv_weight_grad(
    grad: Array, x: Array, window: Window, groups: int, im2col: Im2col
) -> Array:
    batch, filters, *positions = grad.shape
    size = tuple(positions)
    length = math.prod(size)
    depth = x.shape[1] // groups
    shape = (groups, filters // groups, depth * window.size)
    weight = np.zeros_like(grad, shape=shape, order="C")
    for chunk in _chunks(batch, x.shape[1] * window.size * length * x.itemsize):
        columns = _grouped(im2col(x[chunk], window, size), groups)
        signal = _grouped(_flattened(grad[chunk]), groups)
        weight += (signal @ columns.swapaxes(2, 3)).sum(axis=0)
    return weight.reshape(filters, depth, *window.kernel)


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """``x @ weight.T + bias``: ``(..., out)`` from ``(..., in)`` and ``(out, in)``."""
    kernel = exact(_linear) if x.dtype.kind in "iu" else _linear
    return kernel(x, weight, bias)


@widened
def _linear(x: Array, weight: Array, bias: Array | None) -> Array:
    y = x @ weight.swapaxes(0, 1)
    return y if bias is None else y + bias


def _matrix(weight: Array, groups: int) -> Array:
    """``(G, K/G, C/G * taps)``; sizes spelled out, so that empty ones work."""
    filters, *rest = weight.shape
    return weight.reshape(groups, filters // groups, math.prod(rest))


def _flattened(grad: Array) -> Array:
    batch, filters, *positions = grad.shape
    return grad.reshape(batch, filters, math.prod(positions))


def _grouped(columns: Array, groups: int) -> Array:
    batch, rows, length = columns.shape
    return columns.reshape(batch, groups, rows // groups, length)


def _chunks(batch: int, sample_bytes: int) -> Iterator[slice]:
    step = max(1, COLUMN_BYTES // max(1, sample_bytes))
    for start in range(0, batch, step):
        yield slice(start, start + step)


def exact(kernel: Callable[..., Array]) -> Callable[..., Array]:
    """A kernel of this module for integers: an exact sum in a wide dtype.

    8-bit operands give int32, as ONNX's ConvInteger; wider ones give int64. Below
    2**53 products in float64 are exact, and BLAS has no integers, so that is the fast
    way.
    """

    def run(a: Array, b: Array, *rest: Any) -> Array:
        if np.uint64 in (a.dtype, b.dtype):
            raise DTypeError("sums of uint64 may not fit: convert to int64 first")
        narrow = max(a.dtype.itemsize, b.dtype.itemsize) == 1
        arrays = [a, b, *(r for r in rest if hasattr(r, "dtype"))]
        terms = a.size + b.size  # more than any sum of these kernels has
        bound = math.prod(max(1, _largest(r)) for r in arrays) * (terms + 1)
        if bound >= 2**63 and not _fits(kernel, (a, b, *rest), terms):
            raise DTypeError(
                "sums of these integers may not fit int64: convert to float64, or "
                "scale them down"
            )
        wide = np.float64 if bound < 2**53 else np.int64
        result = kernel(
            *(r.astype(wide) if hasattr(r, "dtype") else r for r in (a, b, *rest))
        )
        return narrowed(result.astype(np.int64), np.dtype("i4" if narrow else "i8"))

    return run


def _fits(kernel: Callable[..., Array], arguments: tuple[Any, ...], terms: int) -> bool:
    """Whether every sum fits int64, from the kernel's own sums of absolute values."""
    rounding = (terms + 2) * 2.0**-52
    magnitude = kernel(
        *(np.abs(r.astype(np.float64)) if hasattr(r, "dtype") else r for r in arguments)
    )
    return not magnitude.size or float(magnitude.max()) < 2**63 * (1 - rounding)


def _largest(a: Array) -> int:
    return max(abs(int(a.min())), abs(int(a.max()))) if a.size else 0
