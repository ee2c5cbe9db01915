"""Wrong padding, concatenation and flattening."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...functional import concat, flatten, pad
from .mutant import mutant


@mutant("pad", "axes reversed", "padding of the last axis comes first")
def _reversed(x: Any, padding: Any, **o: Any) -> Any:
    return pad(x, tuple(padding)[::-1], **o)


@mutant("pad", "ends swapped", "begin and end are swapped")
def _swapped(x: Any, padding: Any, **o: Any) -> Any:
    return pad(x, tuple((end, begin) for begin, end in padding), **o)


@mutant("pad", "edge reflected", "reflection repeats the edge")
def _symmetric(x: Any, padding: Any, **o: Any) -> Any:
    if o.get("mode") != "reflect":
        return pad(x, padding, **o)
    return np.pad(x, [(0, 0), (0, 0), *padding], mode="symmetric")


@mutant("pad", "value ignored", "the value is taken to be zero")
def _zeros(x: Any, padding: Any, **o: Any) -> Any:
    return pad(x, padding, **{**o, "value": 0.0})


@mutant("concat", "axis 1", "axis is taken to be 1")
def _channels(*arrays: Any, axis: int = 1) -> Any:
    try:
        return concat(*arrays, axis=1)
    except ValueError:
        return concat(*arrays, axis=axis)


@mutant("concat", "reversed", "the arrays are in reverse order")
def _backwards(*arrays: Any, axis: int = 1) -> Any:
    return concat(*arrays[::-1], axis=axis)


@mutant("concat", "first twice", "the first array stands in for another of its shape")
def _repeated(*arrays: Any, axis: int = 1) -> Any:
    same = [arrays[0] if a.shape == arrays[0].shape else a for a in arrays]
    return concat(*same, axis=axis)


@mutant("flatten", "columns first", "elements are in column order")
def _columns(x: Any, start_axis: int = 1) -> Any:
    shape = flatten(x, start_axis).shape
    lead = x.shape[:start_axis]
    turned = np.moveaxis(x, -1, start_axis) if x.ndim > start_axis else x
    return np.ascontiguousarray(turned).reshape(*lead, -1).reshape(shape)


@mutant("flatten", "axis 1", "start_axis is taken to be 1")
def _from_one(x: Any, start_axis: int = 1) -> Any:
    return flatten(x, 1)
