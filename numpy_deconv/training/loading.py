"""Batches made ahead of the step, by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from ..errors import OptionError
from .schedules import Place

Loaded = TypeVar("Loaded")


@contextmanager
def ahead(
    batch: Callable[[int, int], Loaded], place: Place, *, threads: int = 2
) -> Iterator[Iterator[Loaded]]:
    """``batch(epoch, step)`` for every step from ``place`` to the last, in order.

    At most one more batch than there are threads waits for its step. What a batch
    raises is raised when its turn comes. On leaving the block, nothing is made any
    more.

    Example::

        with ahead(pictures, training.place) as batches:
            for x, labels in batches:
                training.step(x, labels)
    """
    if threads < 1:
        raise OptionError(f"threads is {threads}, but must be 1 or more")
    pool = ThreadPoolExecutor(threads, thread_name_prefix="batch")
    try:
        yield _in_order(pool, batch, place, threads + 1)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(
    pool: ThreadPoolExecutor,
    batch: Callable[[int, int], Loaded],
    place: Place,
    depth: int,
) -> Iterator[Loaded]:
    waiting: deque[Future[Loaded]] = deque()
    while waiting or not place.finished:
        while len(waiting) < depth and not place.finished:
            waiting.append(pool.submit(batch, place.epoch, place.step))
            place = place.next
        yield waiting.popleft().result()
