"""Writing layers that pick, sum up along an axis, compare, or carry a state."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...layers.comparison import Compare
from ...layers.einsum import Einsum
from ...layers.grid_sample import GridSample
from ...layers.picking import CumSum, Pick
from ...layers.quantisation import ByteRange, Quantize, QuantizeBy
from ...layers.recurrent import GRU, LSTM, RNN
from ...layers.statistics import RMSNorm
from .operators_arithmetic import COMPARISONS
from .writing import Place, cannot, writes

_COMPARED = {ours: theirs for theirs, ours in COMPARISONS.items()}


def _operands(place: Place) -> list[str]:
    """The tensors of all operands, constants among them."""
    layer: Any = place.layer
    inputs = iter(place.inputs)
    given = layer.constants or (None,) * max(len(place.inputs), 1)
    return [
        next(inputs) if each is None else place.parameter(f"operand{number}", each)
        for number, each in enumerate(given)
    ]


@writes(Einsum)
def _einsum(place: Place) -> None:
    layer: Any = place.layer
    place.node("Einsum", _operands(place), equation=layer.equation)


@writes(Compare)
def _compare(place: Place) -> None:
    layer: Any = place.layer
    place.node(_COMPARED[layer.name], _operands(place))


@writes(GridSample)
def _grid_sample(place: Place) -> None:
    layer: Any = place.layer
    place.node(
        "GridSample",
        _operands(place),
        mode=layer.mode,
        padding_mode=layer.border,
        align_corners=int(layer.align_corners),
    )


@writes(Pick)
def _pick(place: Place) -> None:
    """All operands in one row for each sample, what is picked of it, in its shape."""
    layer: Any = place.layer
    if any(each is not None for each in layer.constants) and layer.batch:
        raise cannot(place, "constants beside samples are not written")
    row = [0, -1] if layer.batch else [-1]
    shape = place.numbers("row", *row)
    flat = [
        place.node("Reshape", [operand, shape], f"row{number}")
        for number, operand in enumerate(_operands(place))
    ]
    axis = len(row) - 1
    if len(flat) > 1:
        flat = [place.node("Concat", flat, "rows", axis=axis)]
    indices = place.numbers("sources", *layer.sources.reshape(-1).tolist())
    found = place.node("Gather", [flat[0], indices], "picked", axis=axis)
    whole = (0, *layer.sources.shape) if layer.batch else layer.sources.shape
    place.node("Reshape", [found, place.numbers("shape", *whole)])


@writes(CumSum)
def _cum_sum(place: Place) -> None:
    layer: Any = place.layer
    axis = place.draft.constant(np.array(layer.axis, np.int64), f"{place.name}.axis")
    place.node(
        "CumSum",
        [*place.inputs, axis],
        exclusive=int(layer.exclusive),
        reverse=int(layer.reverse),
    )


@writes(RMSNorm)
def _rms_norm(place: Place) -> None:
    """An operator of its own only since operator set 23."""
    layer: Any = place.layer
    axes = place.numbers(
        "axes", *range(layer.axis % len(place.shape), len(place.shape))
    )
    squares = place.node("Mul", place.inputs * 2, "squares")
    mean = place.node("ReduceMean", [squares, axes], "mean")
    above = place.node("Add", [mean, place.scalar("eps", layer.eps)], "above_zero")
    root = place.node("Sqrt", [above], "root")
    if layer.weight is None:
        place.node("Div", [*place.inputs, root])
        return
    normal = place.node("Div", [*place.inputs, root], "normal")
    place.node("Mul", [normal, place.parameter("weight")])


@writes(RNN, GRU, LSTM)
def _recurrent(place: Place) -> None:
    layer: Any = place.layer
    if layer.shown:
        raise cannot(place, "every cell in time is no output of ONNX's")
    hidden, kind = layer.hidden, type(layer).__name__
    bias = np.concatenate([layer.bias, layer.recurrent_bias])[None]
    inputs = [
        *place.inputs,
        place.parameter("weight", layer.weight[None]),
        place.parameter("recurrent", layer.recurrent[None]),
        place.parameter("bias", bias),
    ]
    if layer.start:
        batch = place.node("Shape", place.inputs, "batch", start=1, end=2)
        one, width = place.numbers("one", 1), place.numbers("width", hidden)
        full = place.node("Concat", [one, batch, width], "states", axis=0)
        starts = [
            place.node("Expand", [place.parameter(f"start{n}", s[None]), full], f"s{n}")
            for n, s in enumerate(layer.start)
        ]
        inputs += ["", *starts]
    options: dict[str, Any] = {}
    if isinstance(layer, GRU):
        options["linear_before_reset"] = int(layer.reset_after)
    way = "reverse" if layer.reverse else "forward"
    place.node(kind, inputs, hidden_size=hidden, direction=way, **options)


@writes(Quantize)
def _quantize(place: Place) -> None:
    """In floats, as it is computed here."""
    layer: Any = place.layer
    steps = place.node("Div", [*place.inputs, place.parameter("scale")], "steps")
    rounded = place.node("Round", [steps], "rounded")
    moved = place.node("Add", [rounded, place.parameter("zero")], "moved")
    bounds = [place.scalar("low", layer.low), place.scalar("high", layer.high)]
    place.node("Clip", [moved, *bounds])


@writes(ByteRange, QuantizeBy)
def _by_range(place: Place) -> None:
    raise cannot(place, "what is quantised as the net runs is not written in floats")
