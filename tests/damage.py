"""Damaging files at random, and watching what reading them does."""

from __future__ import annotations

import random
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

EVENTS = (
    "ctypes.dlopen",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.system",
    "pickle.find_class",
    "socket.connect",
    "subprocess.Popen",
)
"""What no reader may ever do; opening to write is watched too."""


@dataclass
class Watched:
    """What happened in a block: forbidden events, most memory at a time, CPU time."""

    events: list[str] = field(default_factory=list)
    peak: int = 0
    seconds: float = 0


_watching: list[Watched] = []


def _hook(event: str, arguments: Any) -> None:
    if not _watching:
        return
    writes = (
        event == "open" and isinstance(arguments[1], str) and arguments[1][0] != "r"
    )
    if event in EVENTS or writes:
        _watching[-1].events.append(f"{event} {arguments!r}")


sys.addaudithook(_hook)


@contextmanager
def watched() -> Iterator[Watched]:
    """Watch a block; the result is complete when it ends."""
    seen = Watched()
    tracemalloc.start()
    _watching.append(seen)
    start = time.process_time()
    try:
        yield seen
    finally:
        _watching.pop()
        seen.seconds = time.process_time() - start
        seen.peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


def cut(data: bytearray, rng: random.Random) -> None:
    """Drop the end."""
    del data[rng.randrange(len(data)) :]


def flip(data: bytearray, rng: random.Random) -> None:
    """Flip one to eight single bits."""
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def inflate(data: bytearray, rng: random.Random) -> None:
    """Write the largest and the most negative numbers over a few places."""
    for _ in range(rng.randint(1, 4)):
        place, width = rng.randrange(len(data)), rng.choice((1, 2, 4, 8))
        data[place : place + width] = rng.choice((b"\xff", b"\x7f", b"\0")) * width


def splice(data: bytearray, rng: random.Random) -> None:
    """Copy a piece over or between what is elsewhere."""
    first, length = rng.randrange(len(data)), rng.randint(1, 200)
    piece = data[first : first + length]
    place = rng.randrange(len(data))
    data[place : place + rng.choice((0, len(piece)))] = piece


def remove(data: bytearray, rng: random.Random) -> None:
    """Take a piece out of the middle."""
    place = rng.randrange(len(data))
    del data[place : place + rng.randint(1, 64)]


DAMAGE = (cut, flip, flip, inflate, inflate, splice, remove)


def damaged(data: bytes, seed: int) -> bytes:
    """``data`` with one or two kinds of damage, the same for the same seed."""
    rng = random.Random(seed)
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2))):
        if changed:
            rng.choice(DAMAGE)(changed, rng)
    return bytes(changed)
