"""Kernel calls in the oracle's words: which operation of which arrays is asked for.

A kernel has a :class:`Window` and positional arguments where the public function that
the oracle knows has options; its gradients take shapes where the function has arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, accumulator
from ..per_axis import Sizes
from ..reference import pooling
from ..window import Window
from .recipes import Call


class Question(NamedTuple):
    """What the oracle is asked of an answer, whose result was then held in a range,
    and made zero where ``where`` is not above zero."""

    op: str
    inputs: tuple[Array | None, ...]
    attrs: dict[str, Any]
    low: float | None = None
    high: float | None = None
    where: Array | None = None


Ask = Callable[..., Question | None]
_ASKED: dict[str, Ask] = {}


def question(kernel: str, call: Call) -> Question | None:
    """The oracle's operation for this call; None where it has none, as for a
    convolution whose windows leave a part of the image out."""
    ask = _ASKED.get(kernel)
    return None if ask is None else ask(*call.arguments, **call.options)


def _asked(ask: Ask) -> Ask:
    """Register the decorated function for the kernel it is named after."""
    _ASKED[ask.__name__] = ask
    return ask


def _options(window: Window) -> dict[str, Any]:
    return {
        "stride": window.stride,
        "padding": window.padding,
        "dilation": window.dilation,
    }


def _pooled(window: Window) -> dict[str, Any]:
    kernel, ceil = window.kernel, window.ceil_mode
    return {"kernel_size": kernel, "ceil_mode": ceil, **_options(window)}


def _like(grad: Array, size: Sizes) -> Array:
    """An array that only its shape matters of."""
    return np.zeros((*grad.shape[:2], *size), grad.dtype)


def _shared(array: Array, count: int) -> Array:
    """One sample, as often as there are gradients."""
    return np.broadcast_to(array, (count, *array.shape[1:]))


@_asked
def linear(x: Array, weight: Array, bias: Array | None) -> Question:
    return Question("linear", (x, weight, bias), {})


@_asked
def conv(
    x: Array, weight: Array, bias: Array | None, window: Window, groups: int
) -> Question:
    attrs = {"groups": groups, **_options(window)}
    return Question("conv", (x, weight, bias), attrs)


@_asked
def conv_clipped(*arguments: Any) -> Question | None:
    *given, low, high = arguments
    found = conv(*given)
    return None if found is None else found._replace(low=low, high=high)


@_asked
def conv_input_grad(
    grad: Array,
    weight: Array,
    bias: Array | None,
    input_size: Sizes,
    window: Window,
    groups: int,
) -> Question | None:
    """As a transposed convolution, which has a bias and room for further windows."""
    extra = tuple(
        n - ((positions - 1) * stride + span - sum(pads))
        for n, positions, stride, span, pads in zip(
            input_size,
            grad.shape[2:],
            window.stride,
            window.span,
            window.padding,
            strict=True,
        )
    )
    limits = zip(extra, window.stride, window.dilation, strict=True)
    if not all(0 <= e < max(stride, dilation) for e, stride, dilation in limits):
        return None
    attrs = {"groups": groups, "output_padding": extra, **_options(window)}
    return Question("conv_transpose", (grad, weight, bias), attrs)


@_asked
def conv_input_grad_clipped(*arguments: Any) -> Question | None:
    *given, low, high, where = arguments
    found = conv_input_grad(*given)
    ended = {"low": low, "high": high, "where": where}
    return None if found is None else found._replace(**ended)


@_asked
def conv_weight_grad(
    grad: Array, x: Array, window: Window, groups: int
) -> Question | None:
    if window.output_size(x.shape[2:]) != grad.shape[2:]:
        return None
    attrs = {"kernel_size": window.kernel, "groups": groups, **_options(window)}
    return Question("conv_weight_grad", (grad, x), attrs)


@_asked
def col2im(
    columns: Array, window: Window, positions: Sizes, output_size: Sizes
) -> Question | None:
    if window.output_size(output_size) != positions:
        return None
    attrs = {"output_size": output_size, "kernel_size": window.kernel}
    return Question("col2im", (columns,), {**attrs, **_options(window)})


@_asked
def avg_pool(x: Array, window: Window, count_include_pad: bool) -> Question:
    attrs = {"count_include_pad": count_include_pad, **_pooled(window)}
    return Question("avg_pool", (x,), attrs)


@_asked
def avg_pool_grad(
    grad: Array, input_size: Sizes, window: Window, count_include_pad: bool
) -> Question:
    attrs = {"count_include_pad": count_include_pad, **_pooled(window)}
    return Question("avg_pool.backward", (grad, _like(grad, input_size)), attrs)


@_asked
def lp_pool(x: Array, window: Window, power: float, rescale: bool) -> Question:
    attrs = {"norm_type": power, "rescale_clipped": rescale, **_pooled(window)}
    return Question("lp_pool", (x,), attrs)


@_asked
def lp_pool_grad(
    grad: Array, x: Array, y: Array, window: Window, power: float, rescale: bool
) -> Question | None:
    if not np.array_equal(y, pooling.lp_pool(x, window, power, rescale)):
        return None
    if accumulator(x.dtype) != x.dtype:
        return None  # y was rounded to a half
    attrs = {"norm_type": power, "rescale_clipped": rescale, **_pooled(window)}
    return Question("lp_pool.backward", (grad, _shared(x, len(grad))), attrs)


@_asked
def adaptive_avg_pool(x: Array, output_size: Sizes) -> Question:
    return Question("adaptive_avg_pool", (x,), {"output_size": output_size})


@_asked
def adaptive_avg_pool_grad(grad: Array, input_size: Sizes) -> Question:
    attrs = {"output_size": grad.shape[2:]}
    return Question(
        "adaptive_avg_pool.backward", (grad, _like(grad, input_size)), attrs
    )


@_asked
def scatter(
    values: Array, switches: Array, output_size: Sizes, overlap: str
) -> Question:
    attrs = {"output_size": output_size, "overlap": overlap}
    return Question("max_unpool", (values, _shared(switches, len(values))), attrs)


@_asked
def scatter_masked(
    values: Array, switches: Array, size: Sizes, where: Array
) -> Question:
    return scatter(values, switches, size, "sum")._replace(where=where)  # type: ignore[union-attr]


@_asked
def unpool(values: Array, switches: Array, size: Sizes, overlap: str) -> Question:
    return scatter(values, switches, size, overlap)  # type: ignore[return-value]


@_asked
def scatter_grad(grad: Array, values: Array, switches: Array, overlap: str) -> Question:
    attrs = {"output_size": grad.shape[2:], "overlap": overlap}
    inputs = (grad, values, _shared(switches, len(values)))
    return Question("max_unpool.backward", inputs, attrs)


@_asked
def activation(x: Array, name: str, **options: Any) -> Question:
    return Question(name, (x,), options)


@_asked
def activation_grad(grad: Array, x: Array, name: str, **options: Any) -> Question:
    return Question(f"{name}.backward", (grad, _shared(x, len(grad))), options)


@_asked
def batch_norm(
    x: Array, mean: Array, var: Array, weight: Array, bias: Array, eps: float
) -> Question:
    return Question("batch_norm", (x, mean, var, weight, bias), {"eps": eps})


@_asked
def batch_norm_input_grad(
    grad: Array, var: Array, weight: Array, eps: float
) -> Question:
    inputs = (grad, np.zeros_like(grad), np.zeros_like(var), var, weight)
    return Question("batch_norm.backward", inputs, {"eps": eps})


def _neighbours(size: int, alpha: float, beta: float, k: float) -> dict[str, Any]:
    return {"size": size, "alpha": alpha, "beta": beta, "k": k}


@_asked
def local_response_norm(x: Array, *neighbours: Any) -> Question:
    return Question("local_response_norm", (x,), _neighbours(*neighbours))


@_asked
def local_response_norm_grad(grad: Array, x: Array, *neighbours: Any) -> Question:
    inputs = (grad, _shared(x, len(grad)))
    return Question("local_response_norm.backward", inputs, _neighbours(*neighbours))


@_asked
def upsample(x: Array, scale: tuple[float, ...], mode: str) -> Question:
    return Question("upsample", (x,), {"scale": scale, "mode": mode})


@_asked
def upsample_grad(
    grad: Array, size: Sizes, scale: tuple[float, ...], mode: str
) -> Question:
    attrs = {"scale": scale, "mode": mode}
    return Question("upsample.backward", (grad, _like(grad, size)), attrs)
