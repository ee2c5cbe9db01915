"""Wrong gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import functional
from ...functional import conv_input_grad, conv_weight_grad, vjp
from .mutant import add, axes, mutant


def pull(name: str, grad: Any, *arrays: Any, **attrs: Any) -> dict[str, Any]:
    """The true gradients by the names of the inputs."""
    from ..operations import operation

    _, pullback = vjp(getattr(functional, name), *arrays, **attrs)
    names = [n for n in operation(f"{name}.backward").inputs if n != "grad"]
    given = [n for n, a in zip(names, arrays, strict=False) if a is not None]
    return dict(zip(given, pullback(grad), strict=False))


Change = Callable[[dict[str, Any], Any, Any, dict[str, Any]], dict[str, Any]]


def altered(op: str, name: str, description: str) -> Callable[[Change], Change]:
    """Register what the decorated function makes of the true gradients."""

    def register(change: Change) -> Change:
        def run(grad: Any, *arrays: Any, **attrs: Any) -> Any:
            found = pull(op.removesuffix(".backward"), grad, *arrays, **attrs)
            return change(found, grad, arrays, attrs)

        add(op, name, description, run)
        return change

    return register


for _name in ("stride", "padding", "dilation"):

    def _first(grad: Any, *arrays: Any, _n: str = _name, **attrs: Any) -> Any:
        """x's gradient as if the attribute were the same on all axes."""
        found = pull("conv", grad, *arrays, **attrs)
        rank = grad.ndim - 2
        if _n in attrs:
            value = (axes(attrs[_n], rank)[0],) * rank
            try:
                wrong = {**attrs, _n: value}
                size = arrays[0].shape[2:]
                found["x"] = conv_input_grad(grad, arrays[1], size, **wrong)
            except ValueError:
                found["x"] = np.zeros_like(arrays[0])
        return found

    add(
        "conv.backward",
        f"{_name}[0] twice",
        f"x's gradient uses {_name}[0] on every axis",
        _first,
    )


@mutant("conv_input_grad", "kernel flipped", "the kernel is flipped")
def _flipped(grad: Any, weight: Any, input_size: Any, **o: Any) -> Any:
    taps = tuple(range(2, weight.ndim))
    return conv_input_grad(grad, np.flip(weight, taps), input_size, **o)


@mutant("conv_input_grad", "groups rotated", "each group reads another's gradient")
def _turned(grad: Any, weight: Any, input_size: Any, **o: Any) -> Any:
    width = grad.shape[1] // o.get("groups", 1)
    return conv_input_grad(np.roll(grad, width, 1), weight, input_size, **o)


@mutant("conv_weight_grad", "last batch only", "only the last sample counts")
def _last_sample(grad: Any, x: Any, kernel_size: Any, **o: Any) -> Any:
    return conv_weight_grad(grad[-1:], x[-1:], kernel_size, **o)


@mutant("conv_weight_grad", "mean", "the batch is averaged, not added")
def _mean(grad: Any, x: Any, kernel_size: Any, **o: Any) -> Any:
    total = conv_weight_grad(grad, x, kernel_size, **o)
    return (total / max(1, len(x))).astype(total.dtype)


@altered("conv.backward", "last batch only", "weight's gradient sees the last sample")
def _weight_of_last(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    x, weight = arrays[:2]
    kernel = weight.shape[2:]
    found["weight"] = conv_weight_grad(grad[-1:], x[-1:], kernel, **attrs)
    return found


@altered("conv.backward", "grouped and strided", "x's gradient is wrong if both are")
def _both(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    stride = axes(attrs.get("stride", 1), grad.ndim - 2)
    if attrs.get("groups", 1) > 1 and max(stride) > 1:
        found["x"] = found["x"] * 2
    return found


@altered("conv.backward", "bias averaged", "bias' gradient is a mean")
def _bias_mean(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    if found.get("bias") is not None:
        count = max(1, grad.size // max(1, grad.shape[1]))
        found["bias"] = (found["bias"] / count).astype(grad.dtype)
    return found


@altered("conv_transpose.backward", "bias of one sample", "bias sees the last sample")
def _bias_last(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    if found.get("bias") is not None and len(grad):
        found["bias"] = grad[-1:].sum(axis=(0, *range(2, grad.ndim)))
    return found


@altered("max_pool.backward", "all ties", "all equal maxima get the gradient")
def _all_ties(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    turned = tuple(slice(None, None, -1) for _ in range(grad.ndim - 2))
    x = arrays[0]
    flip = (slice(None), slice(None), *turned)
    padded = any(np.ravel(attrs.get("padding", 0)))
    if padded or attrs.get("ceil_mode") or attrs.get("stride") is not None:
        return found
    exact = tuple(
        slice(0, o * k)
        for o, k in zip(
            grad.shape[2:], axes(attrs["kernel_size"], grad.ndim - 2), strict=True
        )
    )
    part = x[(..., *exact)]
    if part.shape != x.shape:
        return found
    other = pull("max_pool", grad[flip], part[flip], **attrs)["x"][flip]
    return {"x": np.where(found["x"] != 0, found["x"], other)}


@altered("max_pool.backward", "overlap assigned", "windows that share a maximum clash")
def _clash(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    _, switches = functional.max_pool(arrays[0], **attrs)
    size = arrays[0].shape[2:]
    return {"x": functional.max_unpool(grad, switches, size, overlap="assign")}


@altered("avg_pool.backward", "whole window", "divides by the kernel's size always")
def _divisor(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    attrs = {**attrs, "count_include_pad": True}
    return pull("avg_pool", grad, *arrays, **attrs)


@altered("avg_pool.backward", "not divided", "the gradient is not divided")
def _undivided(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    taps = np.prod(axes(attrs["kernel_size"], grad.ndim - 2))
    return {"x": (found["x"] * taps).astype(grad.dtype)}


@altered("relu.backward", "gradient at zero", "a zero passes the gradient")
def _at_zero(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    return {"x": np.where(arrays[0] >= 0, grad, 0).astype(grad.dtype)}


@altered("relu.backward", "deconvnet", "the gradient's own sign decides")
def _deconvnet(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    return {"x": np.maximum(grad, 0)}


@altered("linear.backward", "mean", "weight's gradient is a mean over rows")
def _rows_mean(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    rows = max(1, len(grad))
    return {**found, "weight": (found["weight"] / rows).astype(grad.dtype)}


@altered("softmax.backward", "diagonal only", "the other elements' share is left out")
def _diagonal(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    y = functional.softmax(arrays[0], **attrs)
    return {"x": (grad * y * (1 - y)).astype(grad.dtype)}


@altered("local_response_norm.backward", "own term only", "neighbours are left out")
def _own_term(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    x = arrays[0]
    y = functional.local_response_norm(x, **attrs)
    with np.errstate(all="ignore"):
        slope = np.where(x == 0, 1, y / np.where(x == 0, 1, x))
    return {"x": (grad * slope).astype(grad.dtype)}


@altered("batch_norm.backward", "weight ignored", "x's gradient lacks the weight")
def _unscaled(found: Any, grad: Any, arrays: Any, attrs: Any) -> Any:
    own = pull("batch_norm", grad, *arrays[:3], **attrs)["x"]
    return {**found, "x": own}
