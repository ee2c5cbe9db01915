"""Receptive fields against trying every pixel, and against published nets."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import small_nets
from drawn_graphs import drawn_unit, positive_input
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from numpy_deconv import Graph, Node, Sequential
from numpy_deconv.errors import NetError, NumpyDeconvError
from numpy_deconv.layers import (
    Conv,
    ConvTranspose,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool,
    MaxUnpool,
    Pad,
)
from numpy_deconv.net import receptive_field, seen_by
from numpy_deconv.net.receptive_field import receptive_fields

Array = npt.NDArray[Any]
Box = tuple[tuple[int, int], ...]

HUGE = 2.0**30


def box_by_trying(net: Graph, size: tuple[int, ...], at: tuple[int, ...]) -> Box | None:
    """The box around the pixels whose change, by a huge number, changes the unit."""
    x = positive_input(size)
    places = list(np.ndindex(size))
    tried = np.repeat(x, len(places), axis=0)
    for n, place in enumerate(places):
        tried[(n, 0, *place)] += HUGE
    unit = (slice(None), slice(None), *at)
    changed = (net(tried)[unit] != net(x)[unit]).any(axis=1)
    found = np.array(places)[changed]
    if not len(found):
        return None
    low, high = found.min(axis=0).tolist(), found.max(axis=0).tolist()
    return tuple((a, b + 1) for a, b in zip(low, high, strict=True))


@given(data=st.data())
@settings(max_examples=150)
def test_chains(data: st.DataObject) -> None:
    net, size, at = drawn_unit(data, branching=False)
    tape = net.run(positive_input(size))
    got = receptive_field(tape, net.output, at)
    assert got == box_by_trying(net, size, at)


@given(data=st.data())
@settings(max_examples=250)
def test_graphs(data: st.DataObject) -> None:
    net, size, at = drawn_unit(data, branching=True)
    tape = net.run(positive_input(size))
    got = receptive_field(tape, net.output, at)
    assert got == box_by_trying(net, size, at)


@pytest.mark.parametrize("branching", [False, True])
@given(data=st.data())
@settings(max_examples=100)
def test_many_units_see_what_each_does(branching: bool, data: st.DataObject) -> None:
    net, size, _ = drawn_unit(data, branching=branching)
    tape = net.run(positive_input(size))
    places = list(np.ndindex(*tape.output.shape[2:]))[:40]
    want = [receptive_field(tape, net.output, place) for place in places]
    assert receptive_fields(tape, net.output, places) == want


@pytest.mark.parametrize("seed", range(40))
def test_many_units_of_windows_with_gaps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = Sequential(
        [
            (
                f"conv{n}",
                Conv(
                    np.ones((1, 1, *rng.integers(1, 4, 2))),
                    stride=tuple(rng.integers(1, 4, 2).tolist()),
                    padding=tuple(rng.integers(0, 4, 2).tolist()),
                    dilation=tuple(rng.integers(1, 4, 2).tolist()),
                ),
            )
            for n in range(3)
        ]
    )
    tape = net.run(np.zeros((1, 1, 33, 35)))
    places = list(np.ndindex(*tape.output.shape[2:]))
    want = [receptive_field(tape, "conv2", place) for place in places]
    assert receptive_fields(tape, "conv2", places) == want


@given(data=st.data())
@settings(max_examples=50)
def test_a_box_sees_what_its_units_see(data: st.DataObject) -> None:
    net, size, at = drawn_unit(data, branching=False)
    tape = net.run(positive_input(size))
    shape = tape.output.shape[2:]
    stops = [data.draw(st.integers(p + 1, n)) for p, n in zip(at, shape, strict=True)]
    box = tuple(zip(at, stops, strict=True))
    assume(np.prod([b - a for a, b in box]) <= 12)
    units = [
        receptive_field(
            tape, net.output, [p + a for p, a in zip(place, at, strict=True)]
        )
        for place in np.ndindex(*(b - a for a, b in box))
    ]
    seen = [unit for unit in units if unit is not None]
    hull = None
    if seen:
        hull = tuple(
            (min(a for a, _ in axis), max(b for _, b in axis))
            for axis in zip(*seen, strict=True)
        )
    assert seen_by(tape, net.output, box) == hull


def plain(kernel: int, stride: int = 1, padding: int = 0, channels: int = 1) -> Conv:
    return Conv(np.ones((1, channels, kernel, kernel)), None, stride, padding)


def alexnet() -> Graph:
    """The tutorial's on 227x227; fields 11, 19, 51, 67, 99, 131, 163, 195."""
    return Sequential(
        {
            "conv1": plain(11, 4),
            "pool1": MaxPool(3, 2),
            "conv2": plain(5, 1, 2),
            "pool2": MaxPool(3, 2),
            "conv3": plain(3, 1, 1),
            "conv4": plain(3, 1, 1),
            "conv5": plain(3, 1, 1),
            "pool5": MaxPool(3, 2),
            "flat": Flatten(),
            "fc6": Linear(np.ones((2, 36))),
        }
    )


