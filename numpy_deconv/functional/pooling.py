"""Pooling with kernels: the largest with its switch, the mean, the p-norm."""

from __future__ import annotations

import math
from typing import Any

from ..arrays import Array, as_array, require_float, spatial
from ..errors import OptionError, ShapeError
from ..registry import current
from ..window import Window
from .differentiation import Pullback, pullback_of
from .options import real
from .remembering import remembered

#: What a window of nothing but padding would be without.
_ANY, _MEAN, _MAXIMUM = range(3)
_MISSED = {
    _MEAN: "avg_pool has no mean there",
    _MAXIMUM: "max_pool has no maximum there",
}


def max_pool(
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """``(y, switches)``: each window's maximum, and where in the plane it stood.

    Switches are int64 flat indices into the unpadded plane. Of equal values the first
    in row-major order wins; NaN is larger than everything; padding never wins. With
    ``ceil_mode`` a last window may hang over the end, if it starts inside.

    >>> import numpy as np
    >>> max_pool(np.array([[[3, 1, 4, 1, 5]]]), 3, stride=2)
    (array([[[4, 5]]]), array([[[2, 4]]]))
    """
    x = as_array(x, "x")
    window = _window(x, kernel_size, stride, padding, ceil_mode, dilation, _MAXIMUM)
    return current(x).max_pool(x, window)


def avg_pool(
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """Mean of each window, ``(N, C, *out)``.

    Padding counts as zeros, or with ``count_include_pad=False`` not at all; what
    ceil_mode lets hang over never counts. Integers truncate toward zero. (Dilation is
    ONNX's, torch has none here.)
    """
    x = as_array(x, "x")
    needed = _ANY if count_include_pad else _MEAN
    window = _window(x, kernel_size, stride, padding, ceil_mode, dilation, needed)
    return current(x).avg_pool(x, window, count_include_pad)


def lp_pool(
    x: Any,
    norm_type: float,
    kernel_size: Any,
    *,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    rescale_clipped: bool = True,
) -> Array:
    """p-norm of each window, ``(sum |x|**p) ** (1/p)``.

    ``rescale_clipped`` is torch's: the sum over a window that ceil_mode cut short is
    scaled up to a whole one's. False is the plain norm of the samples (ONNX Runtime).
    """
    x = as_array(x, "x")
    require_float(x, "x", "lp_pool")
    power = _power(norm_type)
    window = _window(x, kernel_size, stride, padding, ceil_mode, dilation)
    return current(x).lp_pool(x, window, power, rescale_clipped)


def _power(norm_type: float) -> float:
    power = float(real(norm_type, "norm_type"))
    if not power > 0:
        raise OptionError(f"norm_type must be positive, got {norm_type}")
    if power == math.inf:
        raise OptionError(
            "norm_type must be finite, got inf: the maximum norm is max_pool of abs(x)"
        )
    return power


def _window(
    x: Array,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    dilation: Any,
    needed: int = _ANY,
) -> Window:
    options = kernel_size, stride, padding, dilation, int(bool(ceil_mode)), needed
    return _fit((x.shape,), options)


@remembered
def _fit(shapes: tuple[Any, ...], options: tuple[Any, ...]) -> Window:
    """The window, if it fits the input and sees the samples it needs."""
    kernel_size, stride, padding, dilation, ceil_mode, needed = options
    size = spatial(shapes[0], "x")
    window = Window.of_pool(
        kernel_size,
        len(size),
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=bool(ceil_mode),
        input_size=size,
    )
    window.output_size(size)
    if needed and not window.always_samples(size):
        raise ShapeError(
            f"with padding {window.padding} and kernel {window.kernel} some window "
            f"over an input of size {size} is all padding, and {_MISSED[needed]}: "
            "use less padding"
        )
    return window


@pullback_of(max_pool, "x")
def _max_pool_pullback(
    value: tuple[Array, Array], x: Array, **options: Any
) -> Pullback:
    _, switches = value
    return lambda grad: (current(grad).scatter(grad, switches, x.shape[2:], "sum"),)


@pullback_of(avg_pool, "x")
def _avg_pool_pullback(
    value: Array,
    x: Array,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    count_include_pad: bool,
) -> Pullback:
    require_float(x, "x", "the gradient of avg_pool")
    window = _window(x, kernel_size, stride, padding, ceil_mode, dilation)
    return lambda grad: (
        current(grad).avg_pool_grad(grad, x.shape[2:], window, count_include_pad),
    )


@pullback_of(lp_pool, "x")
def _lp_pool_pullback(
    value: Array,
    x: Array,
    norm_type: float,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    rescale_clipped: bool,
) -> Pullback:
    window = _window(x, kernel_size, stride, padding, ceil_mode, dilation)
    return lambda grad: (
        current(grad).lp_pool_grad(
            grad, x, value, window, _power(norm_type), rescale_clipped
        ),
    )
