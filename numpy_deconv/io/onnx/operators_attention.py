"""Sums of products along named axes, and the attention that is made of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import FileFormatError
from ...layers import Softmax, Tanh
from ...layers.arithmetic import Offset, Scale
from ...layers.broadcasting import broadcast_shape
from ...layers.einsum import Einsum, lengths, subscripts
from ...layers.matmul import MatMul
from ...layers.reshaping import Gather, Reshape, Transpose
from ...layers.statistics import RMSNorm
from .operators_shape import checked_axes
from .tracing import Call, Results, Value, operator


@operator("Einsum")
def _einsum(call: Call) -> Results:
    values = [call.input(index) for index in range(len(call.inputs))]
    equation = call.attribute("equation", "")
    named = subscripts(equation, [value.rank for value in values])
    sizes = lengths(named, [value.shape for value in values])
    shape = tuple(sizes[letter] for letter in named[1])
    live = [value for value in values if not value.is_constant]
    constants = (
        tuple(value.array for value in values) if live else (None,) * len(values)
    )
    layer = Einsum(constants, equation)
    return call.add(layer, *(live or values), shape=shape, dtype=values[0].dtype)


@operator("RMSNormalization")
def _rms_norm(call: Call) -> Results:
    x, weight = call.input(0), call.constant(1, "scale")
    (axis,) = checked_axes((call.attribute("axis", -1),), x.rank)
    if axis == 0:
        raise FileFormatError("it mixes the samples of the batch (axis 0)")
    if broadcast_shape(weight.shape, x.shape[axis:]) != x.shape[axis:]:
        raise FileFormatError(f"a scale of {weight.shape} does not fit {x.shape}")
    weight = np.broadcast_to(weight, x.shape[axis:])
    eps = call.attribute("epsilon", 1e-5)
    return call.add(RMSNorm(weight, None, axis - x.rank, eps), x)


@operator("Attention")
def _attention(call: Call) -> Results:
    """``softmax(scale Q K^T + mask) V``, heads apart; without a cache of the past."""
    if any(call.wanted[1:3]) or call.optional(4) or call.optional(5):
        raise FileFormatError("it keeps keys and values of the past")
    if call.optional(6):
        raise FileFormatError("its keys and values are of different lengths")
    q, k, v = (call.input(index) for index in range(3))
    flat = q.rank == 3
    heads = call.attribute("q_num_heads", 0), call.attribute("kv_num_heads", 0)
    q, k, v = (
        _heads(call, value, count, name)
        for value, count, name in zip(
            (q, k, v), (heads[0], heads[1], heads[1]), "qkv", strict=True
        )
    )
    if k.shape[1] != v.shape[1] or not k.shape[1] or q.shape[1] % k.shape[1]:
        raise FileFormatError(f"{q.shape[1]} heads of queries, {k.shape[1]} of keys")
    if q.shape[3] != k.shape[3] or k.shape[2] != v.shape[2]:
        raise FileFormatError(f"shapes {q.shape}, {k.shape}, {v.shape} do not fit")
    k, v = (_repeated(call, each, q.shape[1], n) for each, n in ((k, "k"), (v, "v")))
    stages = _scores(call, q, k)
    mode = call.attribute("qk_matmul_output_mode", 0)
    if not 0 <= mode < len(stages):
        raise FileFormatError(f"its qk_matmul_output_mode is {mode}, not 0 to 3")
    y = _product(call, stages[3], v, "seen")
    if flat:
        order = (0, 2, 1, 3)
        shape = tuple(y.shape[axis] for axis in order)
        y = call.add(Transpose(order), y, shape=shape, step="heads_last")
        width = shape[2] * shape[3]
        y = call.add(Reshape((-1, width)), y, shape=(*shape[:2], width))
    return y, None, None, stages[mode]


def _heads(call: Call, x: Value, count: int, name: str) -> Value:
    """``(N, S, H*D)`` as ``(N, H, S, D)``; what has four axes has them already."""
    if x.rank == 4:
        return x
    if x.rank != 3 or count < 1 or x.shape[2] % count:
        raise FileFormatError(f"{count} heads do not fit an input of shape {x.shape}")
    apart = (x.shape[1], count, x.shape[2] // count)
    shape = (x.shape[0], *apart)
    x = call.add(Reshape(apart), x, shape=shape, step=f"{name}_heads")
    turned = (shape[0], shape[2], shape[1], shape[3])
    return call.add(
        Transpose((0, 2, 1, 3)), x, shape=turned, step=f"{name}_heads_first"
    )


def _repeated(call: Call, x: Value, heads: int, name: str) -> Value:
    """Each head of keys or values for as many heads of queries in a row."""
    if x.shape[1] == heads:
        return x
    indices = np.arange(heads) // (heads // x.shape[1])
    shape = (x.shape[0], heads, *x.shape[2:])
    return call.add(Gather(indices, 1), x, shape=shape, step=f"{name}_repeated")


def _scores(call: Call, q: Value, k: Value) -> tuple[Value, ...]:
    """What each query has to do with each key: at first, capped, masked, as shares."""
    scale = call.attribute("scale", 0.0) or 1 / math.sqrt(q.shape[3])
    half = np.array(math.sqrt(scale), q.dtype)
    q = call.add(Scale(half), q, step="q_scaled")
    k = call.add(Scale(half), k, step="k_scaled")
    turned = (*k.shape[:2], k.shape[3], k.shape[2])
    k = call.add(Transpose((0, 1, 3, 2)), k, shape=turned, step="k_turned")
    first = capped = _product(call, q, k, "scores")
    cap = call.attribute("softcap", 0.0)
    if cap:
        capped = call.add(Scale(np.array(1 / cap, q.dtype)), capped, step="to_cap")
        capped = call.add(Tanh(), capped, step="bent")
        capped = call.add(Scale(np.array(cap, q.dtype)), capped, step="capped")
    mask = _mask(call, capped)
    if mask is None:
        return first, capped, capped, call.add(Softmax(-1), capped, step="shares")
    masked = call.add(Offset(mask), capped, step="masked")
    blind = np.isneginf(mask).all(axis=-1, keepdims=True)
    if not blind.any():
        return first, capped, masked, call.add(Softmax(-1), masked, step="shares")
    # Who may see no key at all sees nothing, rather than shares of 0 / 0
    open_mask = np.where(blind, mask.dtype.type(0), mask)
    some = call.add(Offset(open_mask), capped, step="open")
    shares = call.add(Softmax(-1), some, step="open_shares")
    seeing = (~blind).astype(mask.dtype)
    return first, capped, masked, call.add(Scale(seeing), shares, step="shares")


def _mask(call: Call, scores: Value) -> Array | None:
    """What is added to the scores: -infinity where a key is not to be seen."""
    queries, keys = scores.shape[2:]
    mask = call.optional_constant(3, "mask")
    total: Any = None
    if mask is not None and mask.ndim:
        chosen = np.where(mask, 0, -np.inf) if mask.dtype == bool else mask
        missing = keys - chosen.shape[-1]
        if missing > 0 and chosen.shape[-1] > 1:
            ends = [(0, 0)] * (chosen.ndim - 1) + [(0, missing)]
            chosen = np.pad(chosen, ends, constant_values=-np.inf)
        if broadcast_shape(chosen.shape, scores.shape) != scores.shape:
            raise FileFormatError(f"a mask of {mask.shape} does not fit {scores.shape}")
        total = chosen.astype(scores.dtype)
    left, right = (
        call.attribute(f"{side}_window_size", -1) for side in ("left", "right")
    )
    if call.attribute("is_causal", 0):
        right = 0
    if left < 0 and right < 0:
        return total
    call.trace.spend((queries, keys), scores.dtype)
    ahead = np.arange(keys) - np.arange(queries)[:, None]
    hidden = (ahead > right) & (right >= 0) | (-ahead > left) & (left >= 0)
    near = np.where(hidden, -np.inf, 0).astype(scores.dtype)
    return near if total is None else total + near


def _product(call: Call, a: Value, b: Value, step: str) -> Value:
    shape = (*broadcast_shape(a.shape[:2], b.shape[:2]), a.shape[2], b.shape[3])
    if a.is_constant == b.is_constant:
        return call.add(MatMul(), a, b, shape=shape, step=step)
    layer = MatMul((a.array, b.array))
    return call.add(layer, b if a.is_constant else a, shape=shape, step=step)
