"""Projections of units: what is asked for, by whom, and what it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import small_nets
from cropped_units import (
    Doubling,
    Shifted,
    compare,
    cropped,
    edges,  # noqa: F401 (a fixture)
    ones,
    some_units,
    way,
)

from numpy_deconv import Graph, Node, Sequential, Tape
from numpy_deconv.errors import NetError, OptionError, RuleError, ShapeError
from numpy_deconv.layers import (
    Add,
    AvgPool,
    Conv,
    ConvTranspose,
    Identity,
    Layer,
    MaxPool,
    ReLU,
    SiLU,
    Upsample,
)
from numpy_deconv.net import legs as ways
from numpy_deconv.net import project_units
from numpy_deconv.rules import (
    DECONVNET,
    GRADIENT,
    GUIDED,
    Rule,
    Rules,
    gradient,
)

Array = npt.NDArray[Any]


def test_windows_are_as_small_as_the_receptive_field() -> None:
    net = Sequential({"a": ones(3, 3), "relu": ReLU(), "pool": MaxPool(2)})
    tape = net.run(np.random.default_rng(0).normal(size=(1, 2, 40, 40)), keep=())
    units = np.array([(0, m, 5 + m, 7) for m in (0, 1)])
    (part,) = project_units(tape, units, [1.0, 2.0], start="pool", rules=DECONVNET)
    assert part.windows.shape == (2, 2, 4, 4)
    assert part.boxes.origins.tolist() == [[10, 14], [12, 14]]


def test_at_the_edges_boxes_are_cut_or_all_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Sequential({"a": ones(3, 3, padding=1), "b": ones(3, 3, padding=1)})
    tape = net.run(np.random.default_rng(0).normal(size=(1, 2, 12, 12)), keep=())
    units = np.argwhere(np.ones_like(tape.output))
    for overhead, want in ((0.0, 25), (1e9, 1)):  # 5 ways to meet an edge an axis
        monkeypatch.setattr(ways, "OVERHEAD", overhead)
        monkeypatch.setattr(ways, "READING", 0)
        found = way(tape, units, "b", GRADIENT)
        assert found is not None
        assert [len(leg.route.groups()) for leg in found] == [want]


@pytest.mark.usefixtures("edges")
def test_a_box_as_large_as_the_plane_may_hang_over_it() -> None:
    net = Sequential(
        {"pool": MaxPool(2, 3, 1, dilation=2), "back": Upsample(2, "bilinear")}
    )
    rng = np.random.default_rng(12)
    tape = net.run(rng.normal(size=(1, 3, 6)), keep=())
    units = all_units(tape)
    compare(tape, units, rng.normal(size=len(units)), start="back", rules=GRADIENT)


def test_little_memory_means_more_batches() -> None:
    net = small_nets.make("overlapping")
    tape = net.run(small_nets.images(0, 1), keep=("relu2",))
    units = np.array([(0, m, 2, 2) for m in range(8)])
    parts = [
        [len(part.units) for part in project_units(tape, units, np.ones(8), **options)]
        for options in ({"start": "relu2"}, {"start": "relu2", "memory": 1})
    ]
    assert parts == [[8], [1] * 8]


@pytest.mark.usefixtures("edges")
def test_a_unit_that_sees_nothing_has_no_projection() -> None:
    net = Sequential({"grow": ConvTranspose(np.ones((1, 1, 1)), stride=3)})
    tape = net.run(np.ones((1, 1, 4)))
    got = cropped(
        tape, np.array([(0, 0, 1), (0, 0, 3)]), np.ones(2), start="grow", rules=GRADIENT
    )
    np.testing.assert_array_equal(got, [[[0, 0, 0, 0]], [[0, 1, 0, 0]]])


class Sliceable(Doubling):
    """It at least knows what it saved."""

    def take(self, saved: None, samples: Array) -> None:
        return None


@pytest.mark.parametrize(("layer", "found"), [(Doubling(), False), (Sliceable(), True)])
@pytest.mark.parametrize("samples", [1, 3])
def test_a_layer_of_one_s_own_gets_whole_planes(
    layer: Layer, found: bool, samples: int
) -> None:
    net = Sequential({"conv": ones(3, 2, padding=1), "own": layer, "b": ones(2, 3)})
    rng = np.random.default_rng(7)
    tape = net.run(rng.normal(size=(samples, 2, 9, 8)), keep=())
    units = some_units(tape.output.shape, rng, 6)
    assert (way(tape, units, "b", GRADIENT) is not None) == found
    values = rng.normal(size=len(units))
    compare(tape, units, values, start="b", rules=GRADIENT, memory=1000)


class Squared(Conv):
    """A convolution with its own way back, which is not a convolution's."""

    def vjp(self, saved: Array, gy: Array) -> tuple[Array | None, ...]:
        return (super().vjp(saved, gy)[0] * saved,)


@pytest.mark.parametrize("layer", [Squared(ones(3, 3).weight, padding=1), Shifted()])
def test_a_new_way_back_voids_what_was_written_for_the_old_one(layer: Layer) -> None:
    net = Sequential({"own": layer, "b": ones(2, 3)})
    rng = np.random.default_rng(8)
    for keep in ((), None):
        tape = net.run(rng.normal(size=(2, 2, 9, 8)), keep=keep)
        units = some_units(tape.output.shape, rng, 6)
        values = rng.normal(size=len(units))
        compare(tape, units, values, start="b", rules=GRADIENT)


