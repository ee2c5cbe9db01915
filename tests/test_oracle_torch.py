"""The oracle on PyTorch: no false alarm, and bounds that are nearly reached.

Drawn by Hypothesis, from the cases of the library's own tests; the long run is
``benchmarks/oracle/long_run.py``, its result in ``benchmarks/results``.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from oracle_draws import NAMES, drawn_case, is_comparable, torch_answer

from numpy_deconv import oracle

EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "300"))

SINGLE_PRECISION = {"hard_sigmoid.backward"}
"""PyTorch multiplies this gradient by 1/6 in float32, even for float64."""

NEARLY_REACHED = (
    *("conv", "conv.backward", "conv_transpose", "conv_transpose.backward"),
    *("conv_input_grad", "conv_weight_grad", "linear", "linear.backward"),
    *("im2col.backward", "col2im", "max_pool.backward", "max_unpool", "pad.backward"),
)
"""Sums, whose bound comes within a factor of two of an error that was seen."""


def worst_of(name: str, dtype: Any) -> float:
    """Largest ``error / H`` over drawn calls, each of which must not fail."""
    worst = 0.0

    @seed(20)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def judge_one(data: st.DataObject) -> None:
        nonlocal worst
        case = drawn_case(data.draw, name, dtype)
        if not is_comparable(name, case):
            return
        got, inputs = torch_answer(name, case)
        for report in oracle.conform(got, name, inputs, case.options).values():
            assert report.verdict == "PASS", (str(report), case)
            worst = max(worst, report.worst_hard)

    judge_one()
    return worst


@pytest.mark.parametrize("name", NAMES)
def test_float32_is_never_beyond_its_bound(name: str) -> None:
    worst = worst_of(name, np.float32)
    if name in NEARLY_REACHED:
        assert worst > 0.5


@pytest.mark.parametrize("name", NAMES)
def test_float64_is_never_beyond_its_bound(name: str) -> None:
    if name not in SINGLE_PRECISION:
        worst_of(name, np.float64)


def test_the_oracle_finds_what_pytorch_does_in_single_precision() -> None:
    with pytest.raises(
        AssertionError, match=r"hard_sigmoid.backward: output .{1,2}x.{1,2}: FAIL"
    ):
        worst_of("hard_sigmoid.backward", np.float64)
