"""ONNX Runtime's side of the benchmarks computes what ours does."""

from __future__ import annotations

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from numpy_deconv import Graph, Node
from numpy_deconv.benchmarks.agreement import judge
from numpy_deconv.benchmarks.case import Prepared, draw
from numpy_deconv.benchmarks.contenders.onnxruntime_contender import (
    OnnxRuntimeContender,
)
from numpy_deconv.benchmarks.shapes import Step, distinct
from numpy_deconv.benchmarks.suites import layers as suite
from numpy_deconv.layers import (
    AdaptiveAvgPool,
    Add,
    BatchNorm,
    Clip,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    LocalResponseNorm,
    MaxPool,
    ReLU,
)

SMALL = 2e7
CONVS = [step for _, step in distinct(Conv) if step.macs < SMALL]
POOLS = [step for _, step in distinct(MaxPool) if step.size[0] * step.size[1] < 9000]


def check(prepared: Prepared, tolerance: float) -> None:
    assert prepared.notes == []
    (candidate,) = prepared.candidates
    verdict = judge(candidate.read(candidate.run()), prepared.truth(), tolerance)
    assert verdict.wrong is None, verdict


@pytest.mark.parametrize("step", CONVS[::4], ids=lambda step: step.words())
@pytest.mark.parametrize("kind", ["convolution", "transposed"])
def test_convolutions(step: Step, kind: str) -> None:
    check(getattr(suite, kind)(step, 2, [OnnxRuntimeContender(1)]), 1e-5)


@pytest.mark.parametrize("step", POOLS, ids=lambda step: step.words())
def test_pools_exactly(step: Step) -> None:
    check(suite.pool(step, 2, [OnnxRuntimeContender(1)]), 0.0)


def test_a_net_of_every_layer() -> None:
    mean, var = draw(6, seed=1), draw(6, seed=2) ** 2 + 1
    net = Graph(
        {
            "conv": Node(Conv(draw(6, 3, 3, 3), None, stride=2, padding="same")),
            "norm": Node(BatchNorm(mean, var, draw(6), draw(6)), ("conv",)),
            "clip": Node(Clip(0.0, 6.0), ("norm",)),
            "one": Node(Conv(draw(6, 3, 1, 1), draw(6), groups=2), ("clip",)),
            "add": Node(Add(), ("one", "clip")),
            "relu": Node(ReLU(), ("add",)),
            "lrn": Node(LocalResponseNorm(5, 0.1), ("relu",)),
            "join": Node(Concat(), ("lrn", "clip")),
            "pool": Node(MaxPool(3, 2, ceil_mode=True), ("join",)),
            "same": Node(AdaptiveAvgPool(4), ("pool",)),
            "drop": Node(Dropout(), ("same",)),
            "mean": Node(GlobalAvgPool(), ("drop",)),
            "flat": Node(Flatten(), ("mean",)),
            "fc": Node(Linear(draw(5, 12), draw(5)), ("flat",)),
        }
    )
    x = draw(2, 3, 16, 16)
    (candidate,) = OnnxRuntimeContender(1).forward(net, x, switches=False)
    verdict = judge(candidate.read(candidate.run()), (net(x),), 1e-5)
    assert verdict.wrong is None, verdict
    assert OnnxRuntimeContender(1).forward(net, x, switches=True) == []
