"""Operators that reduce axes."""

from __future__ import annotations

from ...layers import GlobalAvgPool, GlobalMaxPool
from ...layers.reduction import Reduce
from .operators_shape import checked_axes, reshaped
from .tracing import Call, Results, Shape, Value, operator

KINDS = {
    "ReduceL1": "l1",
    "ReduceL2": "l2",
    "ReduceLogSum": "log_sum",
    "ReduceLogSumExp": "log_sum_exp",
    "ReduceMax": "max",
    "ReduceMean": "mean",
    "ReduceMin": "min",
    "ReduceProd": "prod",
    "ReduceSum": "sum",
    "ReduceSumSquare": "sum_square",
}
"""Layers' names for the reductions."""

_POOLS = {"ReduceMean": GlobalAvgPool, "ReduceMax": GlobalMaxPool}


@operator(*KINDS)
def _reduce(call: Call) -> Results:
    """Axes were an attribute until operator sets 13 (sum) and 18 (the others)."""
    x = call.input(0)
    axes = call.whole_numbers(1, "axes")
    if not axes:
        axes = () if call.attribute("noop_with_empty_axes", 0) else None
    keepdims = bool(call.attribute("keepdims", 1))
    chosen = tuple(range(x.rank)) if axes is None else checked_axes(axes, x.rank)
    kept = tuple(1 if a in chosen else n for a, n in enumerate(x.shape))
    shape = kept if keepdims else tuple(x.shape[a] for a in _others(x, chosen))
    planes = tuple(range(2, x.rank))
    if 3 <= x.rank <= 5 and sorted(chosen) == list(planes) and call.kind in _POOLS:
        pooled = x if 0 in x.shape[2:] else None
        if pooled is None and x.dtype.kind == "f":
            step = "" if keepdims else "pool"
            y = call.add(_POOLS[call.kind](), x, shape=kept, step=step)
            return y if keepdims else reshaped(call, y, shape)
    layer = Reduce(KINDS[call.kind], chosen, keepdims)
    return call.add(layer, x, shape=shape)


def _others(x: Value, axes: Shape) -> list[int]:
    return [axis for axis in range(x.rank) if axis not in axes]
