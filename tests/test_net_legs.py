"""The way down in legs: which there are, and that the numbers are those of any."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cropped_units import compare, some_units

from numpy_deconv import Graph, Node, Sequential, Tape
from numpy_deconv.layers import Add, Conv, MaxPool, ReLU
from numpy_deconv.net import courses
from numpy_deconv.net import legs as ways
from numpy_deconv.net.legs import legs
from numpy_deconv.net.rectifying import rectifying, rectifying_early
from numpy_deconv.rules import (
    DECONVNET,
    GRADIENT,
    Rule,
    Rules,
    identity,
    rectify_signal,
    scatter,
)

LIMIT = 1 << 26


def conv(filters: int, channels: int, kernel: int = 3, **options: Any) -> Conv:
    rng = np.random.default_rng([filters, channels])
    weight = rng.normal(size=(filters, channels, kernel, kernel))
    return Conv(weight, padding=kernel // 2, **options)


def chain() -> Sequential:
    """Large weights above small ones, two pools between them."""
    return Sequential(
        {
            "conv1": conv(4, 2),
            "relu1": ReLU(),
            "pool1": MaxPool(2),
            "conv2": conv(6, 4),
            "relu2": ReLU(),
            "pool2": MaxPool(3, 2, ceil_mode=True),
            "conv3": conv(12, 6),
            "relu3": ReLU(),
        }
    )


def forked() -> Graph:
    """A pool whose output is read twice, and one that half of the signal goes past."""
    return Graph(
        {
            "conv1": Node(conv(4, 2)),
            "pool1": Node(MaxPool(2)),
            "relu1": Node(ReLU()),
            "conv2": Node(conv(4, 4), ("relu1",)),
            "relu2": Node(ReLU()),
            "pool2": Node(MaxPool(3, 1, 1)),
            "add": Node(Add(), ("pool2", "relu1")),
            "pool3": Node(MaxPool(2)),
        }
    )


def run(net: Graph, samples: int = 1) -> Tape:
    rng = np.random.default_rng(0)
    return net.run(rng.normal(size=(samples, 2, 24, 21)), keep=())


def units_of(tape: Tape) -> np.ndarray:
    return some_units(tape.output.shape, np.random.default_rng(1), 20)


def way(tape: Tape, rules: Rules = DECONVNET) -> list[tuple[str, str]]:
    places = np.delete(units_of(tape), 1, axis=1)
    found = legs(tape, tape.last, places, rules, "input", LIMIT)
    assert found is not None
    return [(leg.start, leg.stop) for leg in found]


@pytest.mark.parametrize("net", [chain(), forked()], ids=["chain", "forked"])
@pytest.mark.parametrize("reading", [0, 1e4, 1e9])
@pytest.mark.parametrize("overhead", [0.0, 1e-4])
@pytest.mark.parametrize("memory", [1 << 12, None])
def test_the_numbers_do_not_depend_on_the_way(
    monkeypatch: pytest.MonkeyPatch,
    net: Graph,
    reading: float,
    overhead: float,
    memory: int | None,
) -> None:
    monkeypatch.setattr(ways, "READING", reading)
    monkeypatch.setattr(ways, "OVERHEAD", overhead)
    tape = run(net, 2)
    units = units_of(tape)
    values = np.random.default_rng(2).normal(size=len(units))
    for rules in (GRADIENT, DECONVNET):
        compare(tape, units, values, start=tape.last, rules=rules, memory=memory)


def test_heavy_weights_go_in_few_batches_above_windows_that_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tape = run(chain())
    monkeypatch.setattr(ways, "OVERHEAD", 0.0)
    monkeypatch.setattr(ways, "READING", 0)
    assert len(way(tape)) >= 1
    # a weight as dear as 30 products: dear for conv3, that has most, and not for conv1
    monkeypatch.setattr(ways, "READING", 30)
    names = way(tape)
    assert names[0][0] == "relu3"
    assert [name for _, name in names][-1] == "input"
    assert len(names) > 1
    assert {start for start, _ in names[1:]} <= {"pool1", "pool2"}


def test_no_leg_ends_where_the_signal_has_a_way_around(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ways, "READING", 1e9)
    tape = run(forked())
    ends = {name for pair in way(tape) for name in pair}
    assert "pool2" not in ends


NET = {"a": ("b",), "b": ("c",), "c": ("d", "e"), "d": ("f",), "e": ("f",), "f": ("g",)}


@pytest.mark.parametrize(
    ("relus", "stop", "found"),
    [
        ("b", "", {"a": "b"}),
        ("bc", "", {"a": "b", "b": "c"}),
        ("d", "", {}),  # c hands on to two
        ("f", "", {}),  # two hand on to f
        ("g", "", {"f": "g"}),
        ("g", "g", {}),  # it is not gone through
    ],
)
def test_who_rectifies_for_the_one_below(
    relus: str, stop: str, found: dict[str, str]
) -> None:
    rules = {name: rectify_signal if name in relus else identity for name in "abcdefg"}
    assert rectifying(NET, rules, stop) == found


@pytest.mark.parametrize(
    ("overlap", "stop", "found"),
    [
        ("assign", "", {"a": "b"}),
        ("sum", "", {}),  # the sign of a sum is not that of its terms
        ("assign", "b", {}),  # it is not gone through
    ],
)
def test_who_rectifies_for_the_unpooling_below(
    overlap: str, stop: str, found: dict[str, str]
) -> None:
    rules = dict.fromkeys("adefg", identity)
    rules |= {"b": scatter(overlap), "c": rectify_signal}
    rectified = rectifying(NET, rules, "")
    assert rectified == {"b": "c"}
    assert rectifying_early(NET, rules, stop, rectified) == found


@pytest.mark.parametrize("net", [chain(), forked()], ids=["chain", "forked"])
def test_the_ways_of_a_layer_are_worked_out_once(
    monkeypatch: pytest.MonkeyPatch, net: Graph
) -> None:
    def found(tape: Tape, at: list[tuple[int, int]]) -> Any:
        given = tape, tape.last, np.array(at), DECONVNET, "input"
        return courses.courses_of(*given)

    one, where = found(run(net), [(2, 1), (0, 3)])
    again, there = found(run(net, 2), [(0, 3), (4, 4), (2, 1)])
    assert one is again
    assert where.tolist() == there.tolist()[::-2]
    monkeypatch.setattr(courses, "REMEMBERED", 0)
    some, here = found(run(net), [(2, 1), (0, 3), (2, 1)])
    assert some is not one
    assert here.tolist() == [1, 0, 1]
    for name, boxes in some.cut.ranges.items():
        np.testing.assert_array_equal(boxes[here[:2]], one.cut.ranges[name][where])
    rng, tape = np.random.default_rng(4), run(net, 2)
    units = units_of(tape)
    compare(tape, units, rng.normal(size=len(units)), start=tape.last, rules=DECONVNET)


def test_what_a_rule_of_somebody_holds_is_not_moved_where_it_lies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ways, "OVERHEAD", 1.0)  # all boxes alike
    held: list[tuple[np.ndarray, np.ndarray]] = []

    def theirs(layer: Any, saved: Any, gy: np.ndarray) -> tuple[np.ndarray]:
        (gx,) = layer.vjp(saved, gy)
        held.append((gx, gx.copy()))
        return (gx,)

    rules = GRADIENT.replace({Conv: Rule("theirs", theirs, local=True)})
    net = Sequential({"a": conv(3, 2), "b": conv(3, 3), "c": conv(3, 3)})
    tape = run(net)
    units = np.argwhere(np.ones_like(tape.output))
    compare(tape, units, np.ones(len(units)), start="c", rules=rules)
    for gx, before in held:
        np.testing.assert_array_equal(gx, before)


def _rectify(layer: Any, saved: Any, gy: np.ndarray) -> tuple[np.ndarray]:
    return (np.maximum(gy, 0),)


@pytest.mark.parametrize("overlap", ["sum", "assign", "first", "max", "mean"])
@pytest.mark.parametrize("net", [chain(), forked()], ids=["chain", "forked"])
def test_rectified_together_or_one_after_the_other(net: Graph, overlap: str) -> None:
    together = DECONVNET.replace({MaxPool: scatter(overlap)})
    apart = together.replace({ReLU: Rule("theirs", _rectify, local=True, passes=True)})
    tape = run(net, 2)
    units = units_of(tape)
    signal = np.random.default_rng(3).normal(size=tape.output.shape)
    got, want = (
        tape.project(signal, start=tape.last, rules=rules)
        for rules in (together, apart)
    )
    np.testing.assert_array_equal(got, want)
    signals = tape.signals(signal, start=tape.last, rules=together)
    np.testing.assert_array_equal(signals["input"], want)
    for name, each in tape.signals(signal, start=tape.last, rules=apart).items():
        np.testing.assert_array_equal(signals[name], each)
    compare(tape, units, np.ones(len(units)), start=tape.last, rules=together)


def test_a_signal_that_only_meets_padding_goes_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ways, "OVERHEAD", 1.0)  # all boxes alike
    net = Sequential(
        {
            "a": Conv(np.ones((1, 1, 1, 2))),
            "b": Conv(np.ones((1, 1, 1, 1)), stride=2, padding=((0, 0), (1, 0))),
        }
    )
    tape = net.run(np.ones((1, 1, 5, 2)))
    units = np.argwhere(np.ones_like(tape.output))
    compare(tape, units, np.ones(len(units)), start="b", rules=GRADIENT)
