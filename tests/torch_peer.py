"""PyTorch's own answer to every array function, NumPy in and NumPy out.

With :mod:`torch_convolution` the only test module that imports torch for the array
functions. Names, argument order and options are numpy_deconv's; what PyTorch has no
spelling for (asymmetric padding, "same" with a stride, rank-3 unfold) is built here
from what it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_convolution import (
    begin_end,
    col2im,
    conv,
    conv_input_grad,
    conv_transpose,
    conv_weight_grad,
    im2col,
    spread,
)

torch.set_num_threads(1)

Array = npt.NDArray[Any]

SINGLE_PRECISION = {"hard_sigmoid": 1e-7}
"""PyTorch multiplies this gradient by 1/6 in float32, even for float64."""


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.array(array, order="C"))


def value(name: str, *arrays: Array, **options: Any) -> Any:
    """What PyTorch returns, as an array or a tuple of arrays."""
    result = PEERS[name](*map(_tensor, arrays), **options)
    if isinstance(result, tuple):
        return tuple(each.detach().numpy() for each in result)
    return result.detach().numpy()


def gradients(name: str, grad: Array, *arrays: Array, **options: Any) -> Any:
    """What PyTorch's autograd returns for each array, None for integers."""
    tensors = [_tensor(array) for array in arrays]
    floating = [each for each in tensors if each.is_floating_point()]
    for each in floating:
        each.requires_grad_()
    result = PEERS[name](*tensors, **options)
    y = result[0] if isinstance(result, tuple) else result
    seed = _tensor(grad).to(y.dtype)
    # an empty batch can leave a weight out of the graph: its gradient is zero
    found = iter(torch.autograd.grad(y, floating, seed, materialize_grads=True))
    return tuple(
        next(found).numpy() if each.is_floating_point() else None for each in tensors
    )


def max_pool(x: Tensor, kernel_size: Any, **options: Any) -> tuple[Tensor, Tensor]:
    function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[x.ndim - 3]
    if options.get("padding") == "valid":
        options["padding"] = 0
    y, switches = function(x, kernel_size, return_indices=True, **options)
    return y, switches


def max_unpool(
    y: Tensor, switches: Tensor, output_size: Sequence[int], *, overlap: str = "assign"
) -> Tensor:
    """PyTorch's max_unpool2d on flattened planes, whose flat switches stay the same;
    the other overlaps by scattering."""
    plane = math.prod(output_size)
    values, targets = y.flatten(2), switches.flatten(2)
    shape = (*y.shape[:2], plane)
    empty = torch.zeros(shape, dtype=y.dtype)
    if overlap == "assign":
        out = torch._C._nn.max_unpool2d(
            values[:, :, None], targets[:, :, None], [1, plane]
        )
    elif overlap == "sum":
        out = empty.scatter_add(2, targets, values)
    elif overlap == "mean":
        out = empty.scatter_reduce(2, targets, values, "mean", include_self=False)
    else:
        # even with include_self=False a zero that was there takes half the gradient
        lowest = torch.full_like(empty, -math.inf)
        most = lowest.scatter_reduce(2, targets, values, "amax")
        covered = empty.scatter(2, targets, torch.ones_like(values)) > 0
        out = torch.where(covered, most, empty)
    return out.reshape(*y.shape[:2], *output_size)


def avg_pool(x: Tensor, kernel_size: Any, **options: Any) -> Tensor:
    function = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[x.ndim - 3]
    if options.get("padding") == "valid":
        options["padding"] = 0
    return function(x, kernel_size, **options)


def lp_pool(
    x: Tensor,
    norm_type: float,
    kernel_size: Any,
    *,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    function = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[x.ndim - 3]
    if x.ndim == 3:
        (kernel_size,) = spread(kernel_size, 1)
        stride = stride if stride is None else spread(stride, 1)[0]
    return function(x, norm_type, kernel_size, stride, ceil_mode)


def adaptive_avg_pool(x: Tensor, output_size: Any) -> Tensor:
    functions = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)
    return functions[x.ndim - 3](x, output_size)


