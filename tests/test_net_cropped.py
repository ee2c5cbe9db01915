"""Projections on windows are those on whole planes, whatever the net and the unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import small_nets
from cropped_units import (
    DEEP,
    RULES,
    compare,
    edges,  # noqa: F401 (a fixture)
    signed,
    some_units,
    way,
)
from drawn_graphs import Draw, grown, positive_input
from hypothesis import given, settings
from hypothesis import strategies as st
from test_net_lean import allowed

from numpy_deconv import Graph, Node, Sequential
from numpy_deconv.layers import (
    Layer,
)
from numpy_deconv.rules import (
    DECONVNET,
    GRADIENT,
    Rules,
)

Array = npt.NDArray[Any]


@pytest.mark.usefixtures("edges")
@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.name)
@pytest.mark.parametrize("name", small_nets.NETS)
def test_units_of_every_layer(name: str, rules: Rules) -> None:
    net, x = small_nets.make(name), small_nets.images(0, 3)
    rules, rng = allowed(rules, net), np.random.default_rng(3)
    for start in net:
        tape = net.run(x, until=start, keep=())
        units = some_units(tape[start].shape, rng, 5)
        values = rng.normal(size=len(units))
        values[2] = 0
        assert way(tape, units, start, rules) is not None
        compare(tape, units, values, start=start, rules=rules, memory=1 << 14)


@pytest.mark.parametrize("name", small_nets.NETS)
def test_down_to_every_layer_after_a_full_run(name: str) -> None:
    net, x = small_nets.make(name, 1), small_nets.images(1, 2)
    tape, start = net.run(x), net.output
    rng = np.random.default_rng(4)
    units = some_units(tape[start].shape, rng, 3)
    for stop in net:
        values = rng.normal(size=len(units))
        compare(tape, units, values, start=start, rules=GRADIENT, stop=stop)


@pytest.mark.parametrize("name", ["overlapping", "residual", "inception", "fire"])
def test_in_single_precision(name: str) -> None:
    net = small_nets.make(name)
    nodes = {
        key: Node(_single(node.layer), node.inputs) for key, node in net.nodes.items()
    }
    x, rng = small_nets.images(0, 2).astype(np.float32), np.random.default_rng(5)
    tape = Graph(nodes).run(x, keep=(start := list(nodes)[-4],))
    units = some_units(tape[start].shape, rng, 9)
    values = rng.normal(size=len(units)).astype(np.float32)
    for rules in (DECONVNET, GRADIENT):
        compare(tape, units, values, start=start, rules=rules, tolerance=3e-6)


def _single(layer: Layer) -> Layer:
    if not layer.params:
        return layer
    arrays = {key: a.astype(np.float32) for key, a in layer.params.items()}
    return type(layer)(**(vars(layer) | arrays))


@pytest.mark.usefixtures("edges")
@given(data=st.data())
@settings(max_examples=150)
def test_drawn_graphs(data: st.DataObject) -> None:
    d = Draw(data, data.draw(st.integers(1, 3)))
    size = d.each(*{1: (7, 1, 12, 17), 2: (5, 2, 6, 9), 3: (3, 1, 5)}[d.rank])
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    net = signed(grown(d, size, d.one(2, 3, 4, 5, 6), d.one(True, False)), rng)
    x = rng.normal(size=(d.one(1, 2, 3), *positive_input(size).shape[1:]))
    rules = allowed(d.one(*RULES), net)
    tape = net.run(x, keep=d.one((), None))
    units = some_units(tape.output.shape, rng, 4)
    values = rng.normal(size=len(units))
    assert way(tape, units, net.output, rules) is not None
    memory = d.one(1, 10_000, None)
    compare(tape, units, values, start=net.output, rules=rules, memory=memory)


@pytest.mark.usefixtures("edges")
@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.name)
@pytest.mark.parametrize("name", DEEP)
def test_every_unit_of_hard_cases(name: str, rules: Rules) -> None:
    net = Sequential([(f"layer{n}", layer) for n, layer in enumerate(DEEP[name])])
    rng = np.random.default_rng(6)
    x = rng.normal(size=(2, 2, 11, 13))
    x[1, :, 2:9] = 0  # dead places, where all of a window is alike
    rules, tape = allowed(rules, net), net.run(x, keep=())
    units = np.argwhere(np.ones_like(tape.output))[::3]
    values = rng.normal(size=len(units))
    compare(tape, units, values, start=net.output, rules=rules)
