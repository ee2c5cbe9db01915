"""Kernels that do worse than compute wrongly: a verdict for each, and on it goes."""

from __future__ import annotations

from typing import Any

import oracle_kernels as kernels
import pytest

from numpy_deconv import oracle
from numpy_deconv.errors import OptionError
from numpy_deconv.oracle import Budget

FEW = Budget(examples=40)


def judged(kernel: Any, **options: Any) -> oracle.Failure:
    report = oracle.check(kernel, op="relu", **{"budget": FEW, **options})
    assert report.verdict == "FAIL"
    assert report.failure is not None
    return report.failure


@pytest.mark.parametrize(
    ("kernel", "kind", "words"),
    [
        (kernels.raises, "raises", "it raises ZeroDivisionError: what now"),
        (kernels.writes_its_input, "writes input", "it writes into its input x"),
        (kernels.writes_beside_its_input, "writes input", "writes outside of its inp"),
        (kernels.reads_beside_its_input, "value", "got nan"),
        (kernels.leaves_some_unwritten, "value", "elements are wrong"),
        (kernels.returns_objects, "output", "an array of Python objects"),
        (kernels.returns_text, "output", "an array of dtype <U3"),
        (kernels.returns_nothing, "output", "it returns None"),
        (kernels.returns_a_view, "view", "its output is a view of its input x"),
        (kernels.returns_doubles, "dtype", "has dtype float64, not float32"),
        (kernels.Buffered(), "reuses output", "writes into the output of an earlier"),
        (kernels.Stale(), "stale", "it returns the output of an earlier call"),
        (kernels.Forgetful(), "second call", "called a second time output 'y'"),
        (kernels.into_some_of_out, "value", "got nan"),
    ],
)
def test_each_has_its_own_verdict(kernel: Any, kind: str, words: str) -> None:
    failure = judged(kernel)
    assert failure.kind == kind
    assert words in failure.reason


def test_the_oracle_goes_on() -> None:
    report = oracle.check(kernels.raises, op="relu", budget=FEW)
    assert report.failures == report.total == 20
    assert "20 of 20 examples fail" in report.why


def test_an_output_to_be_filled() -> None:
    report = oracle.check(kernels.into_out, op="relu", budget=FEW)
    assert report.verdict == "PASS", report


def test_a_hanging_kernel_is_interrupted() -> None:
    failure = judged(kernels.hangs, budget=Budget(call_seconds=0.2))
    assert failure.kind == "hangs"
    assert "it was still running after 0.2 s" in failure.reason


def test_a_kernel_that_dies_takes_only_its_process() -> None:
    failure = judged(kernels.kills_its_process, isolate=True)
    assert failure.kind == "dies"
    assert failure.reason == "it ended its process with exit status 9"


def test_isolation_finds_the_same() -> None:
    apart = judged(kernels.returns_doubles, isolate=True)
    assert apart.kind == "dtype"
    report = oracle.check("numpy_deconv:relu", op="relu", isolate=True, budget=FEW)
    assert report.verdict == "PASS"


def test_isolation_interrupts_too() -> None:
    failure = judged(kernels.hangs, isolate=True, budget=Budget(call_seconds=0.2))
    assert failure.kind == "hangs"


def test_what_cannot_be_imported_cannot_be_isolated() -> None:
    pytest.importorskip("torch")
    with pytest.raises(OptionError, match="isolate=True needs a candidate that can be"):
        oracle.check(lambda x: x, op="relu", isolate=True)
