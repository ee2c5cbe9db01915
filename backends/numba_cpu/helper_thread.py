"""A thread that helps a team: awake while there are jobs, asleep between them."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from contextlib import suppress
from typing import Any

from . import job

#: The number of a helper beyond those of any team.
NOBODY = 1 << 40
#: Seconds that a thread stays awake for the next job: longer than the Python between
#: two layers takes.
PATIENCE = 1e-3


def core() -> int:
    """The core that this thread is on; -1 where it cannot be told or chosen."""
    return -1


if hasattr(os, "sched_setaffinity"):
    with suppress(AttributeError, OSError):
        core = ctypes.PyDLL(None).sched_getcpu  # quick: there is no need to let go


class Helper:
    """A thread that serves a team, awake for a moment after each job, else asleep."""

    def __init__(self, words: Any, team: int, who: int):
        self.asleep = self.dismissed = False
        self._moving = threading.Lock()
        self._cores: set[int] | None = None  # that it may use, while kept off one
        # free for whoever is to wake up: a semaphore, written in Python, takes longer
        self._sleeping = threading.Lock()
        self._sleeping.acquire()
        self.thread = threading.Thread(
            target=self._serve,
            args=(words, team, who),
            name=f"numpy_deconv_{who}",
            daemon=True,
        )
        self.thread.start()

    def wake(self) -> None:
        """Have it look for a job, once more if it is awake."""
        self.asleep = False
        with suppress(RuntimeError):  # somebody just did
            self._sleeping.release()

    def keep_off(self, core: int) -> None:
        """Have it run elsewhere than on the caller's core, until it sleeps again.

        There it would wait for the caller to be done: systems put threads together, to
        save power or because they wake each other.
        """
        if core < 0 or self.thread.native_id is None:
            return
        with self._moving, suppress(OSError):
            if self._cores is None:
                self._cores = os.sched_getaffinity(self.thread.native_id)
            if self._cores - {core}:
                os.sched_setaffinity(self.thread.native_id, self._cores - {core})

    def _anywhere(self) -> None:
        """Allow again what it was kept off."""
        with self._moving, suppress(OSError):
            if self._cores is not None:
                cores, self._cores = self._cores, None
                os.sched_setaffinity(0, cores)

    def dismiss(self) -> None:
        """Have the thread end, and wait for that."""
        self.dismissed = True
        self.wake()
        self.thread.join(timeout=1)

    def _serve(self, words: Any, team: int, who: int) -> None:
        # ``words`` is held here, so that they outlive whoever watches them
        seen, patience = 0, _patience(team)
        while not self.dismissed:
            seen = job.serve(team, who, seen, patience)
            self.asleep = True
            # a job published before its caller could know is found by one more look
            if job.serve(team, who, seen, 1) == seen:
                self._anywhere()
                self._sleeping.acquire()
            self.asleep = False


def _patience(team: int) -> int:
    """How many looks take ``PATIENCE``, looking as a helper whom no job needs."""
    looks = 2000
    job.serve(team, NOBODY, 0, 1)  # loading it takes its time
    took = []
    for _ in range(5):  # one may have been kept waiting itself
        start = time.perf_counter()
        job.serve(team, NOBODY, 0, looks)
        took.append(time.perf_counter() - start)
    return int(looks * PATIENCE / min(took)) + 1
