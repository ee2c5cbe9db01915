"""Operators that carry a state along a sequence: a layer for each direction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import FileFormatError
from ...layers import Concat
from ...layers.recurrent import GRU, LSTM, RNN
from ...layers.reshaping import Gather, Transpose
from .tracing import Call, Results, Value, operator

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_CURVES = {
    "RNN": ("tanh",),
    "GRU": ("sigmoid", "tanh"),
    "LSTM": ("sigmoid", "tanh", "tanh"),
}
"""The activations of the definition, the only ones that are supported."""
_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


@operator(*_GATES)
def _recurrent(call: Call) -> Results:
    """Every state in time, the last one, and the last cell of an LSTM."""
    x = call.input(0)
    ways = _checked(call, x)
    batch_first = bool(call.attribute("layout", 0))
    if batch_first:
        turned = (x.shape[1], x.shape[0], x.shape[2])
        x = call.add(Transpose((1, 0, 2)), x, shape=turned, step="time_first")
    time, batch = x.shape[:2]
    found: dict[str, list[Value]] = {"ways": [], "last": [], "cell": []}
    for number, reverse in enumerate(ways):
        layer = _layer(call, number, reverse, len(ways), x)
        shape = (time, 1, batch, layer.hidden)
        step = f"way{number}" if len(ways) > 1 or batch_first else ""
        y = call.add(layer, x, shape=shape, step=step)
        found["ways"].append(y)
        end = Gather(np.array(0 if reverse else time - 1), 0)
        if call.wanted[1:2] == [True]:
            last = call.add(end, y, shape=shape[1:], step=f"last{number}")
            found["last"].append(last)
        if call.wanted[2:3] == [True]:
            cells = call.add(replace(layer, shown=1), x, shape=shape, step="cells")
            last = call.add(end, cells, shape=shape[1:], step=f"cell{number}")
            found["cell"].append(last)
    joined = [
        _joined(call, parts, int(step == "ways"), step) for step, parts in found.items()
    ]
    if batch_first:
        orders = (2, 0, 1, 3), (1, 0, 2), (1, 0, 2)
        pairs = zip(joined, orders, strict=True)
        joined = [_batch_first(call, each, order) for each, order in pairs]
    return tuple(joined)


def _joined(call: Call, parts: list[Value], axis: int, step: str) -> Value | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    shape = list(parts[0].shape)
    shape[axis] = len(parts)
    return call.add(Concat(axis), *parts, shape=tuple(shape), step=step)


def _batch_first(call: Call, y: Value | None, order: tuple[int, ...]) -> Value | None:
    if y is None:
        return None
    return call.add(Transpose(order), y, shape=tuple(y.shape[a] for a in order))


def _checked(call: Call, x: Value) -> tuple[bool, ...]:
    ways = _DIRECTIONS.get(call.attribute("direction", "forward"))
    if x.rank != 3 or 0 in x.shape or ways is None:
        raise FileFormatError(
            f"an input of shape {x.shape} is no sequence, or its direction is not known"
        )
    curves = call.attribute("activations", (), tuple)
    usual = _CURVES[call.kind] * len(ways)
    if curves and tuple(str(each).lower() for each in curves) != usual:
        raise FileFormatError(f"its activations are {curves}, not {usual}")
    time = x.shape[1 if call.attribute("layout", 0) else 0]
    lengths = call.optional_constant(4, "sequence_lens")
    if lengths is not None and (lengths != time).any():
        raise FileFormatError("its sequences are of different lengths")
    peepholes = call.optional_constant(7, "peepholes")
    if peepholes is not None and peepholes.any():
        raise FileFormatError("its cells are seen by the gates (peepholes)")
    if call.attribute("clip", 0.0) or call.attribute("input_forget", 0):
        raise FileFormatError("its clip or input_forget is not supported")
    return ways


def _layer(call: Call, number: int, reverse: bool, ways: int, x: Value) -> Any:
    kind, gates = call.kind, _GATES[call.kind]
    weight, recurrent = call.constant(1, "weights"), call.constant(2, "weights")
    size = recurrent.shape[-1] if recurrent.ndim == 3 else 0
    wanted = (ways, gates * size, x.shape[2]), (ways, gates * size, size)
    if not size or (weight.shape, recurrent.shape) != wanted:
        raise FileFormatError(
            f"weights of shapes {weight.shape} and {recurrent.shape} do not fit an "
            f"input of {x.shape}"
        )
    bias = call.optional_constant(3, "biases")
    if bias is None:
        bias = np.zeros((ways, 2 * gates * size), weight.dtype)
    if bias.shape != (ways, 2 * gates * size):
        raise FileFormatError(f"its biases have shape {bias.shape}")
    halves = np.split(bias[number], 2)
    start = _start(call, number, ways, size, x)
    options: dict[str, Any] = {"start": start, "reverse": reverse}
    if kind == "GRU":
        options["reset_after"] = bool(call.attribute("linear_before_reset", 0))
    layer: Any = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}[kind]
    return layer(weight[number], recurrent[number], *halves, **options)


def _start(
    call: Call, number: int, ways: int, size: int, x: Value
) -> tuple[Array, ...]:
    """The states before the first step; none where they are all 0."""
    names = ("initial_h", "initial_c")[: 2 if call.kind == "LSTM" else 1]
    found = []
    for index, name in enumerate(names, start=5):
        state = call.optional_constant(index, name)
        if state is None:
            state = np.zeros((ways, 1, size), x.dtype)
        elif call.attribute("layout", 0) and state.ndim == 3:
            state = state.swapaxes(0, 1)
        if state.shape[::2] != (ways, size) or state.shape[1] not in (1, x.shape[1]):
            raise FileFormatError(f"its {name} has shape {state.shape}")
        same = bool((state == state[:, :1]).all())
        found.append(state[number, :1] if same else state[number])
    return tuple(found) if any(each.any() for each in found) else ()
