"""Convolution, its two gradients, transposed convolution, and linear layers."""

from __future__ import annotations

from typing import Any

from ..arrays import Array, as_array, require_rank, require_same_dtype
from ..errors import OptionError, ShapeError
from ..registry import current
from ..window import Sizes, Window, per_axis
from .differentiation import Pullback, pullback_of


def conv(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Cross-correlation of ``x`` with ``weight``, as every framework's "convolution".

    ``y[n, k, o] = bias[k] + sum over c, a of weight[k, c, a] * x[n, c, o*s - p + a*d]``

    Parameters are x ``(N, C, *size)``, weight ``(K, C/groups, *kernel)`` and bias
    ``(K,)``; the result is ``(N, K, *out)``. 8-bit integers give int32, wider ones
    int64, always exact. Raises ShapeError or DTypeError for arrays that do not fit.

    >>> import numpy as np
    >>> conv(np.ones((1, 1, 4)), np.ones((1, 1, 3)), padding=1)
    array([[[2., 3., 3., 2.]]])
    """
    x, weight, bias = _operands(x, weight, bias, "x")
    size = require_rank(x, "x")
    _check_weight(weight, bias, len(size), groups, filters_axis=0)
    if weight.shape[1] * groups != x.shape[1]:
        raise ShapeError(
            f"input has {x.shape[1]} channels, weight expects "
            f"{weight.shape[1] * groups}"
            + (f" (groups={groups})" if groups > 1 else "")
        )
    window = Window.of(
        weight.shape[2:],
        len(size),
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_size=size,
    )
    window.output_size(size)
    return current(x).conv(x, weight, bias, window, groups)


def conv_input_grad(
    grad: Any,
    weight: Any,
    input_size: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Gradient of :func:`conv` for its input: the adjoint of ``x -> conv(x, weight)``.

    grad is ``(N, K, *out)``; the result ``(N, C, *input_size)``, with zeros where no
    window read.
    """
    grad, weight, _ = _operands(grad, weight, None, "grad")
    size = require_rank(grad, "grad")
    _check_weight(weight, None, len(size), groups, filters_axis=0)
    target = per_axis(input_size, len(size), "input_size", 0)
    window = Window.of(
        weight.shape[2:],
        len(size),
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_size=target,
    )
    _check_grad(grad, len(weight), window, target)
    return current(grad).conv_input_grad(grad, weight, None, target, window, groups)


def conv_weight_grad(
    grad: Any,
    x: Any,
    kernel_size: Any,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Gradient of :func:`conv` for its weight, ``(K, C/groups, *kernel_size)``.

    grad is ``(N, K, *out)``, x ``(N, C, *size)``; summed over the batch.
    """
    grad, x, _ = _operands(grad, x, None, "grad", "x")
    size = require_rank(x, "x")
    _check_groups(groups, channels=x.shape[1], filters=grad.shape[1])
    window = Window.of(
        kernel_size,
        len(size),
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_size=size,
    )
    if grad.ndim != x.ndim or len(grad) != len(x):
        raise ShapeError(
            f"grad has shape {grad.shape} and x {x.shape}: batch and rank must agree"
        )
    _check_grad(grad, grad.shape[1], window, size)
    return current(x).conv_weight_grad(grad, x, window, groups)


def conv_transpose(
    x: Any,
    weight: Any,
    bias: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Transposed convolution: the adjoint of :func:`conv`, plus bias.

    weight is ``(C, K/groups, *kernel)``, the result ``(N, K, *out)`` with
    ``out = (L-1)*s + d*(k-1) + 1 - padding + output_padding``. Padding crops the
    result. Output padding, smaller than the stride or the dilation, extends its high
    side, which contributions still reach. ``padding="same"`` gives ``out = L*s``.
    """
    x, weight, bias = _operands(x, weight, bias, "x")
    size = require_rank(x, "x")
    _check_weight(weight, bias, len(size), groups, filters_axis=1)
    if len(weight) != x.shape[1]:
        raise ShapeError(
            f"input has {x.shape[1]} channels, weight expects {len(weight)}"
        )
    window, target = _transposed(
        weight.shape[2:], size, stride, padding, output_padding, dilation
    )
    return current(x).conv_input_grad(x, weight, bias, target, window, groups)


def _transposed(
    kernel: Sizes, size: Sizes, stride: Any, padding: Any, extra: Any, dilation: Any
) -> tuple[Window, Sizes]:
    """The window of the convolution whose adjoint this is, and the output's size."""
    rank = len(size)
    extra = per_axis(extra, rank, "output_padding")
    target = None
    if padding in ("same", "same_lower"):
        if any(extra):
            raise OptionError(
                f"padding={padding!r} fixes the output at stride times the input: "
                "leave output_padding at 0, or give padding in numbers"
            )
        steps = per_axis(stride, rank, "stride", 1)
        target = tuple(n * s for n, s in zip(size, steps, strict=True))
    window = Window.of(
        kernel,
        rank,
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_size=target,
    )
    return window, target or window.transposed_size(size, extra)


def linear(x: Any, weight: Any, bias: Any = None) -> Array:
    """``x @ weight.T + bias``: ``(..., out)`` from ``(..., in)`` and ``(out, in)``."""
    x, weight, bias = _operands(x, weight, bias, "x")
    if weight.ndim != 2 or x.ndim < 1 or x.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"x has shape {x.shape} and weight {weight.shape}: weight must be "
            "(out, in), with x's last axis of size in"
        )
    if bias is not None and bias.shape != (len(weight),):
        raise ShapeError(f"bias has shape {bias.shape}, expected ({len(weight)},)")
    return current(x).linear(x, weight, bias)


def _operands(
    a: Any, b: Any, bias: Any, first: str, second: str = "weight"
) -> tuple[Array, Array, Array | None]:
    a, b = as_array(a, first), as_array(b, second)
    bias = None if bias is None else as_array(bias, "bias")
    require_same_dtype(**{first: a, second: b, "bias": bias})
    return a, b, bias


def _check_groups(groups: int, channels: int, filters: int) -> None:
    if not isinstance(groups, int) or groups < 1:
        raise OptionError(
            f"groups must be a whole number of at least 1, got {groups!r}"
        )
    if channels % groups or filters % groups:
        raise ShapeError(
            f"groups={groups} must divide both the {channels} input and the {filters} "
            "output channels"
        )


def _check_weight(
    weight: Array, bias: Array | None, rank: int, groups: int, *, filters_axis: int
) -> None:
    if weight.ndim != rank + 2:
        raise ShapeError(
            f"weight has shape {weight.shape}, but an input with {rank} spatial axes "
            f"needs a weight of {rank + 2} axes"
        )
    _check_groups(groups, channels=0, filters=len(weight))
    filters = weight.shape[filters_axis] * (groups if filters_axis else 1)
    if bias is not None and bias.shape != (filters,):
        raise ShapeError(
            f"bias has shape {bias.shape}, expected ({filters},): one per output "
            "channel"
        )


def _check_grad(grad: Array, filters: int, window: Window, input_size: Sizes) -> None:
    expected = (filters, *window.output_size(input_size))
    if grad.shape[1:] != expected:
        raise ShapeError(
            f"grad has shape {grad.shape}, but a convolution over an input of size "
            f"{input_size} gives (N, {', '.join(map(str, expected))})"
        )


def _bias_grad(grad: Array, bias: Array | None) -> Array | None:
    if bias is None:
        return None
    return grad.sum(axis=(0, *range(2, grad.ndim))).astype(grad.dtype)


@pullback_of(conv, "x", "weight", "bias")
def _conv_pullback(
    value: Array, x: Array, weight: Array, bias: Array | None, **geometry: Any
) -> Pullback:
    def pull(grad: Array) -> tuple[Array | None, ...]:
        return (
            conv_input_grad(grad, weight, x.shape[2:], **geometry),
            conv_weight_grad(grad, x, weight.shape[2:], **geometry),
            _bias_grad(grad, bias),
        )

    return pull


@pullback_of(conv_input_grad, "grad", "weight")
def _conv_input_grad_pullback(
    value: Array, grad: Array, weight: Array, input_size: Any, **geometry: Any
) -> Pullback:
    def pull(cotangent: Array) -> tuple[Array | None, ...]:
        return (
            conv(cotangent, weight, **geometry),
            conv_weight_grad(grad, cotangent, weight.shape[2:], **geometry),
        )

    return pull


@pullback_of(conv_weight_grad, "grad", "x")
def _conv_weight_grad_pullback(
    value: Array, grad: Array, x: Array, kernel_size: Any, **geometry: Any
) -> Pullback:
    def pull(cotangent: Array) -> tuple[Array | None, ...]:
        return (
            conv(x, cotangent, **geometry),
            conv_input_grad(grad, cotangent, x.shape[2:], **geometry),
        )

    return pull


@pullback_of(conv_transpose, "x", "weight", "bias")
def _conv_transpose_pullback(
    value: Array,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: int,
) -> Pullback:
    size = x.shape[2:]
    window, _ = _transposed(
        weight.shape[2:], size, stride, padding, output_padding, dilation
    )
    # output padding of a whole stride makes room for more windows than x has
    windows = tuple(slice(n) for n in size)

    def pull(grad: Array) -> tuple[Array | None, ...]:
        backend = current(grad)
        return (
            backend.conv(grad, weight, None, window, groups)[(..., *windows)],
            backend.conv_weight_grad(x, grad, window, groups),
            _bias_grad(grad, bias),
        )

    return pull


@pullback_of(linear, "x", "weight", "bias")
def _linear_pullback(
    value: Array, x: Array, weight: Array, bias: Array | None
) -> Pullback:
    def pull(grad: Array) -> tuple[Array | None, ...]:
        rows = grad.reshape(-1, grad.shape[-1])
        inputs = x.reshape(-1, x.shape[-1])
        return (
            linear(grad, weight.swapaxes(0, 1)),
            linear(rows.swapaxes(0, 1), inputs.swapaxes(0, 1)),
            None if bias is None else rows.sum(axis=0).astype(grad.dtype),
        )

    return pull