def adaptive_max_pool(x: Tensor, output_size: Any) -> tuple[Tensor, Tensor]:
    functions = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)
    y, switches = functions[x.ndim - 3](x, output_size, return_indices=True)
    return y, switches


def batch_norm(
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """F.batch_norm, or its formula where F.batch_norm has no gradient."""
    if not (mean.requires_grad or var.requires_grad):
        return F.batch_norm(x, mean, var, weight, bias, False, 0.0, eps)
    shape = (1, -1, *[1] * (x.ndim - 2))
    y = (x - mean.reshape(shape)) / torch.sqrt(var + eps).reshape(shape)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def batch_norm_training(
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    momentum: float = 0.1,
) -> tuple[Tensor, Tensor, Tensor]:
    """F.batch_norm, with the running statistics that it writes in place."""
    mean, var = mean.detach().clone(), var.detach().clone()
    y = F.batch_norm(x, mean, var, weight, bias, True, momentum, eps)
    return y, mean, var


def clip(x: Tensor, low: float | None, high: float | None) -> Tensor:
    """torch.clamp, which refuses to have both sides open."""
    return x.clone() if low is None and high is None else torch.clamp(x, low, high)


def pad(x: Tensor, padding: Any, mode: str = "constant", value: float = 0) -> Tensor:
    rank = x.ndim - 2
    pads = begin_end(padding, x.shape[2:], (1,) * rank, (1,) * rank)
    edges = [edge for pair in reversed(pads) for edge in pair]
    return F.pad(x, edges, mode, value if mode == "constant" else None)


def upsample(x: Tensor, scale: Any, mode: str = "nearest") -> Tensor:
    scales = tuple(float(s) for s in spread(scale, x.ndim - 2))
    if mode == "nearest":
        return F.interpolate(x, scale_factor=scales, mode=mode)
    linear = ("linear", "bilinear", "trilinear")[x.ndim - 3]
    return F.interpolate(x, scale_factor=scales, mode=linear, align_corners=False)


PEERS: dict[str, Callable[..., Any]] = {
    "conv": conv,
    "conv_input_grad": conv_input_grad,
    "conv_weight_grad": conv_weight_grad,
    "conv_transpose": conv_transpose,
    "im2col": im2col,
    "col2im": col2im,
    "max_pool": max_pool,
    "max_unpool": max_unpool,
    "avg_pool": avg_pool,
    "lp_pool": lp_pool,
    "adaptive_avg_pool": adaptive_avg_pool,
    "adaptive_max_pool": adaptive_max_pool,
    "global_avg_pool": lambda x: adaptive_avg_pool(x, 1),
    "global_max_pool": lambda x: adaptive_max_pool(x, 1)[0],
    "relu": F.relu,
    "leaky_relu": lambda x, slope=0.01: F.leaky_relu(x, slope),
    "prelu": F.prelu,
    "clip": clip,
    "elu": F.elu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "silu": F.silu,
    "gelu": lambda x, approximate="none": F.gelu(x, approximate=approximate),
    "hard_sigmoid": F.hardsigmoid,
    "hard_swish": F.hardswish,
    "softplus": F.softplus,
    "softmax": lambda x, axis=1: F.softmax(x, axis),
    "log_softmax": lambda x, axis=1: F.log_softmax(x, axis),
    "linear": F.linear,
    "batch_norm": batch_norm,
    "batch_norm_training": batch_norm_training,
    "local_response_norm": F.local_response_norm,
    "pad": pad,
    "upsample": upsample,
    "concat": lambda *arrays, axis=1: torch.cat(arrays, axis),
    "flatten": lambda x, start_axis=1: torch.flatten(x, start_axis),
    "cross_entropy": F.cross_entropy,
    "mse": F.mse_loss,
}
