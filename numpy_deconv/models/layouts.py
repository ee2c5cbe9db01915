"""Arrays as another framework lays them out, turned into the shapes a row wants."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from ..io.weight_file import Layout
from ..layers import Linear
from ..per_axis import Sizes
from .row import Row, Shape

Array = np.ndarray[Any, Any]

WORDS: Mapping[str, str] = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "_mean": "running_mean",
    "_variance": "running_var",
}
"""What others call a layer's parameters; a depthwise and a pointwise kernel together
are two layers, see :func:`by_layer`."""

_DEPTHWISE, _POINTWISE = "depthwise_kernel", "pointwise_kernel"
_HALVES = ("depthwise", "pointwise")


def by_layer(weights: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """Arrays by layer and by this library's names of parameters, in order."""
    separable = {
        key.removesuffix(f".{_POINTWISE}")
        for key in weights
        if key.endswith(_POINTWISE)
    }
    halves = {f"{layer}.{half}" for layer in separable for half in _HALVES}
    layers: dict[str, dict[str, Array]] = {}
    for key, array in weights.items():
        layer, parameter = place_of(key, halves)
        layers.setdefault(layer, {})[parameter] = array
    return layers


def place_of(key: str, layers: Container[str]) -> tuple[str, str]:
    """The layer and this library's name of the parameter that a file calls ``key``.

    Of a separable convolution, whose halves are then among the ``layers``, the bias
    belongs to the second one.
    """
    layer, _, word = key.rpartition(".")
    half = f"{layer}.{_HALVES[word != _DEPTHWISE]}"
    parameter = "weight" if word in (_DEPTHWISE, _POINTWISE) else WORDS.get(word, word)
    return half if half in layers else layer, parameter


def turned(
    array: Array, row: Row, parameter: str, layout: Layout, flattened: Sizes
) -> Array:
    """``array`` as torch would lay it out for this parameter of this row.

    ``flattened`` are the planes' sizes that a linear row's input was flattened from,
    channels last in Keras and first here; empty if it was not. An array that cannot be
    meant for the row comes back as it is. The result may be a view.
    """
    if layout == "torch" or parameter != "weight" or array.ndim < 2:
        return array
    if issubclass(row.layer, Linear):
        if array.ndim != 2:
            return array
        if layout == "keras" and math.prod(flattened) > 1:
            return _channels_first(array, flattened)
        return array.T
    if layout == "paddle":
        return array
    spatial = tuple(range(array.ndim - 2))
    wanted = row.shapes[parameter]
    rank = len(spatial)
    dense = array.transpose(rank + 1, rank, *spatial)
    if wanted[1:2] == (1,) and dense.shape != wanted:
        # A depthwise kernel (*size, in, multiplier): outputs of one input together.
        planes = array.transpose(rank, rank + 1, *spatial)
        dense = planes.reshape(-1, 1, *array.shape[:rank])
    return dense


def _channels_first(array: Array, flattened: Sizes) -> Array:
    inputs, outputs = array.shape
    channels, rest = divmod(inputs, math.prod(flattened))
    if rest:
        return array
    rank = len(flattened)
    grid = array.reshape(*flattened, channels, outputs)
    return grid.transpose(rank + 1, rank, *range(rank)).reshape(outputs, inputs)


def fits(array: Array, wanted: Shape, *, any_length: bool) -> bool:
    """Whether a shape is the wanted one, but for the first axis if ``any_length``."""
    if any_length:
        return array.ndim == len(wanted) and array.shape[1:] == wanted[1:]
    return array.shape == wanted
