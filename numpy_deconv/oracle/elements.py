"""Single elements of a result as direct dot products, each to the last bit.

For outputs too large to compute again, and to check the vectorised reference where
the loops of the definition would take too long. The geometry is the definition's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .call import Array, Call
from .definition.geometry import Axes, Axis, divisor, transpose_axes, window_axes

Index = tuple[int, ...]
SPLIT = 2.0**27 + 1  # halves a float64's digits (Dekker 1971)


class Element(NamedTuple):
    """A value rounded once, the sum of its absolute terms, and how many they are."""

    value: float
    magnitude: float
    n: int


class _Factors(NamedTuple):
    a: Array
    b: Array | None = None
    addend: float | None = None
    divisor: float = 1.0


def can_sample(call: Call) -> bool:
    """Whether single elements of this operation can be computed."""
    return call.operation.forward in _FACTORS and call.operation.name != (
        "avg_pool.backward"
    )


def element(call: Call, output: str, at: Index) -> Element:
    """One element of one output of a call that can be sampled."""
    found = _FACTORS[call.operation.forward](call, output, at)
    a = found.a.astype(np.float64).ravel()
    b = np.ones_like(a) if found.b is None else found.b.astype(np.float64).ravel()
    with np.errstate(all="ignore"):
        high, low = two_product(a, b)
    addend = [] if found.addend is None else [found.addend]
    n = a.size + len(addend)
    if not np.isfinite(high).all() or not all(map(math.isfinite, addend)):
        with np.errstate(all="ignore"):
            return Element(float(high.sum() + sum(addend)), math.inf, n)
    value = math.fsum([*high.tolist(), *low.tolist(), *addend])
    magnitude = math.fsum([*np.abs(high).tolist(), *map(abs, addend)])
    return Element(value / found.divisor, magnitude / found.divisor, n)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """``a * b`` rounded, and its rounding error (Dekker)."""
    high = a * b
    a1 = SPLIT * a - (SPLIT * a - a)
    b1 = SPLIT * b - (SPLIT * b - b)
    a2, b2 = a - a1, b - b1
    low = ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2
    return high, np.where(np.isfinite(low), low, 0.0)


def _window(call: Call, size: Sequence[int], kernel: Any) -> Axes:
    a = call.attributes
    return window_axes(size, kernel, a["stride"], a["padding"], a["dilation"])


def _inside(axis: Axis, output: int) -> tuple[list[int], list[int]]:
    """Taps of an output that lie on elements, and the elements."""
    taps = [t for t in range(axis.kernel) if 0 <= axis.place(output, t) < axis.length]
    return taps, [axis.place(output, t) for t in taps]


def _reaching(axis: Axis, place: int, outputs: int) -> tuple[list[int], list[int]]:
    """Outputs that read an element, and with which tap."""
    pairs = []
    for tap in range(axis.kernel):
        output, rest = divmod(place + axis.begin - tap * axis.dilation, axis.stride)
        if not rest and 0 <= output < outputs:
            pairs.append((output, tap))
    return [output for output, _ in pairs], [tap for _, tap in pairs]


def _read(array: Array, lists: Sequence[Sequence[int]]) -> Array:
    """``array`` at every combination of indices along its last axes."""
    for axis, places in enumerate(reversed(lists), start=1):
        array = np.take(array, np.asarray(places, np.intp), axis=-axis)
    return array


def _correlate(call: Call, x: Array, weight: Array, at: Index, axes: Axes) -> _Factors:
    """An element of a convolution of ``x`` with ``weight``."""
    (n, k, *position), depth = at, weight.shape[1]
    group = k // (len(weight) // int(call.attributes["groups"]))
    pairs = [_inside(axis, o) for axis, o in zip(axes, position, strict=True)]
    channels = x[n, group * depth : (group + 1) * depth]
    return _Factors(
        _read(channels, [places for _, places in pairs]),
        _read(weight[k], [taps for taps, _ in pairs]),
    )


def _scatter(call: Call, grad: Array, weight: Array, at: Index, axes: Axes) -> _Factors:
    """An element of a convolution's adjoint."""
    (n, c, *place), (filters, depth) = at, weight.shape[:2]
    group, channel = divmod(c, depth)
    count = filters // int(call.attributes["groups"])
    pairs = [
        _reaching(axis, i, outputs)
        for axis, i, outputs in zip(axes, place, grad.shape[2:], strict=True)
    ]
    own = slice(group * count, (group + 1) * count)
    return _Factors(
        _read(grad[n, own], [outputs for outputs, _ in pairs]),
        _read(weight[own, channel], [taps for _, taps in pairs]),
    )


