"""Rounds on a clock that the test turns itself."""

from __future__ import annotations

import numpy as np
import pytest

from numpy_deconv.benchmarks import timing
from numpy_deconv.benchmarks.case import Answer, Candidate


class Watch:
    """A clock that only candidates move, and who moved it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[str] = []

    def __call__(self) -> float:
        return self.now

    def candidate(
        self, name: str, seconds: float, team: str = "", share: float = 1
    ) -> Candidate:
        def run() -> None:
            self.now += seconds
            self.calls.append(name)

        def read(result: object) -> Answer:
            return (np.zeros(1),)

        return Candidate(name, team or name, run, read, share)


def test_each_round_starts_with_another_one() -> None:
    watch = Watch()
    three = [watch.candidate(name, 1.0) for name in "abc"]
    times = timing.alternate(three, dict.fromkeys("abc", 1), (), 0, watch)
    assert "".join(watch.calls) == "abcbcacab"
    assert times == {name: [1.0] * timing.LEAST_ROUNDS for name in "abc"}


def test_rounds_fill_the_time_and_no_more() -> None:
    watch = Watch()
    pair = [watch.candidate("a", 1.0), watch.candidate("b", 3.0)]
    times = timing.alternate(pair, {"a": 1, "b": 1}, (), 20, watch)
    assert len(times["a"]) == len(times["b"]) == 5


def test_a_short_one_settles_before_it_is_timed() -> None:
    watch, paces = Watch(), {"a": iter([9.0, 5.0, 1.0] * 3)}

    def run() -> None:
        watch.now += next(paces["a"])

    after_others = Candidate("a", "a", run, lambda result: (np.zeros(1),))
    times = timing.alternate([after_others], {"a": 1}, {"a"}, 0, watch)
    assert times["a"] == [1.0] * 3


def test_a_short_one_is_called_until_it_can_be_timed() -> None:
    watch = Watch()
    short = watch.candidate("short", timing.SAMPLE / 8)
    times, _ = timing.measure([short], 1, watch)
    assert times["short"] == pytest.approx([timing.SAMPLE / 8] * len(times["short"]))
    assert len(watch.calls) > 8 * len(times["short"])


def test_part_of_a_case_is_scaled_to_the_whole() -> None:
    watch = Watch()
    part = watch.candidate("part", 2.0, share=1 / 32)
    times, _ = timing.measure([part], 1, watch)
    assert times["part"] == pytest.approx([64.0] * 3)


def test_who_is_far_behind_in_its_team_leaves_after_the_warm_up() -> None:
    watch = Watch()
    all_ = [
        watch.candidate("fast", 1.0, "us"),
        watch.candidate("near", 1.9, "us"),
        watch.candidate("far", 2.1, "us"),
        watch.candidate("theirs", 50.0, "them"),
    ]
    times, behind = timing.measure(all_, 1, watch)
    assert set(times) == {"fast", "near", "theirs"}
    assert behind == {"far": pytest.approx(2.1)}
    assert timing.fastest(times, ["near", "fast"]) == "fast"


def test_warming_up_waits_until_it_is_steady() -> None:
    watch, pace = Watch(), iter([9.0, 5.0, 1.0, 1.05, 1.0])

    def run() -> None:
        watch.now += next(pace)

    cold = Candidate("cold", "us", run, lambda result: (np.zeros(1),))
    steady, calls = timing.warm_up(cold, 1000, watch)
    assert (steady, calls) == (pytest.approx(1.05), 1)
    assert list(pace) == [1.0]


def test_a_failure_is_told_in_a_sentence() -> None:
    def fail() -> None:
        raise RuntimeError("no kernel\nfor this")

    assert timing.outcome(fail) == (None, "RuntimeError: no kernel")
    assert timing.outcome(lambda: 3) == (3, None)


def test_ctrl_c_is_no_failure() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        timing.outcome(stop)
