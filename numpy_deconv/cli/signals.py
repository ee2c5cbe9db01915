"""Being told to stop: the program unwinds, so that nothing half-done stays behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = ("SIGTERM", "SIGHUP")
SIGNALLED = 128
"""What a shell adds to a signal's number to make it an exit status."""


@contextmanager
def unwinding() -> Iterator[None]:
    """A block that SIGTERM and SIGHUP leave by SystemExit, with status 128 + signal.

    A signal that is ignored (``nohup``) stays ignored, and outside the main thread,
    where Python allows no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in STOPPING if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    caught = [number for number in numbers if before[number] is signal.SIG_DFL]
    for number in caught:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number in caught:
            signal.signal(number, before[number])


def _leave(number: int, frame: FrameType | None) -> None:
    # A second one would cut short the clearing up.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(SIGNALLED + number)
