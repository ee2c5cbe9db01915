"""The command ``bench``: one small case, wrong words, a run that is stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from command_line import fails, folder, run

from numpy_deconv.benchmarks import bench as benching
from numpy_deconv.benchmarks import launch, plan
from numpy_deconv.benchmarks.plan import Plan
from numpy_deconv.benchmarks.results import Report
from numpy_deconv.errors import BackendError, OptionError

__all__ = ["folder"]

SMALL = "squeezenet1_1 pool5 max pool"
PLAN = Plan(("layers",), (), ("numpy",), 0.001, 1, SMALL)


def test_one_small_case_and_its_files(folder: Path) -> None:
    run(
        *("bench", "--suite", "layers", "--only", SMALL, "--quick"),
        *("--backends", "numpy", "--against", "torch", "--threads", "1"),
        *("--seconds", "0.01", "--json", "r.json"),
        *("--plot", "r.svg", "--markdown", "r.md"),
    )
    report = Report.read(folder / "r.json")
    assert report.complete
    assert report.machine["threads"] == 1
    (outcome,) = report.outcomes
    assert {e.status for e in outcome.entries} <= {"timed", "behind"}
    assert outcome.ratio("numpy", "torch") is not None
    assert (folder / "r.svg").read_text().startswith("<svg")
    assert "max pools with switches" in (folder / "r.md").read_text()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--suite", "layer"), "there is no suite 'layer' to measure: choose from"),
        (("--against", "tf"), "there is no framework 'tf' to measure: choose from"),
        (("--backends", "fast"), "there is no backend 'fast': registered are 'numpy'"),
        (("--seconds", "0"), "seconds is 0, but must be more than 0"),
    ],
)
def test_wrong_words_are_told_before_any_work(
    words: tuple[str, str], sentence: str
) -> None:
    assert sentence in fails("bench", "--backends", "numpy", *words)


def test_a_plan_refuses_what_cannot_be(broken_backends: None) -> None:
    with pytest.raises(OptionError, match="no backend is named"):
        replace(PLAN, backends=()).checked()
    with pytest.raises(OptionError, match="threads is 0, but must be 1 or more"):
        replace(PLAN, threads=0).checked()
    states = plan.available_backends()
    unready = next(name for name, state in states.items() if not state.ready)
    with pytest.raises(BackendError, match=unready):
        replace(PLAN, backends=(unready,)).checked()


def test_files_are_looked_at_before_any_work(folder: Path) -> None:
    (folder / "file").touch()
    assert "it is a folder; name a file in it" in fails("bench", "--json", folder)
    words = ("bench", "--plot", folder / "file" / "x.svg")
    assert "file is no folder to write in" in fails(*words)
    replace(PLAN, json=str(folder / "new" / "x.json")).checked()
    assert not (folder / "new").exists()


@pytest.mark.parametrize(("ended", "status"), [(3, 3), (-9, 137)])
def test_the_status_is_the_measuring_process_s(
    monkeypatch: pytest.MonkeyPatch, ended: int, status: int
) -> None:
    monkeypatch.setattr(launch, "launch", lambda plan: ended)
    run("bench", "--backends", "numpy", status=status)


def test_no_case_of_that_name() -> None:
    with pytest.raises(OptionError, match="no case contains 'resnet': there are lay"):
        benching.chosen(replace(PLAN, only="resnet"))


def test_quick_takes_the_smallest_of_each_group() -> None:
    cases = benching.chosen(Plan(("layers", "nets"), only="alexnet", quick=True))
    groups = [(case.suite, case.group) for case in cases]
    assert len(set(groups)) == len(groups)
    assert all(case.batch == 1 for case in cases)


def test_a_plan_survives_the_way_to_another_process() -> None:
    full = replace(PLAN, json="/r.json", quick=True, plain_allocator=True)
    assert Plan.from_json(full.to_json()) == full


def test_the_environment_sets_threads_and_allocator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(launch.platform, "libc_ver", lambda: ("glibc", "2"))
    tuned = launch.environment(replace(PLAN, threads=3))
    assert tuned["OMP_NUM_THREADS"] == tuned["NUMBA_NUM_THREADS"] == "3"
    assert set(launch.ALLOCATOR) < set(tuned)
    plain = launch.environment(replace(PLAN, plain_allocator=True))
    assert not set(launch.ALLOCATOR) & set(plain)
    monkeypatch.setattr(launch.platform, "libc_ver", lambda: ("", ""))
    assert set(launch.environment(PLAN)) == {"PYTHONDONTWRITEBYTECODE", *launch.THREADS}


def test_the_allocator_is_named_by_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in launch.ALLOCATOR.items():
        monkeypatch.setenv(key, value)
    assert launch.allocator().endswith("thresholds raised")
    monkeypatch.delenv("MALLOC_TOP_PAD_")
    assert launch.allocator().endswith("as it comes")


def test_what_was_measured_survives_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = benching.examine

    def second_is_stopped(case, *rest):  # type: ignore[no-untyped-def]
        if case.batch == 8:
            raise KeyboardInterrupt
        return whole(case, *rest)

    monkeypatch.setattr(benching, "examine", second_is_stopped)
    target = tmp_path / "r.json"
    reports = benching.bench(replace(PLAN, json=str(target)), lambda done, total: None)
    with pytest.raises(KeyboardInterrupt):
        list(reports)
    report = Report.read(target)
    assert [outcome.batch for outcome in report.outcomes] == [1]
    assert not report.complete


def test_a_framework_that_is_not_there_is_said_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(threads: int, compiled: bool) -> None:
        raise ImportError("No module named 'jax'")

    monkeypatch.setitem(benching.RIVALS, "jax", missing)
    contenders, notes = benching.recruit(replace(PLAN, against=("jax",)))
    assert [who.team for who in contenders] == ["numpy"]
    assert notes == ["jax is left out, it is not installed: No module named 'jax'"]


def test_threads_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert plan.default_threads() == 3
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    assert plan.default_threads() == 2
