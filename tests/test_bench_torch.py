"""PyTorch's side of the benchmarks computes what ours does."""

from __future__ import annotations

import numpy as np
import pytest

from numpy_deconv import Graph, Node, Sequential, methods
from numpy_deconv.benchmarks.agreement import judge
from numpy_deconv.benchmarks.case import Array, Candidate, Prepared, draw
from numpy_deconv.benchmarks.contenders.backend_contender import (
    BackendContender,
    descend,
)
from numpy_deconv.benchmarks.contenders.contender import (
    Chosen,
    Climb,
    Contender,
    Place,
    Squares,
)
from numpy_deconv.benchmarks.contenders.torch_contender import TorchContender
from numpy_deconv.benchmarks.contenders.torch_cropped import is_chain
from numpy_deconv.benchmarks.shapes import Step, distinct
from numpy_deconv.benchmarks.suites import layers as suite
from numpy_deconv.layers import (
    BatchNorm,
    Concat,
    Conv,
    Flatten,
    LocalResponseNorm,
    MaxPool,
    ReLU,
)


@pytest.fixture
def torch() -> TorchContender:
    return TorchContender(1, compiled=False)


def check(prepared: Prepared, tolerance: float = 1e-5, least: int = 2) -> None:
    assert prepared.notes == []
    assert len(prepared.candidates) >= least
    for candidate in prepared.candidates:
        verdict = judge(candidate.read(candidate.run()), prepared.truth(), tolerance)
        assert verdict.wrong is None, (candidate.name, verdict)


def small(step: Step) -> bool:
    return np.prod(step.size) < 60_000 and step.macs < 2e7


CONVS = [(net, step) for net, step in distinct(Conv) if small(step)]
POOLS = [(net, step) for net, step in distinct(MaxPool) if np.prod(step.size) < 60_000]


@pytest.mark.parametrize(
    "step", [s for _, s in CONVS[:4] + CONVS[-12:]], ids=lambda s: s.words()
)
@pytest.mark.parametrize("kind", ["convolution", "transposed"])
def test_convolutions(step: Step, kind: str, torch: TorchContender) -> None:
    contenders: list[Contender] = [BackendContender("numpy"), torch]
    check(getattr(suite, kind)(step, 2, contenders))


@pytest.mark.parametrize("step", [s for _, s in POOLS], ids=lambda s: s.words())
@pytest.mark.parametrize("kind", ["pool", "unpool"])
def test_pools_exactly(step: Step, kind: str, torch: TorchContender) -> None:
    contenders: list[Contender] = [BackendContender("numpy"), torch]
    check(getattr(suite, kind)(step, 2, contenders), 0.0, least=4)


def chain() -> Sequential:
    """AlexNet's joints on 31x31: a stride, overlapping pools, windows at borders."""
    return Sequential(
        {
            "conv1": Conv(draw(6, 3, 5, 5) / 5, draw(6) / 9, stride=2, padding=2),
            "relu1": ReLU(),
            "norm1": LocalResponseNorm(3),
            "pool1": MaxPool(3, 2, ceil_mode=True),
            "conv2": Conv(draw(8, 6, 3, 3) / 5, draw(8) / 9, padding=1),
            "relu2": ReLU(),
            "pool2": MaxPool(3, 2),
            "conv3": Conv(draw(10, 8, 3, 3) / 5, draw(10) / 9, padding=1),
        }
    )


def live_units(activation: Array) -> list[Place]:
    rng = np.random.default_rng(1)
    units = np.argwhere(activation > 0)
    return [tuple(map(int, unit)) for unit in rng.permutation(units)]


@pytest.mark.parametrize("layer", ["conv3", "conv2", "conv1"])
def test_projections_whole_and_cropped(layer: str, torch: TorchContender) -> None:
    """Every live unit, so corners, edges and the middle, of overlapping pools."""
    net, x = chain(), draw(1, 3, 31, 31)
    tape = net.run(x)
    units = live_units(tape[layer][0])
    for first in range(0, len(units), 4):
        places = units[first : first + 4]
        expected = descend(tape, layer, places)
        for candidate in torch.project(net, x, layer, Chosen([places], 100)):
            (found,) = candidate.read(candidate.run())
            assert candidate.share == pytest.approx(len(places) / 100)
            error = judge((found,), (expected,), 1e-5)
            assert error.wrong is None, (candidate.name, places, error)


