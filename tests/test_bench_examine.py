"""A wrong candidate has no time; a right one has ratios the right way up."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from numpy_deconv.benchmarks.agreement import judge, relative_error
from numpy_deconv.benchmarks.case import Array, Candidate, Case, Prepared, Work
from numpy_deconv.benchmarks.examine import examine
from numpy_deconv.benchmarks.machine import Ceiling
from numpy_deconv.benchmarks.results import Outcome
from numpy_deconv.benchmarks.shapes import NETS
from numpy_deconv.benchmarks.suites import SUITES

TRUTH = np.arange(1, 65, dtype=np.float32).reshape(1, 4, 4, 4)
CEILING = Ceiling(1e9, 1e9, "numpy", "numpy")


def candidate(name: str, y: Array, seconds: float = 0) -> tuple[Candidate, list[str]]:
    calls: list[str] = []

    def run() -> Array:
        calls.append(name)
        time.sleep(seconds)
        return y

    return Candidate(name, name, run, lambda result: (result,)), calls


def outcome_of(*candidates: Candidate, tolerance: float = 1e-5) -> Outcome:
    def prepare(contenders: Iterable[Any]) -> Prepared:
        return Prepared(lambda: (TRUTH,), list(candidates))

    case = Case("suite", "group", "case", 1, Work(1e6, 0), prepare, tolerance)
    return examine(case, [], ["ours", "theirs"], 0.01, CEILING)


def spoilt(kind: str) -> Array:
    y = TRUTH.copy()
    match kind:
        case "one row missing":
            y[..., -1, :] = 0
        case "axes swapped":
            y = y.swapaxes(2, 3)
        case "NaN":
            y[0, 0, 0, 0] = np.nan
        case "shape":
            y = y[..., :3]
        case "half precision":
            y = (TRUTH / 3).astype(np.float16).astype(np.float32) * 3
    return y


KINDS = ("one row missing", "axes swapped", "NaN", "shape", "half precision")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_candidate_is_told_so_and_never_timed(kind: str) -> None:
    right, _ = candidate("ours", TRUTH)
    wrong, calls = candidate("theirs", spoilt(kind))
    found = outcome_of(right, wrong)
    entries = {entry.name: entry for entry in found.entries}
    assert entries["theirs"].status == "wrong"
    assert entries["theirs"].seconds is None
    assert entries["theirs"].why
    assert len(calls) == 1
    assert found.ratios == []
    assert entries["ours"].status == "timed"


def test_the_faster_one_is_more_than_once_as_fast() -> None:
    ours, _ = candidate("ours", TRUTH, 0.002)
    theirs, _ = candidate("torch", TRUTH * np.float32(1 + 1e-6), 0.008)
    found = outcome_of(ours, theirs)
    (ratio,) = found.ratios
    assert (ratio.ours, ratio.theirs) == ("ours", "torch")
    assert 2 < ratio.times.low <= ratio.times.median <= ratio.times.high < 6
    assert found.ratio("ours", "torch") == ratio
    assert found.ratio("torch", "ours") is None
    seconds = found.entries[0].seconds
    assert seconds is not None
    assert found.ceiling_share["ours"] == pytest.approx(1e-3 / seconds.median)


def test_a_failing_one_does_not_end_the_case() -> None:
    def fail() -> Array:
        raise MemoryError("too large")

    right, _ = candidate("ours", TRUTH)
    found = outcome_of(
        Candidate("torch", "torch", fail, lambda result: (result,)), right
    )
    assert [e.status for e in found.entries] == ["failed", "timed"]
    assert found.entries[0].why == "MemoryError: too large"


def test_one_that_cannot_get_ready_is_noted() -> None:
    class Broken:
        team = "broken"

    def ask(contender: Any) -> list[Candidate]:
        raise ImportError("no such library")

    prepared = Prepared.of(lambda: (TRUTH,), [Broken()], ask, ["first"])
    assert prepared.candidates == []
    assert prepared.notes[1] == "broken is left out: ImportError: no such library"


def test_zeros_are_met_by_zeros_only() -> None:
    zero = np.zeros(3)
    assert relative_error(zero, zero) == 0
    assert relative_error(zero + 1e-30, zero) == np.inf


def test_an_answer_of_too_few_arrays_is_wrong() -> None:
    assert judge((TRUTH,), (TRUTH, TRUTH), 1).wrong == "answers with 1 arrays, not 2"


def titles(suite: str) -> list[str]:
    return [case.title for case in SUITES[suite]()]


def test_the_layers_are_the_published_ones() -> None:
    found = titles("layers")
    for known in (
        "layers/vgg16 conv3_1 128->256 3x3 at 56 batch 8",
        "layers/vgg16 conv1_1 3->64 3x3 at 224 batch 1",
        "layers/alexnet conv1 transposed 3->64 11x11/4 at 224 batch 1",
        "layers/zfnet conv2 96->256 5x5/2 at 55 batch 1",
        "layers/squeezenet1_1 pool1 max pool 64 3x3/2 at 111 batch 8",
        "layers/vgg16 pool1 unpool 64 2x2/2 at 224 batch 8",
    ):
        assert known in found
    assert any("depthwise" in t and "groups 144" in t for t in found)
    assert len(set(found)) == len(found)
    for net in NETS:
        assert any(net in title for title in found)


def test_work_is_that_of_the_definition() -> None:
    cases = {case.title: case for case in SUITES["layers"]()}
    conv = cases["layers/vgg16 conv3_1 128->256 3x3 at 56 batch 8"].work
    assert conv.flops == 2 * 8 * 256 * 128 * 9 * 56 * 56
    assert conv.bytes == 4 * (8 * (128 + 256) * 56 * 56 + 256 * 128 * 9)
    unpool = cases["layers/vgg16 pool1 unpool 64 2x2/2 at 224 batch 8"].work
    assert unpool == Work(0, 8 * 64 * (4 * 224 * 224 + 12 * 112 * 112))


def test_the_other_suites_have_what_the_summary_needs() -> None:
    projected = titles("projection")
    for layer in ("vgg16 conv5_3", "vgg16 conv2_2", "alexnet conv3"):
        assert any(f"{layer} project" in title for title in projected)
    assert any("vgg16 forward with switches batch 8" in t for t in titles("nets"))
    assert len(titles("methods")) == len(titles("startup")) == 2
