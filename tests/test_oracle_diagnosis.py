"""What is said about mistakes that no mutant makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.oracle.checking.features import rule_of
from numpy_deconv.oracle.checking.patterns import common_places, places

Change = Callable[[Any, Any, Any, dict[str, Any]], None]


def failure_of(change: Change) -> oracle.Failure:
    """The failure of a convolution whose copied operands and result are changed."""

    def kernel(x, weight, bias=None, **attrs):
        weight = np.array(weight)
        before = weight.copy()
        change(x, weight, None, attrs)
        y = np.array(nd.conv(x, weight, bias, **attrs))
        if np.array_equal(before, weight, equal_nan=True):
            change(x, weight, y, attrs)
        return y

    report = oracle.check(kernel, op="conv")
    assert report.verdict == "FAIL"
    assert report.failure is not None
    return report.failure


def test_a_tap_is_named() -> None:
    def change(x: Any, weight: Any, y: Any, attrs: Any) -> None:
        if weight.shape[-1] == 3 and weight.shape[1] > 1:
            weight[:, 1, ..., 2] = 0

    failure = failure_of(change)
    assert failure.case.weight.shape[-1] == 3
    (said, *_) = (t for t in failure.diagnosis if t.startswith("tap"))
    assert "c=1" in said
    assert "kw=2) is missing in every wrong element" in said


def test_a_rule_of_three_conditions() -> None:
    def change(x: Any, weight: Any, y: Any, attrs: Any) -> None:
        if y is not None and attrs["groups"] > 1 < max(attrs["stride"]) and len(x) > 1:
            y[1] = y[0]

    said = failure_of(change).diagnosis
    assert "it fails only where batch > 1 and groups > 1 and stride > 1" in said


def test_a_vector_tail() -> None:
    def change(x: Any, weight: Any, y: Any, attrs: Any) -> None:
        if y is not None and y.shape[-1] > 16:
            y[..., y.shape[-1] // 16 * 16 :] = 1

    said = " ".join(failure_of(change).diagnosis)
    assert "the tail of a vector loop" in said or "only the last column" in said


def test_chance_is_told_from_rule() -> None:
    state = {"calls": 0}

    def racing(x):
        state["calls"] += 1
        y = np.maximum(x, 0)
        if state["calls"] % 50 == 0 and y.size > 10:
            y.flat[7] = 99
        return y

    failure = oracle.check(racing, op="relu").failure
    assert failure is not None
    (said,) = failure.diagnosis
    assert said.startswith("it fails only sometimes: ")


def test_less_than_the_previous_layout() -> None:
    def contiguous_only(x):
        return np.maximum(x.ravel(order="K").reshape(x.shape), 0)

    failure = oracle.check(contiguous_only, op="relu").failure
    assert failure is not None
    assert any("it does not follow the strides of x" in t for t in failure.diagnosis)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (np.s_[..., -1], "only the last column is wrong"),
        (np.s_[:, :, -1], "only the last row is wrong"),
        (np.s_[:, -1], "only the last channel is wrong"),
        (np.s_[-1], "only the last sample is wrong"),
        (np.s_[0], "only the first sample is wrong"),
        (np.s_[1:], "only the first sample is right"),
        (np.s_[:, :, :, [0, -1]], "only the first and the last column are wrong"),
        (
            np.s_[..., 16:],
            "only columns beyond a multiple of 8 are wrong: the tail of a",
        ),
        (np.s_[...], "every element is wrong"),
    ],
)
def test_places(where: Any, said: str) -> None:
    wrong = np.zeros((3, 4, 5, 19), bool)
    wrong[where] = True
    assert any(text.startswith(said) for text in places(wrong))


def test_one_element_goes_with_any_place() -> None:
    wide, narrow = np.zeros((1, 2, 3, 4), bool), np.zeros((1, 2, 3, 1), bool)
    wide[..., -1] = True
    narrow[:, 1] = True
    assert common_places([wide, narrow]) == ["only the last column is wrong"]


def test_rules_need_several_failures() -> None:
    a, b = frozenset({"a", "x"}), frozenset({"x"})
    assert rule_of([(a, True)] * 2 + [(b, False)] * 9) is None
    assert rule_of([(a, True)] * 3 + [(b, False)] * 9) == "a"
    assert rule_of([(a, True)] * 3 + [(a, False)] * 9) is None


def test_a_factor_in_common_is_told() -> None:
    def total(logits: Any, labels: Any) -> Any:
        mean = nd.cross_entropy(logits, labels)
        return 2 * mean if len(logits) == 2 else mean

    failure = oracle.check(total, op="cross_entropy").failure
    assert failure is not None
    assert "every wrong element is 2 times the truth" in failure.diagnosis


def test_one_place_in_memory_is_told() -> None:
    def change(x: Any, weight: Any, y: Any, attrs: Any) -> None:
        if y is not None and y.size > 257:
            y.reshape(-1)[257] += 3

    failure = failure_of(change)
    words = "only element 257 in the order of memory is wrong"
    assert words in failure.diagnosis
