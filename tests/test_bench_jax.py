"""JAX's side of the benchmarks computes what ours does."""

from __future__ import annotations

import pytest

pytest.importorskip("jax")

from numpy_deconv.benchmarks.agreement import judge
from numpy_deconv.benchmarks.contenders.jax_contender import JaxContender
from numpy_deconv.benchmarks.shapes import Step, distinct
from numpy_deconv.benchmarks.suites import layers as suite
from numpy_deconv.layers import Conv

CONVS = [step for _, step in distinct(Conv) if step.macs < 1e7]


@pytest.mark.parametrize("step", CONVS[::6], ids=lambda step: step.words())
@pytest.mark.parametrize("kind", ["convolution", "transposed"])
def test_convolutions(step: Step, kind: str) -> None:
    prepared = getattr(suite, kind)(step, 2, [JaxContender()])
    assert len(prepared.candidates) == 2
    for candidate in prepared.candidates:
        verdict = judge(candidate.read(candidate.run()), prepared.truth(), 1e-5)
        assert verdict.wrong is None, (candidate.name, verdict)