@pytest.mark.parametrize(
    ("layer", "at", "rows", "columns"),
    [
        ("conv1", (0, 54), (0, 11), (216, 227)),
        ("conv1", (1, 2), (4, 15), (8, 19)),
        ("pool1", (0, 13), (0, 19), (104, 123)),
        # 5 pooled rows from 11: 8 pixels apart, and a pool's own 19
        ("conv2", (13, 0), (88, 139), (0, 35)),
        ("pool2", (6, 12), (80, 147), (176, 227)),
        ("conv3", (6, 6), (64, 163), (64, 163)),
        ("conv4", (6, 6), (48, 179), (48, 179)),
        ("conv5", (6, 6), (32, 195), (32, 195)),
        ("conv5", (0, 12), (0, 99), (128, 227)),
        ("pool5", (2, 3), (0, 195), (32, 227)),
        ("fc6", (), (0, 227), (0, 227)),
    ],
)
def test_alexnet(
    layer: str, at: tuple[int, ...], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    tape = alexnet().run(np.zeros((1, 1, 227, 227)))
    assert receptive_field(tape, layer, at) == (rows, columns)


def test_zfnet() -> None:
    """Zeiler & Fergus 2014: 110, 55, 26, 13 from 224, with ceil_mode."""
    net = Sequential(
        {
            "conv1": plain(7, 2, 1),
            "pool1": MaxPool(3, 2, ceil_mode=True),
            "conv2": plain(5, 2),
            "pool2": MaxPool(3, 2, ceil_mode=True),
            "conv3": plain(3, 1, 1),
        }
    )
    tape = net.run(np.zeros((1, 1, 224, 224)))
    sizes = {name: tape[name].shape[2] for name in net}
    assert list(sizes.values()) == [110, 55, 26, 13, 13]
    assert receptive_field(tape, "conv1", (0, 1)) == ((0, 6), (1, 8))
    assert receptive_field(tape, "pool1", (5, 54)) == ((19, 30), (215, 224))
    assert receptive_field(tape, "conv2", (5, 25)) == ((39, 66), (199, 224))
    assert receptive_field(tape, "pool2", (5, 12)) == ((79, 122), (191, 224))
    assert receptive_field(tape, "conv3", (6, 0)) == ((79, 154), (0, 58))


def test_of_an_inner_layer() -> None:
    tape = alexnet().run(np.zeros((1, 1, 227, 227)))
    field = receptive_field(tape, "conv3", (6, 0), stop="pool1")
    assert field == ((8, 19), (0, 7))
    assert receptive_field(tape, "conv3", (6, 0), stop="conv3") == ((6, 7), (0, 1))
    assert receptive_field(tape, "input", (6, 0)) == ((6, 7), (0, 1))
    assert receptive_field(tape, "conv1", (0, 0), stop="conv3") is None


def test_padding_is_not_seen() -> None:
    net = Sequential({"pad": Pad(((3, 2),)), "conv": Conv(np.ones((1, 1, 2)))})
    tape = net.run(np.zeros((1, 1, 4)))
    assert receptive_field(tape, "conv", (1,)) is None
    assert receptive_field(tape, "conv", (2,)) == ((0, 1),)
    assert receptive_field(tape, "conv", (7,)) is None


def test_dilation_skips_the_edge() -> None:
    conv = Conv(np.ones((1, 1, 2)), padding=1, dilation=2)
    tape = Sequential({"conv": conv}).run(np.zeros((1, 1, 4)))
    assert receptive_field(tape, "conv", (0,)) == ((1, 2),)
    assert receptive_field(tape, "conv", (1,)) == ((0, 3),)


def test_gaps_of_a_transposed_convolution_see_nothing() -> None:
    grow = ConvTranspose(np.ones((1, 1, 1)), stride=3)
    tape = Sequential({"grow": grow}).run(np.zeros((1, 1, 3)))
    fields = [receptive_field(tape, "grow", (p,)) for p in range(7)]
    assert fields == [((0, 1),), None, None, ((1, 2),), None, None, ((2, 3),)]


def test_segnet_sees_through_its_switches() -> None:
    net = small_nets.make("segnet")
    tape = net.run(small_nets.images(0))
    one_pool = Graph(
        {
            "pool": Node(MaxPool(3, 2)),
            "gap": Node(GlobalAvgPool(), ("pool",)),
            "unpool": Node(MaxUnpool(3, 2), ("pool", "pool:switches")),
        }
    ).run(np.zeros((1, 1, 9, 9)))
    assert receptive_field(one_pool, "unpool", (4, 3)) == ((2, 7), (2, 5))
    assert receptive_field(one_pool, "gap", (0, 0)) == ((0, 9), (0, 9))
    assert receptive_field(tape, "unpool1", (0, 10)) is None  # the pool left it out
    assert receptive_field(tape, "unpool1", (0, 0)) == ((0, 9), (0, 7))


def test_a_unit_must_exist() -> None:
    tape = alexnet().run(np.zeros((1, 1, 227, 227)))
    with pytest.raises(
        NetError,
        match=r"'conv5' has no unit at \(6, 13\): spatial axis 1 has 13 positions",
    ):
        receptive_field(tape, "conv5", (6, 13))
    with pytest.raises(NumpyDeconvError, match=r"'conv5' has 2 indices"):
        receptive_field(tape, "conv5", (6,))
    with pytest.raises(NumpyDeconvError, match="position must be at least 0, got -1"):
        receptive_field(tape, "conv5", (-1, 0))
    for ask in ({"layer": "conv9"}, {"layer": "conv5", "stop": "conv9"}):
        with pytest.raises(NetError, match="there is no layer 'conv9'"):
            receptive_field(tape, position=(0, 0), **ask)
