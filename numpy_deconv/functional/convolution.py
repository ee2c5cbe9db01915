"""Convolution and its two gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..arrays import Array, as_array, require_rank, spatial
from ..errors import ShapeError
from ..per_axis import Sizes, per_axis
from ..registry import current
from ..window import Window
from .differentiation import Pullback, pullback_of
from .operands import bias_grad, check_groups, check_weight, operands, shapes_of
from .remembering import remembered

if TYPE_CHECKING:
    from ..layers.boxes import Boxes


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
    checked = _checked(x, weight, bias, stride, padding, dilation, groups)
    return current(checked[0]).conv(*checked)


def conv_clipped(
    x: Any,
    weight: Any,
    bias: Any,
    low: float | None,
    high: float | None,
    out: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """:func:`conv` and then ``clip(low, high)``, in one pass where a backend can.

    ``low=0, high=None`` is a ReLU. ``out``, of the result's shape and dtype, is written
    to.
    """
    checked = _checked(x, weight, bias, stride, padding, dilation, groups)
    if out is None:
        return current(checked[0]).conv_clipped(*checked, low, high)
    x, weight, _, window, _ = checked
    shape = (len(x), len(weight), *window.output_size(x.shape[2:]))
    if out.shape != shape or out.dtype != x.dtype or not out.flags.writeable:
        raise ShapeError(
            f"out is {out.dtype} {out.shape}, but the result {x.dtype} {shape}: they "
            "must be alike, and out writeable"
        )
    return current(x).conv_clipped(*checked, low, high, out=out)


def _checked(
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> tuple[Array, Array, Array | None, Window, int]:
    x, weight, bias = operands(x, weight, bias, "x")
    options = stride, padding, dilation, groups
    return x, weight, bias, *_fit(shapes_of(x, weight, bias), options)


@remembered
def _fit(shapes: tuple[Any, ...], options: tuple[Any, ...]) -> tuple[Window, int]:
    """The window and the groups of arrays that fit each other."""
    x, weight, bias = shapes
    stride, padding, dilation, groups = options
    size = spatial(x, "x")
    groups = check_weight(weight, bias, len(size), groups, filters_axis=0)
    if weight[1] * groups != x[1]:
        raise ShapeError(
            f"input has {x[1]} channels, weight expects {weight[1] * groups}"
            + (f" (groups={groups})" if groups > 1 else "")
        )
    window = Window.of(
        weight[2:],
        len(size),
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_size=size,
    )
    window.output_size(size)
    return window, groups


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
    checked = _checked_grad(grad, weight, input_size, stride, padding, dilation, groups)
    return current(checked[0]).conv_input_grad(*checked)


def conv_input_grad_clipped(
    grad: Any,
    weight: Any,
    input_size: Any,
    low: float | None,
    high: float | None,
    where: Any = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """:func:`conv_input_grad`, then ``clip(low, high)`` as :func:`conv_clipped`, then
    zeros where ``where``, of the result's shape, is not above zero (NaN is)."""
    checked = _checked_grad(grad, weight, input_size, stride, padding, dilation, groups)
    if where is not None:
        where = as_array(where, "where")
        shape = (len(checked[0]), weight.shape[1] * checked[5], *checked[3])
        if where.shape != shape or where.dtype != checked[0].dtype:
            raise ShapeError(
                f"where is {where.dtype} {where.shape}, but the gradient "
                f"{checked[0].dtype} {shape}: they must be alike"
            )
    more = {} if where is None else {"where": where}
    return current(checked[0]).conv_input_grad_clipped(*checked, low, high, **more)


def conv_input_grad_moved(
    grad: Any,
    weight: Any,
    input_size: Any,
    low: float | None,
    places: Boxes,
    **geometry: Any,
) -> Array:
    """:func:`conv_input_grad` not below ``low``, of which ``places`` are cut: boxes of
    the result's size, one in each sample, zero where they hang over its edges."""
    checked = _checked_grad(grad, weight, input_size, **geometry)
    grad, weight, _, size, window, groups = checked
    backend = current(grad)
    return backend.conv_input_grad_moved(
        grad, weight, size, window, groups, low, places
    )


def _checked_grad(
    grad: Any,
    weight: Any,
    input_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
) -> tuple[Array, Array, None, Sizes, Window, int]:
    grad, weight, _ = operands(grad, weight, None, "grad")
    options = input_size, stride, padding, dilation, groups
    return grad, weight, None, *_fit_back((grad.shape, weight.shape), options)


@remembered
def _fit_back(
    shapes: tuple[Any, ...], options: tuple[Any, ...]
) -> tuple[Sizes, Window, int]:
    """The input's size, the window and the groups, if the arrays fit each other."""
    grad, weight = shapes
    input_size, stride, padding, dilation, groups = options
    size = spatial(grad, "grad")
    groups = check_weight(weight, None, len(size), groups, filters_axis=0)
    target = per_axis(input_size, len(size), "input_size", 0)
    window = Window.of(
        weight[2:],
        len(size),
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_size=target,
    )
    _check_grad(grad, weight[0], window, target)
    return target, window, groups


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
    grad, x, _ = operands(grad, x, None, "grad", "x")
    size = require_rank(x, "x")
    if grad.ndim != x.ndim or len(grad) != len(x):
        raise ShapeError(
            f"grad has shape {grad.shape} and x {x.shape}: batch and rank must agree"
        )
    groups = check_groups(groups, channels=x.shape[1], filters=grad.shape[1])
    window = Window.of(
        kernel_size,
        len(size),
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_size=size,
    )
    _check_grad(grad.shape, grad.shape[1], window, size)
    return current(x).conv_weight_grad(grad, x, window, groups)


def _check_grad(
    grad: tuple[int, ...], filters: int, window: Window, input_size: Sizes
) -> None:
    expected = (filters, *window.output_size(input_size))
    if grad[1:] != expected:
        raise ShapeError(
            f"grad has shape {grad}, but a convolution over an input of size "
            f"{input_size} gives (N, {', '.join(map(str, expected))})"
        )


@pullback_of(conv, "x", "weight", "bias")
def _conv_pullback(
    value: Array, x: Array, weight: Array, bias: Array | None, **geometry: Any
) -> Pullback:
    def pull(grad: Array) -> tuple[Array | None, ...]:
        return (
            conv_input_grad(grad, weight, x.shape[2:], **geometry),
            conv_weight_grad(grad, x, weight.shape[2:], **geometry),
            bias_grad(grad, bias),
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