def _pairs_of_tap(
    call: Call, grad: Array, x: Array, at: Index, depth: int, axes: Axes
) -> _Factors:
    """An element of a convolution's weight gradient."""
    k, c, *tap = at
    group = k // (grad.shape[1] // int(call.attributes["groups"]))
    outputs, places = [], []
    for axis, t, count in zip(axes, tap, grad.shape[2:], strict=True):
        there = [o for o in range(count) if 0 <= axis.place(o, t) < axis.length]
        outputs.append(there)
        places.append([axis.place(o, t) for o in there])
    return _Factors(_read(grad[:, k], outputs), _read(x[:, group * depth + c], places))


def _conv(call: Call, output: str, at: Index) -> _Factors:
    x, weight = call["x"], call["weight"]
    axes = _window(call, x.shape[2:], weight.shape[2:])
    if not call.operation.is_backward:
        found = _correlate(call, x, weight, at, axes)
        bias = call.arrays["bias"]
        return found if bias is None else found._replace(addend=float(bias[at[1]]))
    if output == "x":
        return _scatter(call, call["grad"], weight, at, axes)
    if output == "weight":
        return _pairs_of_tap(call, call["grad"], x, at, weight.shape[1], axes)
    return _Factors(call["grad"][:, at[0]])


def _conv_input_grad(call: Call, output: str, at: Index) -> _Factors:
    weight, grad = call["weight"], call["grad"]
    size = call.attributes["input_size"]
    axes = _window(call, _spread(size, weight.ndim - 2), weight.shape[2:])
    return _scatter(call, grad, weight, at, axes)


def _conv_weight_grad(call: Call, output: str, at: Index) -> _Factors:
    x, grad = call["x"], call["grad"]
    axes = _window(call, x.shape[2:], call.attributes["kernel_size"])
    depth = x.shape[1] // int(call.attributes["groups"])
    return _pairs_of_tap(call, grad, x, at, depth, axes)


def _conv_transpose(call: Call, output: str, at: Index) -> _Factors:
    x, weight, a = call["x"], call["weight"], call.attributes
    axes = transpose_axes(
        x.shape[2:],
        weight.shape[2:],
        a["stride"],
        a["padding"],
        a["output_padding"],
        a["dilation"],
    )
    if not call.operation.is_backward:
        found = _scatter(call, x, weight, at, axes)
        bias = call.arrays["bias"]
        return found if bias is None else found._replace(addend=float(bias[at[1]]))
    grad = call["grad"]
    if output == "x":
        return _correlate(call, grad, weight, at, axes)
    if output == "weight":
        return _pairs_of_tap(call, x, grad, at, weight.shape[1], axes)
    return _Factors(grad[:, at[0]])


def _linear(call: Call, output: str, at: Index) -> _Factors:
    x, weight = call["x"], call["weight"]
    if not call.operation.is_backward:
        bias = call.arrays["bias"]
        addend = None if bias is None else float(bias[at[-1]])
        return _Factors(x[at[:-1]], weight[at[-1]], addend)
    grad = call["grad"]
    if output == "x":
        return _Factors(grad[at[:-1]], weight[:, at[-1]])
    if output == "weight":
        return _Factors(grad[..., at[0]], x[..., at[1]])
    return _Factors(grad[..., at[0]])


def _avg_pool(call: Call, output: str, at: Index) -> _Factors:
    a, x = call.attributes, call["x"]
    axes = window_axes(
        x.shape[2:],
        a["kernel_size"],
        a["kernel_size"] if a["stride"] is None else a["stride"],
        a["padding"],
        a["dilation"],
        a["ceil_mode"],
    )
    places = [_inside(axis, o)[1] for axis, o in zip(axes, at[2:], strict=True)]
    count = divisor(axes, at[2:], a["count_include_pad"])
    return _Factors(_read(x[at[:2]], places), divisor=float(count))


def _spread(value: Any, rank: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,) * rank


_FACTORS: dict[str, Callable[[Call, str, Index], _Factors]] = {
    "conv": _conv,
    "conv_input_grad": _conv_input_grad,
    "conv_weight_grad": _conv_weight_grad,
    "conv_transpose": _conv_transpose,
    "linear": _linear,
    "avg_pool": _avg_pool,
}
