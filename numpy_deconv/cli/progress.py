"""How far the work is: a bar on a terminal, plain lines elsewhere; on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from ..methods.result import Progress

REPORT_AFTER = 5.0
"""Seconds between two plain lines about the same piece of work."""


@contextmanager
def step(name: str, stream: TextIO | None = None) -> Iterator[Progress]:
    """Announce a piece of work; yields the callback ``progress(done, total)``.

    Example::

        with step("class visualisation: clock") as progress:
            class_visualization(model, None, 15, progress=progress)
    """
    target = sys.stderr if stream is None else stream
    # Python has no stderr where the shell closed it: 2>&-
    if target is None:
        yield _silence
        return
    show = _bar if target.isatty() else _lines
    with show(name, target) as progress:
        yield progress


def _silence(done: int, total: int) -> None:
    pass


@contextmanager
def _lines(name: str, stream: TextIO) -> Iterator[Progress]:
    began = last = time.perf_counter()

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last >= REPORT_AFTER and done < total:
            last = now
            print(f"{name}: {done} of {total}", file=stream, flush=True)

    yield progress
    print(f"{name}: {time.perf_counter() - began:.1f} s", file=stream, flush=True)


@contextmanager
def _bar(name: str, stream: TextIO) -> Iterator[Progress]:
    # rich takes longer to import than many commands run.
    from rich import progress as widgets
    from rich.console import Console

    columns = (
        widgets.TextColumn("{task.description:<36}", markup=False),
        widgets.BarColumn(bar_width=24),
        widgets.MofNCompleteColumn(),
        widgets.TimeElapsedColumn(),
    )
    with widgets.Progress(*columns, console=Console(file=stream)) as bars:
        task = bars.add_task(name, total=None)

        def progress(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield progress
        # Work that ended early, or was cut short, keeps the count that it reached.
        if bars.tasks[0].total is None:
            bars.update(task, completed=1, total=1)