def test_a_rule_without_the_promise_gets_whole_planes() -> None:
    shapes = []

    def apply(layer: Layer, saved: Any, gy: Array) -> Any:
        shapes.append((gy.shape[2:], np.shape(saved)[2:]))
        return layer.vjp(saved, gy)

    net = small_nets.make("overlapping")
    tape = net.run(small_nets.images(0, 1), until="relu2")
    for local in (False, True):
        rules = GRADIENT.replace({ReLU: Rule("own", apply, local=local)})
        cropped(tape, np.array([(0, 1, 2, 2)]), np.ones(1), start="relu2", rules=rules)
    assert shapes[0] == shapes[0][:1] * 2 == (tape["relu2"].shape[2:],) * 2
    assert shapes[2] == ((1, 1), (1, 1))


def test_integers_are_projected_in_full() -> None:
    net = Sequential({"conv": Conv(np.array([[[2, -1]]])), "pool": MaxPool(2, 1)})
    tape = net.run(np.array([[[3, 1, 4, 5, 2]]]))
    got = cropped(
        tape, np.array([(0, 0, 1)]), np.array([10]), start="pool", rules=GRADIENT
    )
    np.testing.assert_array_equal(got, [[[0, 0, 20, -10, 0]]])


def test_refusals_name_the_layer() -> None:
    net = Sequential({"conv": ones(2, 2), "silu": SiLU()})
    tape = net.run(np.ones((1, 2, 5, 5)))
    with pytest.raises(RuleError, match=r"^layer 2 'silu' \(SiLU\): there is no publi"):
        list(project_units(tape, [(0, 0, 1, 1)], [1.0], start="silu", rules=DECONVNET))


def test_wrong_requests() -> None:
    net = small_nets.make("overlapping")
    tape = net.run(small_nets.images(0, 2), keep=())

    def ask(units: Any, values: Any = (1.0,), **options: Any) -> None:
        list(project_units(tape, units, values, **{"start": "fc", **options}))

    with pytest.raises(
        NetError, match=r"'fc' has no unit \(2, 0\): a unit is \(sample"
    ):
        ask([(2, 0)])
    with pytest.raises(NetError, match=r"'fc' has no unit \(0, -1\)"):
        ask([(0, -1)])
    with pytest.raises(
        ShapeError, match=r"a unit of 'fc' has 2 numbers, .* got \(0, 0, 0"
    ):
        ask([(0, 0, 0)])
    with pytest.raises(ShapeError, match="1 units need as many values, got 2"):
        ask([(0, 0)], (1.0, 2.0))
    with pytest.raises(OptionError, match="memory must be a whole number of bytes"):
        ask([(0, 0)], memory="2GB")
    with pytest.raises(NetError, match="'relu1' was not kept"):
        ask([(0, 0)], start="relu1")
    ask([], ())


@pytest.mark.parametrize("rules", [GRADIENT, GUIDED], ids=repr)
def test_gradient_at_unnamed_types_is_local(rules: Rules) -> None:
    assert rules.local_in([ReLU(), MaxPool(2)])
    assert not rules.replace({ReLU: Rule("own", gradient.apply)}).local_in([ReLU()])


def all_units(tape: Tape) -> Array:
    return np.argwhere(np.ones_like(tape.output))


@pytest.mark.usefixtures("edges")
def test_branches_may_read_apart_from_each_other() -> None:
    """Of neighbours one reads a place twice, the other two places once each."""
    net = Graph(
        {
            "half": Node(MaxPool(1, 2)),
            "back": Node(Upsample(2), ("half",)),
            "same": Node(ones(1, 1)),
            "add": Node(Add(), ("back", "same")),
        }
    )
    rng = np.random.default_rng(9)
    tape = net.run(rng.normal(size=(1, 2, 6, 8)), keep=())
    units = all_units(tape)
    compare(tape, units, rng.normal(size=len(units)), start="add", rules=GRADIENT)


@pytest.mark.usefixtures("edges")
def test_one_branch_may_read_nothing() -> None:
    rng = np.random.default_rng(10)
    net = Graph(
        {
            "grow": Node(ConvTranspose(rng.normal(size=(1, 1, 1)), stride=3)),
            "stretch": Node(Upsample(2.5)),
            "add": Node(Add(), ("grow", "stretch")),
        }
    )
    tape = net.run(rng.normal(size=(1, 1, 4)), keep=())
    units = all_units(tape)
    compare(tape, units, rng.normal(size=len(units)), start="add", rules=GRADIENT)
    if ways.OVERHEAD == 0:
        (gap,) = project_units(tape, [(0, 0, 7)], [1.0], start="add")
        assert (gap.boxes.origins.tolist(), gap.boxes.shape) == ([[2]], (1,))


class Wide(Identity):
    """It says that it reads more than it does."""

    def reads(self, at: Any, sizes: Any, size: Any) -> Any:
        return [tuple(np.arange(n) for n in sizes[0])]


def test_a_layer_may_read_more_than_it_needs() -> None:
    net = Sequential({"conv": ones(2, 2), "wide": Wide(), "relu": ReLU()})
    rng = np.random.default_rng(11)
    tape = net.run(rng.normal(size=(1, 2, 5, 6)), keep=())
    units = some_units(tape.output.shape, rng, 5)
    compare(tape, units, np.ones(len(units)), start="relu", rules=GUIDED)


def test_means_of_integers_are_projected_in_full() -> None:
    net = Sequential({"mean": AvgPool(3, 2, 1, count_include_pad=False)})
    tape = net.run(np.arange(0, 80, 10).reshape(1, 1, 8))
    units = all_units(tape)
    values = np.arange(len(units)) * 6 + 6
    compare(tape, units, values, start="mean", rules=GRADIENT)
