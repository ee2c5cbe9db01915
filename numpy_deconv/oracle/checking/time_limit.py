"""A limit on how long a call may take, where the system can interrupt it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TimeLimit(BaseException):
    """Not an Exception, so that a kernel's own ``except`` does not stop it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """A block that TimeLimit ends; without effect outside of the main thread.

    It interrupts Python. A loop in native code is ended by ``isolate=True`` only.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, stop)
    left = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *left)
        signal.signal(signal.SIGALRM, before)
