"""No false alarm: PyTorch's own functions, drawn as strangers' kernels are.

The long run is ``benchmarks/oracle/long_run.py``, its result in ``benchmarks/results``.
"""

from __future__ import annotations

import os

import pytest
import torch_peer

from numpy_deconv import oracle
from numpy_deconv.oracle import Budget

EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "300"))
SINGLE_PRECISION = {"hard_sigmoid"}
"""PyTorch multiplies this gradient by 1/6 in float32, even for float64."""
GRADIENTS = {
    *("conv", "conv_transpose", "linear", "max_pool", "avg_pool", "im2col"),
    *("relu", "softmax", "local_response_norm", "batch_norm", "tanh", "silu"),
}
MODES = {"gelu": ("exact", "bound", "harness")}
"""PyTorch 2.13's gelu of infinity is NaN where it computes 8 numbers at once."""
RANKS = {"avg_pool": (2, 1)}
"""The gradient of avg_pool3d refuses windows that only padding makes room for."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", sorted(torch_peer.PEERS))
def test_pytorch_is_right(op: str, dtype: str) -> None:
    if dtype == "float64" and op in SINGLE_PRECISION:
        pytest.skip("computed in float32")
    inputs = oracle.operation(op).inputs
    grads = inputs if op in GRADIENTS else ()
    report = oracle.check(
        torch_peer.PEERS[op],
        op=op,
        adapter="torch",
        dtypes=(dtype,),
        modes=MODES.get(op, oracle.MODES),
        ranks=RANKS.get(op, (2, 1, 3)),
        grads=grads,
        budget=Budget(examples=EXAMPLES, seconds=600.0),
    )
    assert report.failure is None, f"{report}\n{report.failure.repro()}"
    assert report.verdict == "PASS", str(report)
