"""Transposed convolution: the adjoint of convolution as a layer of its own."""

from __future__ import annotations

from typing import Any

from ..arrays import Array, spatial
from ..errors import OptionError, ShapeError
from ..per_axis import Sizes, per_axis
from ..registry import current
from ..window import Window
from .differentiation import Pullback, pullback_of
from .operands import bias_grad, check_weight, operands, shapes_of
from .remembering import remembered


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
    x, weight, bias = operands(x, weight, bias, "x")
    options = stride, padding, output_padding, dilation, groups
    target, window, groups = _fit(shapes_of(x, weight, bias), options)
    return current(x).conv_input_grad(x, weight, bias, target, window, groups)


@remembered
def _fit(
    shapes: tuple[Any, ...], options: tuple[Any, ...]
) -> tuple[Sizes, Window, int]:
    """The output's size, the window and the groups of arrays that fit each other."""
    x, weight, bias = shapes
    stride, padding, output_padding, dilation, groups = options
    size = spatial(x, "x")
    groups = check_weight(weight, bias, len(size), groups, filters_axis=1)
    if weight[0] != x[1]:
        raise ShapeError(f"input has {x[1]} channels, weight expects {weight[0]}")
    window, target = _transposed(
        weight[2:], size, stride, padding, output_padding, dilation
    )
    return target, window, groups


def _transposed(
    kernel: Sizes, size: Sizes, stride: Any, padding: Any, extra: Any, dilation: Any
) -> tuple[Window, Sizes]:
    """The window of the convolution whose adjoint this is, and the output's size."""
    rank = len(size)
    extra = per_axis(extra, rank, "output_padding")
    target = None
    if isinstance(padding, str) and padding in ("same", "same_lower"):
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
    groups = int(groups)

    def pull(grad: Array) -> tuple[Array | None, ...]:
        backend = current(grad)
        return (
            backend.conv(grad, weight, None, window, groups)[(..., *windows)],
            backend.conv_weight_grad(x, grad, window, groups),
            bias_grad(grad, bias),
        )

    return pull