def fire() -> Graph:
    """SqueezeNet's joints: one layer read by two, joined along the channels."""
    return Graph(
        {
            "squeeze": Node(Conv(draw(4, 3, 1, 1), draw(4) / 9)),
            "relu": Node(ReLU(), ("squeeze",)),
            "one": Node(Conv(draw(5, 4, 1, 1) / 2), ("relu",)),
            "three": Node(Conv(draw(6, 4, 3, 3) / 5, padding=1), ("relu",)),
            "join": Node(Concat(), ("one", "three")),
            "pool": Node(MaxPool(3, 2, ceil_mode=True), ("join",)),
            "head": Node(Conv(draw(7, 11, 3, 3) / 9, padding=1), ("pool",)),
        }
    )


def test_only_chains_are_cropped_and_branches_add_up(torch: TorchContender) -> None:
    net, x = fire(), draw(1, 3, 14, 13)
    assert is_chain(chain(), "conv3")
    assert not is_chain(net, "head")
    tape = net.run(x)
    places = live_units(tape["head"][0])[:4]
    candidates = torch.project(net, x, "head", Chosen([places], 4))
    assert {candidate.team for candidate in candidates} == {"torch"}
    agree(candidates, descend(tape, "head", places))


def normed() -> Sequential:
    """A batch norm to fold, and scores."""
    weight = draw(5, 3, 3, 3) / 3
    mean, bias = draw(5, seed=3), draw(5, seed=4)
    var = np.abs(draw(5, seed=5)) + np.float32(0.5)
    return Sequential(
        {
            "conv": Conv(weight, None, stride=2, padding="same"),
            "norm": BatchNorm(mean, var, draw(5, seed=6), bias),
            "relu": ReLU(),
            "head": Conv(draw(4, 5, 9, 9) / 20, draw(4)),
        }
    )


def agree(candidates: list[Candidate], expected: Array) -> None:
    assert candidates
    for candidate in candidates:
        verdict = judge(candidate.read(candidate.run()), (expected,), 1e-5)
        assert verdict.wrong is None, (candidate.name, verdict)


def test_nets_with_folded_norms(torch: TorchContender) -> None:
    net, x = normed(), draw(2, 3, 18, 17)
    agree(torch.forward(net, x, switches=False), net(x))
    agree(
        torch.forward(chain(), draw(2, 3, 31, 31), switches=True),
        chain()(draw(2, 3, 31, 31)),
    )


def scoring() -> Sequential:
    """Scores ``(N, 4, 1, 1)`` flattened by a last layer."""
    nodes = {name: normed()[name] for name in normed()}
    return Sequential({**nodes, "flat": Flatten()})


def test_saliency_and_ascent(torch: TorchContender) -> None:
    net, x = scoring(), draw(2, 3, 18, 17)
    agree(torch.saliency(net, x, 2), methods.saliency(net, x, 2).pixels)
    climb = Climb(x[:1], 1, 3, 0.5, 1e-3)
    (ours,) = BackendContender("numpy").climb(net, climb)
    agree(torch.climb(net, climb), ours.run())


def test_occlusion(torch: TorchContender) -> None:
    net, x = scoring(), draw(1, 3, 18, 17)
    corners = [(t, left) for t in range(0, 12, 4) for left in range(0, 12, 4)]
    squares = Squares(corners, 6, 4, 0.25, 3)
    expected = []
    for top, left in corners[:4]:
        hidden = x.copy()
        hidden[:, :, top : top + 6, left : left + 6] = 0.25
        expected.append(net(hidden)[0, 3])
    found = torch.occlude(net, x, squares)
    agree(found, np.array(expected))
    agree(BackendContender("numpy").occlude(net, x, squares), np.array(expected))
    assert {c.share for c in found} == {8 / 9}
