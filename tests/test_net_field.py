"""Size, jump and start say what :func:`receptive_field` finds unit by unit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.layers import (
    Add,
    AvgPool,
    Concat,
    Conv,
    Flatten,
    GlobalAvgPool,
    Layer,
    Linear,
    MaxPool,
    ReLU,
    Upsample,
)
from numpy_deconv.models import ARCHITECTURES
from numpy_deconv.net import Graph, Node, Sequential, Tape, receptive_field
from numpy_deconv.net.field import Field, fields

numbers = st.integers


@st.composite
def windowed(draw: st.DrawFn) -> Layer:
    """A layer with a window, every parameter drawn for each axis on its own."""
    kernel = draw(st.tuples(numbers(1, 4), numbers(1, 4)))
    stride = draw(st.tuples(numbers(1, 3), numbers(1, 3)))
    if draw(st.booleans()):
        padding = tuple(draw(numbers(0, k // 2)) for k in kernel)
        return draw(st.sampled_from([MaxPool, AvgPool]))(kernel, stride, padding)
    ends = numbers(0, 3)
    padding = draw(st.tuples(st.tuples(ends, ends), st.tuples(ends, ends)))
    dilation = draw(st.tuples(numbers(1, 2), numbers(1, 2)))
    weight = np.ones((1, 1, *kernel))
    return Conv(weight, None, stride, padding, dilation)


def run(net: Graph, height: int = 60, width: int = 47) -> Tape:
    return net.run(np.ones((1, 1, height, width)), keep=())


def assert_as_found(tape: Tape, name: str, field: Field) -> None:
    assert field.jump is not None
    assert field.start is not None
    plane, whole = tape.shape(name)[2:], tape.shape("input")[2:]
    for at in ((0, 0), (plane[0] // 2, plane[1] - 1), (plane[0] - 1, plane[1] // 2)):
        wanted = []
        for axis, place in enumerate(at):
            first = field.start[axis] + place * field.jump[axis]
            last = first + field.size[axis]
            wanted.append((max(first, 0), min(last, whole[axis])))
        box = receptive_field(tape, name, at)
        assert box is None or all(
            # A gap of a dilated or strided window may lie at the picture's edge.
            a <= b and c >= d
            for (a, c), (b, d) in zip(wanted, box, strict=True)
        )
        inside = all(
            field.start[i] + at[i] * field.jump[i] >= 0
            and field.start[i] + at[i] * field.jump[i] + field.size[i] <= whole[i]
            for i in range(2)
        )
        if inside:
            assert box == tuple(wanted)


@given(layers=st.lists(windowed(), min_size=1, max_size=3))
def test_chains_of_windows(layers: list[Layer]) -> None:
    net = Sequential({f"l{n}": layer for n, layer in enumerate(layers)})
    tape = run(net)
    for name, field in fields(tape).items():
        if name != "input":
            assert field is not None
            assert_as_found(tape, name, field)


def test_the_published_numbers_of_vgg16() -> None:
    vgg = ARCHITECTURES["vgg16"]
    rows = vgg.rows[:30]
    shapes = {row.key: row.shapes for row in rows if row.shapes}
    assert list(shapes)[-1] == "features.28"
    nodes, above = {}, "input"
    for row in rows:
        arrays = {k: np.ones((1, 1, 3, 3)) for k in row.shapes if k == "weight"}
        nodes[row.name] = Node(row.layer(**arrays, **row.options), (above,))
        above = row.name
    found = fields(run(Graph(nodes), 224, 224))
    assert found["conv1_1"] == Field((3, 3), (1, 1), (-1, -1))
    assert found["pool1"] == Field((6, 6), (2, 2), (-2, -2))
    assert found["conv5_3"] == Field((196, 196), (16, 16), (-90, -90))


@pytest.mark.parametrize("end", [Add(), Concat()])
def test_branches_are_seen_together(end: Layer) -> None:
    wide = Conv(np.ones((1, 1, 5, 3)), padding=((2, 2), (0, 0)))
    nodes = {
        "narrow": Node(Conv(np.ones((1, 1, 1, 3)))),
        "wide": Node(wide),
        "end": Node(end, ("narrow", "wide")),
    }
    tape = run(Graph(nodes))
    assert fields(tape)["end"] == Field((5, 3), (1, 1), (-2, 0))


def test_branches_of_other_jumps_have_a_size_only() -> None:
    nodes = {
        "fine": Node(Conv(np.ones((1, 1, 1, 1)))),
        "coarse": Node(MaxPool(2)),
        "up": Node(Upsample(2), ("coarse",)),
        "sum": Node(Add(), ("fine", "up")),
        "relu": Node(ReLU(), ("sum",)),
    }
    found = fields(run(Graph(nodes), 60, 40))
    assert found["up"] == Field((2, 2))
    assert found["sum"] == found["relu"] == Field((2, 2))


def test_layers_that_see_everything() -> None:
    net = Sequential(
        {
            "pool": GlobalAvgPool(),
            "flat": Flatten(),
            "fc": Linear(np.ones((2, 1))),
        }
    )
    assert list(fields(run(net)).values())[1:] == [None] * 3


def test_a_run_that_ended_early() -> None:
    net = Sequential({"a": ReLU(), "b": ReLU()})
    tape = net.run(np.ones((1, 1, 3, 3)), until="a")
    assert list(fields(tape)) == ["input", "a"]
