"""Saliency, deconvnet and guided backpropagation are Captum's, where it has them."""

from __future__ import annotations

import captum_peer
import numpy as np
import pytest
import small_nets
from agreement import assert_agrees

from numpy_deconv.rules import DECONVNET, GRADIENT, GUIDED, Rules


@pytest.mark.parametrize("rules", [GRADIENT, DECONVNET, GUIDED], ids=lambda r: r.name)
@pytest.mark.parametrize("name", small_nets.CLASSIFIERS)
@pytest.mark.parametrize("seed", range(3))
def test_classifiers(name: str, rules: Rules, seed: int) -> None:
    net, x = small_nets.make(name, seed), small_nets.images(seed, count=3)
    targets = np.random.default_rng(seed).integers(0, 5, 3).tolist()
    want = captum_peer.attribute(rules.name, net, x, targets)
    tape = net.run(x)
    signal = np.eye(5)[targets]
    got = tape.project(signal, start=net.output, rules=rules)
    assert want.any()
    assert_agrees(got / np.abs(want).max(), want / np.abs(want).max(), 1e-10)


def test_the_three_differ() -> None:
    net = small_nets.make("overlapping")
    tape = net.run(small_nets.images(0))
    signal = np.eye(5)[[1, 3]]
    a, b, c = (
        tape.project(signal, start="fc", rules=rules)
        for rules in (GRADIENT, DECONVNET, GUIDED)
    )
    assert min(np.abs(a - b).max(), np.abs(b - c).max(), np.abs(a - c).max()) > 0.01
