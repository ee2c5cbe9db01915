"""Bounds of convolutions that are not computed as sums of products.

``Winograd(m, r)`` applies to unit stride and dilation with a kernel of ``r`` on every
axis, and to its gradients; a kernel declared so falls back to a direct sum elsewhere,
and so does its bound. ``FFT()`` is bounded in norm, plane by plane, with a constant
that was measured, not proved: the worst seen was 0.08 of it.
"""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

from ..per_axis import Sizes
from ..window import Window
from .call import Array, Call
from .growth import gamma
from .numerics import FFT, Algorithm, Resolved, Winograd
from .terms.response_norm import running_bound
from .winograd import magnitude, weight_magnitude

FFT_CONSTANT = 3.0
SCATTERED = {("conv", "x"), ("conv_input_grad", "y"), ("conv_transpose", "y")}
"""Outputs that are a convolution with the flipped kernel."""


def algorithm_bound(call: Call, name: str, numerics: Resolved) -> Array | None:
    """The hard bound of the declared algorithm; None where it is a direct sum.

    For "any" it is the larger of Winograd's F(4, r) and the Fourier transform's.
    """
    if numerics.algo == "any":
        schemes: list[Algorithm] = [FFT()]
        kernel = _kernel(call)
        if kernel and len(set(kernel)) == 1 and kernel[0] > 1:
            schemes.append(Winograd(4, kernel[0]))
        found = [_bound(call, name, scheme, numerics) for scheme in schemes]
        there = [each for each in found if each is not None]
        return reduce(np.maximum, there) if there else None
    return _bound(call, name, numerics.algo, numerics)


