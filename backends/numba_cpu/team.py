"""Threads: one small team that shares out the tasks of a kernel.

Kernels release the GIL and work on a range of tasks, so plain threads do, and nothing
of OpenMP, TBB or Numba's own scheduler is involved: any number of Python threads may
call at once (the team helps one of them at a time), a forked child makes its own team,
and a caller's parallel code or another library's threads are not disturbed. What a task
computes never depends on who runs it, or on how many there are.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from . import arena, job
from .arguments import header, words_of
from .compiled import Kernel
from .helper_thread import Helper, core

#: Tasks are handed out in this many portions per thread, for balance.
PORTIONS = 8

_limit: ContextVar[int | None] = ContextVar("numpy_deconv_threads", default=None)


def available() -> int:
    """Threads to use: NUMBA_NUM_THREADS, OMP_NUM_THREADS, or the CPUs we may run on."""
    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        first = os.environ.get(variable, "").partition(",")[0].strip()
        if first.isdigit() and int(first) > 0:
            return int(first)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_AVAILABLE = available()


def size() -> int:
    """Threads that the next kernel is spread over."""
    return _limit.get() or _AVAILABLE


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Use that many threads inside the block; None changes nothing."""
    token = _limit.set(threads or _limit.get())
    try:
        yield
    finally:
        _limit.reset(token)


class _Team:
    """The threads of this process, and the words they watch."""

    def __init__(self) -> None:
        self.words = job.words()
        self.address = job.address(self.words)
        self.busy = threading.Lock()
        self.number = 0
        self.core = -1  # the last caller's
        self.helpers: list[Helper] = []

    def call(
        self, code: Callable[[bytes], int], tasks: int, threads: int, words: bytes
    ) -> None:
        """Have a job done by the caller and ``threads - 1`` helpers."""
        try:
            while len(self.helpers) < threads - 1:
                who = len(self.helpers) + 1
                self.helpers.append(Helper(self.words, self.address, who))
        except RuntimeError:  # no more threads to be had: those that are there do
            pass
        here = core()
        for helper in self.helpers[: threads - 1]:
            if helper.asleep:
                helper.keep_off(here)
                helper.wake()
            elif here != self.core:
                helper.keep_off(here)
        self.core = here
        self.number += 1
        portion = max(1, tasks // (threads * PORTIONS))
        job_of_it = self.address, self.number, tasks, portion, threads - 1
        try:
            everybody_left = code(header(*job_of_it) + words)
        except BaseException:
            everybody_left = 0
            raise
        finally:
            while not everybody_left:
                time.sleep(0)
                everybody_left = job.left(self.address, 1000)


_team = _Team()
_workers: ThreadPoolExecutor | None = None
_guard = threading.Lock()


def _forget() -> None:
    """A forked child has none of its parent's threads."""
    global _team, _workers, _guard
    _team, _workers, _guard = _Team(), None, threading.Lock()


def _dismiss() -> None:
    """Nobody may be in compiled code when the interpreter is taken down."""
    for helper in _team.helpers:
        helper.dismiss()


atexit.register(_dismiss)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def spread(
    kernel: Any,
    tasks: int,
    *args: Any,
    scratch: tuple[int, Any] | None = None,
    alone: bool = False,
) -> None:
    """Call ``kernel(start, stop, *args)`` until all tasks are done, on all threads.

    With ``scratch=(size, dtype)`` each thread's calls get a flat array of its own as
    third argument, its contents undefined. ``alone`` keeps the work on this thread:
    below some microseconds sharing it costs more than it brings.
    """
    threads = 1 if alone else min(size(), tasks)
    if not isinstance(kernel, Kernel):
        _spread_python(kernel, tasks, args, scratch, threads)
        return
    if scratch is not None:
        args = rows(threads, *scratch), *args
    kinds, words = words_of(args)
    entry = kernel.entry("shared" if scratch is None else "own", kinds)
    share(entry.call, tasks, threads, entry.pack(*words))


def rows(threads: int, length: int, dtype: Any) -> Any:
    """Memory for each thread's own, a whole number of cache lines apart."""
    return arena.take((threads, -(-length // 64) * 64), dtype)


def share(code: Callable[[bytes], int], tasks: int, threads: int, words: bytes) -> None:
    """Have compiled code do its tasks, on this thread alone if the team is busy."""
    team = _team
    if threads > 1 and team.busy.acquire(blocking=False):
        try:
            team.call(code, tasks, threads, words)
        finally:
            team.busy.release()
    elif tasks:
        code(header(0, 0, tasks, tasks, 0) + words)


def _spread_python(
    function: Callable[..., Any],
    tasks: int,
    args: tuple[Any, ...],
    scratch: tuple[int, Any] | None,
    threads: int,
) -> None:
    """The same for what is not compiled, such as NumPy's own functions by chunks."""
    portion = max(1, -(-tasks // (threads * PORTIONS))) if threads > 1 else tasks
    starts = iter(range(0, tasks, max(1, portion)))  # next() on it is atomic

    def work() -> None:
        own = () if scratch is None else (arena.take((scratch[0],), scratch[1]),)
        for start in starts:
            function(start, min(start + portion, tasks), *own, *args)

    if threads <= 1:
        work()
        return
    others = [_pool().submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        for other in others:
            if not other.cancel():
                other.result()


def _pool() -> ThreadPoolExecutor:
    global _workers
    with _guard:
        if _workers is None:
            helpers = max(size(), _AVAILABLE) - 1
            _workers = ThreadPoolExecutor(max(1, helpers), "numpy_deconv")
        return _workers
