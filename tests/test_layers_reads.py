"""Which positions a layer says it reads are those that change its output."""

from __future__ import annotations

from typing import Any

import case_layer
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from numpy_deconv import layers
from numpy_deconv.layers import Layer
from numpy_deconv.window import Positions

Array = npt.NDArray[Any]

HUGE = 2.0**20

NAMES = (
    *("conv", "conv_transpose", "linear", "max_pool", "avg_pool", "lp_pool"),
    *("adaptive_avg_pool", "adaptive_max_pool", "global_avg_pool", "global_max_pool"),
    *("relu", "softplus", "prelu", "batch_norm", "local_response_norm", "identity"),
    *("softmax", "log_softmax", "concat", "add", "mul", "flatten", "pad", "upsample"),
)


def positive(layer: Layer) -> Layer:
    """The layer with parameters above 0, so that no two changes cancel."""
    fields = dict(vars(layer))
    for name, value in layer.params.items():
        fields[name] = np.abs(value) + 0.5
    return type(layer)(**fields)


def read_by_trying(
    layer: Layer, xs: tuple[Array, ...], at: tuple[int, ...]
) -> list[set[tuple[int, ...]]]:
    """Positions of each input whose change changes the unit, in any of the channels.

    Each is made huge, so that it wins in every maximum it takes part in.
    """
    before = layer.forward(*xs)[0]
    unit = (0, slice(None), *at)
    found = []
    for which, x in enumerate(xs):
        places = list(np.ndindex(x.shape[2:]))
        changed = set()
        for place in places:
            tried = x.copy()
            tried[(0, slice(None), *place)] += HUGE * (1 + np.arange(x.shape[1]))
            ys = [*xs[:which], tried, *xs[which + 1 :]]
            if (layer.forward(*ys)[0][unit] != before[unit]).any():
                changed.add(place)
        found.append(changed)
    return found


def product(positions: Positions) -> set[tuple[int, ...]]:
    grids = np.meshgrid(*positions, indexing="ij")
    return set(zip(*(grid.ravel().tolist() for grid in grids), strict=True))


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=40)
def test_reads(name: str, data: st.DataObject) -> None:
    case = data.draw(case_layer.strategy(name))
    layer = positive(case.layer)
    assume(case.xs[0].size and case.xs[0].ndim > 2)
    if isinstance(layer, layers.Flatten):
        assume(layer.start_axis == 1)  # what keeps spatial axes says to read all
    if isinstance(layer, layers.Softmax | layers.LogSoftmax):
        assume(case.xs[0].shape[layer.axis] > 1)  # else it is a constant
    rng = np.random.default_rng(case.seed)
    xs = tuple(rng.uniform(0.5, 1.5, (1, *x.shape[1:])) for x in case.xs)
    y, _ = layer.forward(*xs)
    at = tuple(data.draw(st.integers(0, n - 1)) for n in y.shape[2:])
    positions = tuple(np.array([p]) for p in at)
    sizes = [x.shape[2:] for x in xs]
    reads = layer.reads(positions, sizes, y.shape[2:])
    assert [product(each) for each in reads] == read_by_trying(layer, xs, at)


PADS = ((2, 1),)


@pytest.mark.parametrize(
    ("layer", "sizes", "at", "wanted"),
    [
        (layers.Pad(PADS), [4], 1, [[]]),
        (layers.Pad(PADS), [4], 6, [[]]),
        (layers.Pad(PADS), [4], 2, [[0]]),
        (layers.Pad(PADS, "reflect"), [4], 0, [[2]]),
        (layers.Pad(PADS, "reflect"), [4], 6, [[2]]),
        (layers.Pad(PADS, "replicate"), [4], 0, [[0]]),
        (layers.Pad(PADS, "circular"), [4], 0, [[2]]),
        (layers.Upsample(2, "bilinear"), [3], 0, [[0]]),
        (layers.Upsample(2, "bilinear"), [3], 1, [[0, 1]]),
        (layers.Upsample(2, "bilinear"), [3], 5, [[2]]),
        (layers.Upsample(1, "bilinear"), [3], 1, [[1]]),
        (layers.Upsample(2), [3], 3, [[1]]),
        (layers.Add(), [4, 1, 4], 3, [[3], [0], [3]]),
        (layers.Mul(), [1, 4], 2, [[0], [2]]),
        (layers.Concat(2), [3, 2, 4], 4, [[], [1], []]),
        (layers.Concat(-1), [3, 2, 4], 5, [[], [], [0]]),
        (layers.Softmax(-1), [4], 2, [[0, 1, 2, 3]]),
        (layers.Softmax(), [4], 2, [[2]]),
        (layers.AdaptiveAvgPool(3), [7], 1, [[2, 3, 4]]),
        (layers.MaxPool(3, 2, ceil_mode=True), [6], 2, [[4, 5]]),
        (layers.MaxPool(2, 2, 1, dilation=2), [6], 0, [[1]]),
    ],
)
def test_reads_on_one_axis(
    layer: Layer, sizes: list[int], at: int, wanted: list[list[int]]
) -> None:
    inputs = [np.zeros((1, 1, size)) for size in sizes]
    size = layer.forward(*inputs)[0].shape[2:]
    reads = layer.reads((np.array([at]),), [(n,) for n in sizes], size)
    assert [axis.tolist() for (axis,) in reads] == wanted


def test_reads_of_several_outputs_are_those_of_each_together() -> None:
    layer = layers.Conv(np.ones((1, 1, 2)), stride=3, dilation=2, padding=1)
    (read,) = layer.reads((np.array([0, 2]),), [(9,)], (3,))
    np.testing.assert_array_equal(read[0], [1, 5, 7])


def test_max_unpool_reads_the_windows_that_may_have_written() -> None:
    layer = layers.MaxUnpool((3, 2), stride=(2, 2))
    at = (np.array([4]), np.array([3]))
    for read in layer.reads(at, [(3, 4), (3, 4)], (7, 8)):
        np.testing.assert_array_equal(read[0], [1, 2])
        np.testing.assert_array_equal(read[1], [1])


def test_flatten_from_a_spatial_axis_reads_what_became_one() -> None:
    at = (np.array([2]), np.array([5, 7]))  # axes (H, W*D) of sizes (3, 2*4)
    (read,) = layers.Flatten(3).reads(at, [(3, 2, 4)], (3, 8))
    assert [r.tolist() for r in read] == [[2], [1], [1, 3]]


def test_flatten_from_the_batch_goes_back_to_it() -> None:
    y, saved = layers.Flatten(0).forward(np.ones((2, 3, 4)))
    (gx,) = layers.Flatten(0).vjp(saved, y)
    assert gx.shape == (2, 3, 4)
