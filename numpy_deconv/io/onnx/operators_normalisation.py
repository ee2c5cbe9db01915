"""Operators that normalise, and matrix products."""

from __future__ import annotations

import numpy as np

from ...arrays import Array
from ...errors import FileFormatError
from ...layers import BatchNorm, Linear, LocalResponseNorm
from ...layers.arithmetic import Div, Maximum, Offset, Scale
from ...layers.broadcasting import broadcast_shape
from ...layers.matmul import MatMul
from ...layers.reduction import Reduce
from ...layers.reshaping import Slice, Transpose
from ...layers.statistics import GroupNorm, InstanceNorm, LayerNorm
from .operators_shape import checked_axes
from .tracing import Call, Results, Shape, Value, operator


def _per_channel(call: Call, index: int, what: str, x: Value) -> Array:
    array = call.constant(index, what)
    if x.rank < 2 or array.shape != x.shape[1:2]:
        raise FileFormatError(
            f"its {what} has shape {array.shape}, its input {x.shape}"
        )
    return array


@operator("BatchNormalization")
def _batch_norm(call: Call) -> Results:
    x = call.input(0)
    if call.attribute("training_mode", 0):
        raise FileFormatError("it is in training mode: export the model for inference")
    if call.opset < 9 and not call.attribute("spatial", 1):
        raise FileFormatError("its statistics are not per channel (spatial=0)")
    names = ("scale", "bias", "mean", "variance")
    weight, bias, mean, var = (
        _per_channel(call, index, name, x) for index, name in enumerate(names, start=1)
    )
    eps = call.attribute("epsilon", 1e-5)
    return call.add(BatchNorm(mean, var, weight, bias, eps), x)


@operator("LRN")
def _local_response_norm(call: Call) -> Results:
    x = call.input(0)
    size = call.attribute("size", 0)
    if x.rank < 2 or size < 1:
        raise FileFormatError(f"a size of {size} does not fit {x.shape}")
    layer = LocalResponseNorm(
        size,
        call.attribute("alpha", 1e-4),
        call.attribute("beta", 0.75),
        call.attribute("bias", 1.0),
    )
    if size % 2:
        return call.add(layer, x)
    # of an even size ONNX has the odd channel after the centre, the layer before it
    turned = Slice((slice(None), slice(None, None, -1)))
    x = call.add(turned, x, step="turned")
    return call.add(turned, call.add(layer, x, step="normalised"))


@operator("InstanceNormalization")
def _instance_norm(call: Call) -> Results:
    x = call.input(0)
    weight = _per_channel(call, 1, "scale", x)
    bias = _per_channel(call, 2, "bias", x)
    if x.rank < 3:
        raise FileFormatError(f"its input of shape {x.shape} has no spatial axes")
    return call.add(InstanceNorm(weight, bias, call.attribute("epsilon", 1e-5)), x)


