"""Work is shared out completely, whoever does it, and errors come back."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import use_backend
from numpy_deconv.backends.numba_cpu import helper_thread, job, kept, team
from numpy_deconv.backends.numba_cpu.arguments import words_of
from numpy_deconv.backends.numba_cpu.compiled import KERNELS, Kernel
from numpy_deconv.errors import OptionError


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("tasks", [0, 1, 2, 7, 100])
def test_every_task_is_done_once(threads: int, tasks: int) -> None:
    done: list[int] = []

    def kernel(start: int, stop: int) -> None:
        done.extend(range(start, stop))

    with team.limited(threads):
        team.spread(kernel, tasks)
    assert sorted(done) == list(range(tasks))


@pytest.fixture(scope="module")
def counting() -> Iterator[Kernel]:
    """A kernel that notes how often each task is done, and by whom; it is not kept."""

    def noting(start, stop, own, times, owner, pause):  # type: ignore[no-untyped-def]
        for task in range(start, stop):
            times[task] += 1
            owner[task] = own[0]
            for n in range(pause):
                own[1 + n % 7] = own[1 + (n + 1) % 7] + n

    kernel = Kernel(noting)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "load", lambda name: None)
        patch.setattr(kept, "store", lambda name, code: None)
        try:
            yield kernel
        finally:
            del KERNELS[kernel.name]


def note(
    kernel: Kernel, threads: int, tasks: int, pause: int
) -> tuple[np.ndarray, np.ndarray]:
    own = np.zeros((threads, 64))
    own[:, 0] = np.arange(threads)
    times, owner = np.zeros(tasks, np.int64), np.full(tasks, -1.0)
    kinds, words = words_of((own, times, owner, pause))
    entry = kernel.entry("own", kinds)
    team.share(entry.call, tasks, threads, entry.pack(*words))
    return times, owner


@pytest.mark.parametrize("threads", [1, 2, 3, 7, job.MOST, job.MOST + 5])
@pytest.mark.parametrize("tasks", [1, 2, 5, 64, 999])
def test_compiled_tasks_are_done_once(
    counting: Kernel, threads: int, tasks: int
) -> None:
    for _ in range(20):
        times, owner = note(counting, threads, tasks, 100)
        assert (times == 1).all()
        assert set(owner) <= set(range(threads))


def test_everybody_begins_with_a_share_of_their_own(counting: Kernel) -> None:
    # who takes of the other's share has found nothing left of their own: so never both
    for _ in range(200):
        _, owner = note(counting, 2, 64, 5_000)
        assert not ((owner[:32] == 1).any() and (owner[32:] == 0).any()), owner


def test_scratch_belongs_to_one_thread() -> None:
    seen: dict[int, set[int]] = {}

    def kernel(start: int, stop: int, own: np.ndarray) -> None:
        where = own.__array_interface__["data"][0]
        seen.setdefault(where, set()).add(threading.get_ident())

    with team.limited(4):
        team.spread(kernel, 64, scratch=(100_000, np.float32))
    assert all(len(owners) == 1 for owners in seen.values())


def test_an_error_in_any_task_comes_back() -> None:
    def kernel(start: int, stop: int) -> None:
        if start <= 37 < stop:
            raise ZeroDivisionError("task 37")

    with team.limited(2), pytest.raises(ZeroDivisionError, match="task 37"):
        team.spread(kernel, 64)


def test_eight_threads_may_spread_at_once() -> None:
    def work(mark: int) -> int:
        total = []

        def kernel(start: int, stop: int) -> None:
            total.extend([mark] * (stop - start))

        for _ in range(50):
            team.spread(kernel, 20)
        return sum(total)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [1000 * n for n in range(8)]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"NUMBA_NUM_THREADS": "3"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"NUMBA_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
    ],
)
def test_the_environment_says_how_many(
    environment: dict[str, str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert team.available() == expected


@pytest.mark.parametrize("value", ["", "0", "many"])
def test_nonsense_in_the_environment_is_passed_over(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    assert team.available() >= 1


def test_read_only_arrays_do_not_compile_kernels_again() -> None:
    writable = np.arange(5.0)
    read_only = writable.copy()
    read_only.flags.writeable = False
    assert words_of((writable,))[0] == words_of((read_only,))[0]


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_a_number_of_threads_is_checked(threads: Any) -> None:
    with (
        pytest.raises(OptionError, match="threads must be a number from 1"),
        use_backend("numba", threads=threads),
    ):
        pass


def test_where_no_thread_can_be_started_the_caller_does_it_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(team, "_team", team._Team())
    monkeypatch.setattr(team, "Helper", refused)
    x = np.arange(64.0**3).reshape(1, 64, 64, 64)
    with use_backend("numba", threads=3):
        assert np.array_equal(nd.relu(x - 9), np.maximum(x - 9, 0))


def test_a_measurement_that_was_kept_waiting_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    took = (4.0, 0.001, 0.001, 0.001, 0.001)
    clock = iter([t for seconds in took for t in (0.0, seconds)])
    monkeypatch.setattr(team.time, "perf_counter", lambda: next(clock))
    looks = helper_thread._patience(team._team.address)
    assert looks == 2001  # as many as were looked in a millisecond


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="there is no other core to go to",
)
def test_helpers_keep_off_the_caller_s_core_until_they_sleep(counting: Kernel) -> None:
    note(counting, 2, 50, 100)
    (one, *_) = team._team.helpers
    thread = one.thread.native_id
    assert thread is not None
    settled(lambda: one.asleep and one._cores is None)
    everywhere = os.sched_getaffinity(thread)
    for core in sorted(os.sched_getaffinity(0))[:2]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(team, "core", lambda core=core: core)
            patch.setattr(one, "_anywhere", lambda: None)  # stay where they are
            note(counting, 2, 50, 100)
            assert os.sched_getaffinity(thread) == everywhere - {core}
    note(counting, 2, 50, 100)
    settled(lambda: one.asleep and one._cores is None)
    assert os.sched_getaffinity(thread) == everywhere


def test_a_core_that_cannot_be_left_is_kept() -> None:
    apart = team._Team()
    one = helper_thread.Helper(apart.words, apart.address, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
        patch.setattr(os, "sched_setaffinity", None, raising=False)  # not to be called
        one.keep_off(3)
        one.keep_off(-1)
        one._cores = None
    one.dismiss()
    assert not one.thread.is_alive()


def settled(done: Callable[[], bool]) -> None:
    """Wait until that is so; it must be soon."""
    for _ in range(500):
        if done():
            return
        time.sleep(0.01)
    raise AssertionError("it never was")
