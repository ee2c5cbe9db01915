"""Layers whose every output may read everything, in the middle of what is cropped."""

from __future__ import annotations

import numpy as np
import pytest
from cropped_units import compare, ones, some_units
from test_net_patched import boxes_in
from test_net_patched import compare as compare_patched

from numpy_deconv import Sequential
from numpy_deconv.layers import Layer, ReLU
from numpy_deconv.layers.einsum import Einsum
from numpy_deconv.layers.grid_sample import GridSample
from numpy_deconv.layers.layer import ReadsAll
from numpy_deconv.layers.matmul import MatMul
from numpy_deconv.layers.picking import Pick
from numpy_deconv.layers.statistics import InstanceNorm
from numpy_deconv.rules import GRADIENT

RNG = np.random.default_rng(0)
SIZE = (9, 7)  # of what the layer takes, with two channels
GRID = RNG.uniform(-1, 1, (1, *SIZE, 2))

LAYERS: dict[str, Layer] = {
    "einsum": Einsum((None, RNG.normal(size=(9, 9))), "nchw,hk->nckw"),
    "matmul": MatMul((None, RNG.normal(size=(7, 7)))),
    "grid_sample": GridSample((None, GRID)),
    "pick": Pick((None,), RNG.permutation(2 * 9 * 7).reshape(2, *SIZE)),
    "instance_norm": InstanceNorm(RNG.normal(size=2)),
}


def around(layer: Layer) -> Sequential:
    """A net with convolutions before and after it."""
    below, above = ones(3, 3), ones(2, 2)
    return Sequential({"below": below, "mixed": layer, "relu": ReLU(), "above": above})


@pytest.mark.parametrize("name", LAYERS)
def test_projections_of_units(name: str) -> None:
    net, rng = around(LAYERS[name]), np.random.default_rng(1)
    tape = net.run(rng.normal(size=(2, 2, 11, 9)))
    for start in ("mixed", "above"):
        units = some_units(tape[start].shape, rng, 4)
        values = rng.normal(size=len(units))
        compare(tape, units, values, start=start, rules=GRADIENT)


@pytest.mark.parametrize("name", LAYERS)
def test_what_a_changed_box_changes(name: str) -> None:
    net, rng = around(LAYERS[name]), np.random.default_rng(2)
    x, fill = rng.normal(size=(1, 2, 11, 9)), rng.normal(size=(2, 1, 1))
    boxes = boxes_in(x.shape[2:], rng, 3)
    compare_patched(net, x, boxes, fill, ["mixed", "above"], 1 << 20)


@pytest.mark.parametrize("name", LAYERS)
def test_none_of_them_is_on_windows(name: str) -> None:
    layer = LAYERS[name]
    assert isinstance(layer, ReadsAll)
    assert type(layer).on_windows is Layer.on_windows
    assert type(layer).crop is Layer.crop
