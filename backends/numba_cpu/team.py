"""Threads: one small team that shares out the tasks of a kernel.

Kernels release the GIL and work on a range of tasks, so plain threads do, and nothing
of OpenMP, TBB or Numba's own scheduler is involved: any number of Python threads may
call at once, a forked child makes its own team, and a caller's parallel code or
another library's threads are not disturbed. What a task computes never depends on who
runs it, or on how many there are.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from . import arena

#: Tasks are handed out in this many portions per thread, for balance.
PORTIONS = 4

_limit: ContextVar[int | None] = ContextVar("numpy_deconv_threads", default=None)
_workers: ThreadPoolExecutor | None = None
_guard = threading.Lock()


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


def _pool() -> ThreadPoolExecutor:
    global _workers
    with _guard:
        if _workers is None:
            helpers = max(size(), _AVAILABLE) - 1
            _workers = ThreadPoolExecutor(max(1, helpers), "numpy_deconv")
        return _workers


def _forget() -> None:
    """A forked child has none of its parent's threads."""
    global _workers, _guard
    _workers, _guard = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def spread(
    kernel: Callable[..., Any],
    tasks: int,
    *args: Any,
    scratch: tuple[int, Any] | None = None,
    alone: bool = False,
) -> None:
    """Call ``kernel(start, stop, *args)`` until all tasks are done, on all threads.

    With ``scratch=(size, dtype)`` each thread's calls get a flat array of its own as
    third argument, its contents undefined. ``alone`` keeps the work on this thread:
    below some tens of microseconds waking another costs more than it does.
    """
    args = tuple(map(_same_type, args))
    threads = 1 if alone else min(size(), tasks)
    portion = max(1, -(-tasks // (threads * PORTIONS))) if threads > 1 else tasks
    starts = iter(range(0, tasks, max(1, portion)))  # next() on it is atomic

    def work() -> None:
        own = () if scratch is None else (arena.take((scratch[0],), scratch[1]),)
        for start in starts:
            kernel(start, min(start + portion, tasks), *own, *args)

    if threads == 1:
        work()
        return
    others = [_pool().submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        for other in others:
            if not other.cancel():
                other.result()


class _Writable:
    """A read-only array's memory, for kernels that only read it."""

    def __init__(self, array: np.ndarray[Any, Any]):
        self.array = array
        described = dict(array.__array_interface__)
        described["data"] = (described["data"][0], False)
        self.__array_interface__ = described


def _same_type(argument: Any) -> Any:
    """Kernels are compiled for writable arrays: read-only ones would be a type apart,
    and everything would be compiled twice."""
    if isinstance(argument, np.ndarray) and not argument.flags.writeable:
        return np.asarray(_Writable(argument))
    return argument
