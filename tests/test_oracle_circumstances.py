"""Rules made of numbers, the size of errors, and what an earlier call left behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.oracle.checking.circumstances import number_rule

f4 = np.float32


def said_of(kernel: Any, op: str) -> str:
    failure = oracle.check(kernel, op=op).failure
    assert failure is not None
    return " | ".join(failure.diagnosis)


def seen(name: str, failed: list[int], passed: list[int]) -> list[tuple[Any, bool]]:
    bad = [({name: n}, True) for n in failed]
    return bad + [({name: n}, False) for n in passed]


def test_a_least_number() -> None:
    found = number_rule(seen("groups", [3, 4, 3, 4], [1, 2, 1, 2]))
    assert found == "there are 3 groups or more"


def test_a_remainder() -> None:
    failed, passed = [13, 27, 41, 13], [12, 14, 26, 28, 40, 6, 20, 34, 64]
    found = number_rule(seen("columns of the result", failed, passed))
    assert found == "there are 14n + 13 columns of the result"


@pytest.mark.parametrize(
    ("failed", "passed"),
    [
        ([3, 4, 5], [1, 2]),  # too few
        ([1, 2, 3, 4], [1, 2, 3, 4]),  # no rule
        ([5, 6, 7, 8], [5, 6, 7, 8, 9, 1]),  # as many are right
        ([3, 4, 3, 4], []),  # nothing is right
    ],
)
def test_no_rule(failed: list[int], passed: list[int]) -> None:
    assert number_rule(seen("samples", failed, passed)) is None


def test_numbers_in_a_diagnosis() -> None:
    def third_group(x: Any, weight: Any, bias: Any = None, **o: Any) -> Any:
        if o["groups"] >= 3:
            depth = x.shape[1] // o["groups"]
            x = x.copy()
            x[:, 2 * depth : 3 * depth] = x[:, depth : 2 * depth]
        return nd.conv(x, weight, bias, **o)

    assert "it fails only where there are 3 groups or more" in said_of(
        third_group, "conv"
    )


def test_the_size_of_small_errors() -> None:
    def half_reciprocal(x: Any, kernel_size: Any, **o: Any) -> Any:
        y = nd.avg_pool(x, kernel_size, **o)
        count = np.prod(kernel_size)
        return (y * f4(np.float16(1 / count) * count)).astype(f4)

    said = said_of(half_reciprocal, "avg_pool")
    assert "right to about 11 binary digits" in said


def test_results_that_are_cut() -> None:
    def cut(x: Any, weight: Any, bias: Any = None, **o: Any) -> Any:
        wide = (None if a is None else a.astype(np.float64) for a in (x, weight, bias))
        y = nd.conv(*wide, **o)
        rounded = y.astype(f4)
        beyond = np.abs(rounded.astype(np.float64)) > np.abs(y)
        return np.where(beyond, np.nextafter(rounded, f4(0)), rounded)

    said = said_of(cut, "conv")
    assert "every error points towards zero: results are cut, not rounded" in said
    assert "it looks like" not in said


def test_what_an_earlier_call_left() -> None:
    class Leftover:
        """Adds to a sum without clearing it first."""

        def __init__(self) -> None:
            self.last = f4(0)

        def __call__(self, x: Any, weight: Any) -> Any:
            y, self.last = nd.linear(x, weight) + self.last, f4(1 + x.size % 5)
            return y

    assert "what it gives depends on the call before" in said_of(Leftover(), "linear")


def test_a_kernel_without_options_is_called_without_any() -> None:
    report = oracle.check(lambda x, weight: nd.conv(x, weight), op="conv")
    assert report.verdict == "PASS", report
    assert "stride" in report.restricted