def _bound(
    call: Call, name: str, scheme: Algorithm, numerics: Resolved
) -> Array | None:
    if scheme == "running" and call.operation.name == "local_response_norm":
        return running_bound(call, numerics)
    planes = None if isinstance(scheme, str) else _planes(call, name)
    if planes is None or isinstance(scheme, str):
        return None
    if isinstance(scheme, FFT):
        return _fourier(planes, numerics)
    if set(planes.kernel) != {scheme.r}:
        return None
    rank, t = len(planes.kernel), scheme.m + scheme.r - 1
    if planes.is_weight:
        tiled = math.prod(-(-n // scheme.m) for n in planes.weight.shape[2:])
        terms = len(planes.x) * tiled
        W = weight_magnitude(planes.weight, planes.x, planes.groups, scheme)
    else:
        terms = planes.weight.shape[1]
        W = magnitude(planes.x, planes.weight, planes.groups, scheme)
    rounds = np.asarray(terms + rank * (scheme.r + 1 + 2 * t), np.float64)
    growth = gamma(rounds, numerics.acc.u)
    u_in = numerics.u_in
    error = ((1 + u_in) ** 2 * (1 + growth) - 1) * W
    return error + growth * np.abs(planes.bias)


class _Planes:
    """A convolution, or a gradient written as one: operands of unit stride."""

    def __init__(
        self,
        x: Array,
        weight: Array,
        groups: int,
        kernel: Sizes,
        bias: Array | float = 0.0,
        is_weight: bool = False,
    ) -> None:
        self.x, self.weight, self.groups = x, weight, groups
        self.kernel, self.bias, self.is_weight = kernel, bias, is_weight


def _kernel(call: Call) -> Sizes:
    name = call.operation.forward
    if name == "conv_weight_grad":
        grad, x = call["grad"], call["x"]
        window = Window.of(
            call.attributes["kernel_size"], x.ndim - 2, padding=0, dilation=1
        )
        return window.kernel if grad.ndim == x.ndim else ()
    if name in ("conv", "conv_input_grad", "conv_transpose"):
        return tuple(call["weight"].shape[2:])
    return ()


def _planes(call: Call, name: str) -> _Planes | None:
    """The call's operands for this output; None if the algorithms do not apply."""
    kernel = _kernel(call)
    if not kernel or name == "bias":
        return None
    a = call.attributes
    forward, rank = call.operation.forward, len(kernel)
    size = _image_size(call, rank)
    window = Window.of(
        kernel,
        rank,
        stride=a["stride"],
        padding=a["padding"],
        dilation=a["dilation"],
        input_size=size,
    )
    if {*window.stride, *window.dilation} != {1}:
        return None
    groups = int(a["groups"])
    ends = [(0, 0), (0, 0), *window.padding]
    transposed = forward == "conv_transpose"
    if forward == "conv_weight_grad" or name == "weight":
        x, grad = call["x"], call["grad"]
        if transposed:
            x, grad = grad, x
        return _Planes(np.pad(x, ends), grad, groups, kernel, is_weight=True)
    signal = call["grad"] if "grad" in call.arrays else call["x"]
    weight = call["weight"]
    bias = call.arrays.get("bias") if name == "y" else None
    column = 0.0 if bias is None else bias.reshape(-1, *(1,) * rank)
    if (forward, name) not in SCATTERED:
        return _Planes(np.pad(signal, ends), weight, groups, kernel, column)
    flipped = _flipped(weight, groups)
    around = [(k - 1, k - 1) for k in kernel]
    full: Array = np.pad(signal, [(0, 0), (0, 0), *around])
    crop = tuple(
        slice(begin, begin + n + k - 1)
        for (begin, _), n, k in zip(window.padding, size, kernel, strict=True)
    )
    return _Planes(full[(..., *crop)], flipped, groups, kernel, column)


def _image_size(call: Call, rank: int) -> Sizes:
    """Sizes of what the forward convolution reads."""
    forward = call.operation.forward
    if forward == "conv_input_grad":
        grown = call.attributes["input_size"]
        return tuple(grown) if np.ndim(grown) else (grown,) * rank
    if forward == "conv_transpose":
        if "grad" in call.arrays:
            return tuple(call["grad"].shape[2:])
        from .evaluation import evaluate

        return tuple(np.shape(evaluate(call)[0])[2:])
    return tuple(call["x"].shape[2:])


def _flipped(weight: Array, groups: int) -> Array:
    """The kernel of the adjoint: taps reversed, channels exchanged within groups."""
    filters, depth, *kernel = weight.shape
    grouped = weight.reshape(groups, filters // groups, depth, *kernel).swapaxes(1, 2)
    taps = (slice(None, None, -1),) * len(kernel)
    exchanged = grouped.reshape(groups * depth, filters // groups, *kernel)
    return exchanged[(..., *taps)]


def _fourier(planes: _Planes, numerics: Resolved) -> Array:
    """``3 u log2(N) · Σ_c ‖x_c‖ ‖w_c‖`` of every plane of the result."""
    x, weight, groups = planes.x, planes.weight, planes.groups
    rank = len(planes.kernel)
    size = math.prod(2 * n for n in x.shape[2:])
    norms_x = np.sqrt(np.square(x).sum(axis=tuple(range(2, x.ndim))))
    norms_w = np.sqrt(np.square(weight).sum(axis=tuple(range(2, weight.ndim))))
    split = norms_x.reshape(len(x), groups, x.shape[1] // max(1, groups))
    if planes.is_weight:
        # (N, G, C) and (N, G, K): summed over the batch
        filters = norms_w.reshape(len(x), groups, weight.shape[1] // max(1, groups))
        total = np.einsum("ngk,ngc->gkc", filters, split)
        total = total.reshape(weight.shape[1], total.shape[2])
    else:
        count = len(weight) // max(1, groups)
        filters = norms_w.reshape(groups, count, norms_w.shape[1])
        total = np.einsum("ngc,gkc->ngk", split, filters)
        total = total.reshape(len(x), len(weight))
    u = numerics.acc.u * FFT_CONSTANT * max(1.0, math.log2(max(size, 2)))
    column = total.reshape(*total.shape, *(1,) * rank)
    error = (u + 2 * numerics.u_in) * column
    return error + 2 * numerics.acc.u * np.abs(planes.bias)