@operator("GroupNormalization")
def _group_norm(call: Call) -> Results:
    """Until operator set 21 with one scale per group, since with one per channel."""
    x = call.input(0)
    groups = call.attribute("num_groups", 0)
    if x.rank < 3 or groups < 1 or x.shape[1] % groups:
        raise FileFormatError(f"{groups} groups do not fit an input of shape {x.shape}")
    arrays = [call.constant(1, "scale"), call.constant(2, "bias")]
    for index, array in enumerate(arrays):
        if array.shape == (groups,) and call.opset < 21:
            arrays[index] = array.repeat(x.shape[1] // groups)
        elif array.shape != (x.shape[1],):
            raise FileFormatError(f"its scale or bias has shape {array.shape}")
    eps = call.attribute("epsilon", 1e-5)
    return call.add(GroupNorm(groups, arrays[0], arrays[1], eps), x)


@operator("LayerNormalization")
def _layer_norm(call: Call) -> Results:
    x = call.input(0)
    (axis,) = checked_axes((call.attribute("axis", -1),), x.rank)
    weight, bias = call.constant(1, "scale"), call.optional_constant(2, "bias")
    if axis == 0:
        raise FileFormatError("it mixes the samples of the batch (axis 0)")
    for array in (weight, bias):
        if array is not None and array.shape != x.shape[axis:]:
            raise FileFormatError(f"parameters {array.shape} do not fit {x.shape}")
    eps = call.attribute("epsilon", 1e-5)
    return call.add(LayerNorm(weight, bias, axis - x.rank, eps), x)


@operator("LpNormalization")
def _lp_norm(call: Call) -> Results:
    x = call.input(0)
    (axis,) = checked_axes((call.attribute("axis", -1),), x.rank)
    power = call.attribute("p", 2)
    if power not in (1, 2):
        raise FileFormatError(f"its p is {power}, not 1 or 2")
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    norm = call.add(Reduce(f"l{power}", (axis,)), x, shape=shape, step="norm")
    least = np.array(np.finfo(x.dtype).tiny, x.dtype)  # of zeros it is zeros
    norm = call.add(Maximum((None, least)), norm, step="norm_above_zero")
    return call.add(Div(), x, norm)


@operator("Gemm")
def _gemm(call: Call) -> Results:
    """``alpha * A @ B + beta * C``: a linear layer where B and C are constants."""
    a, b = call.input(0), call.input(1)
    alpha, beta = call.attribute("alpha", 1.0), call.attribute("beta", 1.0)
    if a.rank != 2 or b.rank != 2:
        raise FileFormatError(f"its operands {a.shape} and {b.shape} are not matrices")
    if call.attribute("transA", 0):
        a = _transposed(call, a, "a_transposed")
    turned = bool(call.attribute("transB", 0))
    rows, inner = b.shape if turned else b.shape[::-1]
    if inner != a.shape[1]:
        raise FileFormatError(f"{a.shape} has no product with {b.shape}")
    c, shape = call.optional(2), (a.shape[0], rows)
    if c is not None and broadcast_shape(c.shape, shape) != shape:
        raise FileFormatError(f"its C of shape {c.shape} does not fit {shape}")
    if b.array is not None and a.array is None and (c is None or c.array is not None):
        weight = b.array if turned else b.array.swapaxes(0, 1)
        weight = weight if alpha == 1 else weight * np.array(alpha, weight.dtype)
        return _linear(call, a, weight, c, beta, shape)
    b = _transposed(call, b, "b_transposed") if turned else b
    return _general(call, a, b, c, (alpha, beta), shape)


def _linear(
    call: Call, a: Value, weight: Array, c: Value | None, beta: float, shape: Shape
) -> Value:
    if c is None or c.array is None:
        return call.add(Linear(weight), a, shape=shape)
    shift = c.array if beta == 1 else c.array * np.array(beta, c.dtype)
    if shift.ndim < 2 or shift.shape[0] == 1:
        bias = np.broadcast_to(shift.reshape(shift.shape[-1:] or (1,)), shape[1:])
        return call.add(Linear(weight, bias), a, shape=shape)
    product = call.add(Linear(weight), a, shape=shape, step="product")
    return call.add(Offset(shift), product)


def _general(
    call: Call,
    a: Value,
    b: Value,
    c: Value | None,
    factors: tuple[float, float],
    shape: Shape,
) -> Value:
    y = _product(call, a, b, shape, "product")
    if factors[0] != 1:
        y = call.add(Scale(np.array(factors[0], y.dtype)), y, step="scaled")
    if c is None:
        return y
    if c.array is None:
        raise FileFormatError("its C depends on the input of the net")
    return call.add(Offset(c.array * np.array(factors[1], c.dtype)), y)


def _transposed(call: Call, x: Value, step: str) -> Value:
    return call.add(Transpose((1, 0)), x, shape=x.shape[::-1], step=step)


def _product(call: Call, a: Value, b: Value, shape: Shape, step: str = "") -> Value:
    if a.is_constant == b.is_constant:
        return call.add(MatMul(), a, b, shape=shape, step=step)
    layer = MatMul((a.array, b.array))
    return call.add(layer, b if a.is_constant else a, shape=shape, step=step)


@operator("MatMul")
def _matmul(call: Call) -> Results:
    a, b = call.input(0), call.input(1)
    if not a.rank or not b.rank or a.shape[-1] != b.shape[-2 if b.rank > 1 else 0]:
        raise FileFormatError(f"{a.shape} has no product with {b.shape}")
    if b.array is not None and b.rank == 2 and a.array is None and a.rank > 1:
        shape = (*a.shape[:-1], b.shape[1])
        return call.add(Linear(b.array.swapaxes(0, 1)), a, shape=shape)
    lead = broadcast_shape(a.shape[:-2], b.shape[:-2])
    ends = a.shape[-2:-1] + (b.shape[-1:] if b.rank > 1 else ())
    return _product(call, a, b, (*lead, *ends))
