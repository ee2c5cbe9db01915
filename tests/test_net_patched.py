"""What a changed box changes: recomputed in part, it is what a whole run gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import small_nets
from cropped_units import DEEP, Doubling, Shifted, ones, signed
from drawn_graphs import Draw, grown, positive_input
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_deconv import Backend, Graph, Node, Sequential, use_backend
from numpy_deconv.errors import NumpyDeconvError
from numpy_deconv.layers import (
    Add,
    Conv,
    Flatten,
    Identity,
    Layer,
    Linear,
    MaxPool,
    ReLU,
    Upsample,
)
from numpy_deconv.layers.boxes import Boxes
from numpy_deconv.net.patched import patched_runs

Array = npt.NDArray[Any]


def boxes_in(size: tuple[int, ...], rng: np.random.Generator, count: int) -> Array:
    """Small random ones and the corners, or now and then everything."""
    if rng.random() < 0.1:
        return np.array([[(0, n) for n in size]] * 2, np.int64)
    longest = rng.integers(1, 4)
    corners = [[(0, 1) for _ in size], [(n - 1, n) for n in size]]
    drawn = []
    for _ in range(count):
        starts = [int(rng.integers(0, n)) for n in size]
        ends = [min(n, a + longest) for a, n in zip(starts, size, strict=True)]
        drawn.append(list(zip(starts, ends, strict=True)))
    return np.array(corners + drawn, np.int64)


def compare(
    net: Graph,
    x: Array,
    boxes: Array,
    fill: Array,
    wanted: list[str],
    memory: int,
    tolerance: float = 1e-12,
) -> int:
    """How many batches there were."""
    before = x.copy()
    tape, parts = patched_runs(net, x, boxes, fill, wanted, memory)
    came: list[int] = []
    batches = 0
    for rows, changed in parts:
        came += rows.tolist()
        batches += 1
        for n, row in enumerate(rows.tolist()):
            occluded = x.copy()
            inside = tuple(slice(*ends) for ends in boxes[row].tolist())
            occluded[(0, slice(None), *inside)] = fill
            full = net.run(occluded, keep=wanted)
            for name in wanted:
                got = tape[name].copy()
                if name in changed:
                    where, windows = changed[name]
                    assert len(windows) == len(where) == len(rows)
                    got = whole(where, tape[name], windows)[n : n + 1]
                bound = tolerance * max(1, float(np.abs(full[name]).max(initial=0)))
                np.testing.assert_allclose(got, full[name], rtol=0, atol=bound)
    assert sorted(came) == list(range(len(boxes)))
    np.testing.assert_array_equal(x, before)
    return batches


def whole(where: Boxes, plane: Array, windows: Array) -> Array:
    planes = np.repeat(plane, len(where), axis=0)
    for row, window in enumerate(windows):
        ends = zip(where.origins[row], where.shape, strict=True)
        planes[row][(slice(None), *(slice(o, o + n) for o, n in ends))] = window
    return planes


@pytest.mark.parametrize("name", small_nets.NETS)
def test_every_layer_of_every_net(name: str) -> None:
    net, x = small_nets.make(name), small_nets.images(0, 1)
    rng = np.random.default_rng(1)
    boxes = boxes_in(x.shape[2:], rng, 8)
    fill = rng.normal(size=(4, 1, 1))
    for wanted in net:
        compare(net, x, boxes, fill, list({wanted, net.output}), 1 << 16)
    compare(net, x, boxes[:1], fill, [net.output], 1 << 16)  # one corner by itself


@given(data=st.data())
@settings(max_examples=150)
def test_drawn_graphs(data: st.DataObject) -> None:
    d = Draw(data, data.draw(st.integers(1, 3)))
    size = d.each(*{1: (7, 1, 12, 17), 2: (5, 2, 6, 9), 3: (3, 1, 5)}[d.rank])
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    net = signed(grown(d, size, d.one(2, 3, 4, 5, 6), d.one(True, False)), rng)
    x = rng.normal(size=positive_input(size).shape)
    boxes = boxes_in(size, rng, 4)
    compare(net, x, boxes, np.float64(d.one(0, 3)), [net.output], d.one(1, 10**6))


@pytest.mark.parametrize("name", DEEP)
def test_hard_cases(name: str) -> None:
    net = Sequential([(f"layer{n}", layer) for n, layer in enumerate(DEEP[name])])
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1, 2, 11, 13))
    boxes = boxes_in(x.shape[2:], rng, 30)
    compare(net, x, boxes, np.float64(1), [net.output], 1 << 20)


def test_a_third_party_s_backend_gets_the_same(backend: Backend) -> None:
    net, x = small_nets.make("overlapping"), small_nets.images(0, 1)
    boxes = boxes_in(x.shape[2:], np.random.default_rng(3), 3)
    with use_backend(backend):
        compare(net, x, boxes, np.float64(0), [net.output], 1 << 20)


def test_what_no_output_reads_changes_nothing() -> None:
    net = Sequential({"conv": Conv(np.ones((1, 1, 1)), stride=3), "relu": ReLU()})
    x, fill = np.arange(9.0).reshape(1, 1, 9), np.float64(7)
    _, parts = patched_runs(net, x, np.array([[(1, 3)]]), fill, ["relu"], 1000)
    assert [changed for _, changed in parts] == [{}]
    _, parts = patched_runs(net, x, np.array([[(2, 4)]]), fill, ["relu"], 1000)
    ((_, changed),) = parts
    where, windows = changed["relu"]
    assert (where.origins.tolist(), windows.tolist()) == ([[1]], [[[7.0]]])


class Watching(Identity):
    """Notes the sizes that it computes."""

    def __init__(self, seen: list[tuple[int, ...]]):
        object.__setattr__(self, "seen", seen)

    def forward(self, *xs: Array) -> tuple[Array, None]:
        self.seen.append(xs[0].shape)  # type: ignore[attr-defined]
        return xs[0], None

    def on_windows(self, inputs: list[Boxes], output: Boxes) -> Watching:
        return self


def test_no_more_is_computed_than_changes() -> None:
    seen: list[tuple[int, ...]] = []
    net = Sequential({"a": ones(3, 3), "pool": MaxPool(2), "watch": Watching(seen)})
    x = np.random.default_rng(0).normal(size=(1, 2, 60, 60))
    boxes = np.array([[(20, 24), (20 + 2 * n, 24 + 2 * n)] for n in range(6)])
    _, parts = patched_runs(net, x, boxes, np.float64(0), ["watch"], 1 << 30)
    list(parts)
    assert seen == [(1, 2, 29, 29), (6, 2, 3, 3)]


def test_little_memory_means_more_batches() -> None:
    net = Sequential({"a": ones(3, 3)})
    x = np.random.default_rng(0).normal(size=(1, 2, 30, 30))
    boxes = np.array([[(4, 8), (n, n + 4)] for n in range(5, 15)])
    fill = np.float64(0)
    assert [compare(net, x, boxes, fill, ["a"], m) for m in (1 << 20, 1)] == [1, 10]


@pytest.mark.parametrize("wanted", [["scores"], ["relu", "scores"], ["relu"]])
def test_what_is_fully_connected_waits_for_many(wanted: list[str]) -> None:
    """Large weights are not read again for every few windows of the planes above."""
    seen: dict[type[Layer], list[int]] = {}

    class CountedConv(Conv):
        def forward(self, *xs: Array) -> tuple[Array, Array]:
            seen.setdefault(Conv, []).append(len(xs[0]))
            return super().forward(*xs)

    class CountedLinear(Linear):
        def forward(self, *xs: Array) -> tuple[Array, Any]:
            seen.setdefault(Linear, []).append(len(xs[0]))
            return super().forward(*xs)

    rng = np.random.default_rng(7)
    net = Sequential(
        {
            "conv": CountedConv(rng.normal(size=(2, 2, 3, 3))),
            "relu": ReLU(),
            "pool": MaxPool(7),
            "flat": Flatten(),
            "scores": CountedLinear(rng.normal(size=(3, 32))),
        }
    )
    x = rng.normal(size=(1, 2, 30, 30))
    boxes = np.array([[(4, 8), (n, n + 4)] for n in range(5, 15)])
    memory = 4 * 8 * (32 + 32) * 10  # as much as the ten take together when flat
    compare(net, x, boxes, np.float64(0), wanted, memory)
    seen.clear()
    _, parts = patched_runs(net, x, boxes, np.float64(0), wanted, memory)
    rows = [len(rows) for rows, _ in parts]
    assert sum(rows) == sum(seen[Conv][1:]) == 10  # the first is the whole picture
    if "scores" in wanted:
        assert len(seen[Conv]) > len(seen[Linear])
        assert seen[Linear][1:] == rows


@pytest.mark.parametrize("layer", [Doubling(), Shifted()])
def test_a_layer_of_one_s_own_is_run_in_full(layer: Any) -> None:
    net = Sequential({"a": ones(3, 3), "own": layer, "b": ones(2, 2), "relu": ReLU()})
    rng = np.random.default_rng(4)
    x = rng.normal(size=(1, 2, 9, 8))
    compare(net, x, boxes_in((9, 8), rng, 9), np.float64(1), ["relu", "a"], 10_000)


def test_branches_that_meet_again() -> None:
    net = Graph(
        {
            "half": Node(MaxPool(1, 2)),
            "back": Node(Upsample(2), ("half",)),
            "conv": Node(ones(3, 2, padding=((1, 1), (0, 1)))),
            "add": Node(Add(), ("back", "conv", "input")),
        }
    )
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1, 2, 8, 10))
    boxes = np.array([[(a, a + 1), (b, b + 1)] for a in range(8) for b in range(10)])
    compare(net, x, boxes, np.float64(9), ["add"], 1 << 20)


def test_errors_name_the_layer() -> None:
    class Fragile(Identity):
        def forward(self, *xs: Array) -> tuple[Array, None]:
            if xs[0].max() > 8:
                raise NumpyDeconvError("too much")
            return xs[0], None

    net = Sequential({"relu": ReLU(), "fragile": Fragile()})
    _, parts = patched_runs(
        net, np.ones((1, 1, 4)), np.array([[(1, 2)]]), np.float64(9), ["fragile"], 1000
    )
    with pytest.raises(
        NumpyDeconvError, match=r"^layer 2 'fragile' \(Fragile\): too m"
    ):
        list(parts)
