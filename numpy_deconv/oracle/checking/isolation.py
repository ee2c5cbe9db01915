"""A kernel in a process of its own, which may hang or die."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from ...errors import OptionError
from ..drawing import Case
from .performer import Outcome, Performer

START_SECONDS = 120.0


def _serve(pipe: Connection, performer: Performer) -> None:
    """Answer cases until the other side is gone."""
    pipe.send("ready")
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        kind, *rest = task
        outcome = (
            performer.perform(*rest)
            if kind == "perform"
            else performer.gradients(*rest)
        )
        try:
            pipe.send(outcome)
        except (pickle.PicklingError, TypeError, AttributeError) as error:
            pipe.send(Outcome(problem="output", detail=str(error)))


@dataclass
class Isolated:
    """A Performer's calls, made in a child process that is started again if it ends."""

    performer: Performer
    _process: Any = None
    _pipe: Any = None
    _context: Any = field(init=False)

    def __post_init__(self) -> None:
        self._context = _context_for(self.performer)

    def perform(self, case: Case, like: tuple[tuple[int, ...], str]) -> Outcome:
        """The kernel's outcome, also if it took its process with it."""
        return self._ask("perform", case, like)

    def gradients(self, case: Case, grad: Any) -> Outcome:
        """The outcome of its gradients."""
        return self._ask("gradients", case, grad)

    def _ask(self, *task: Any) -> Outcome:
        if self._process is None:
            self._start()
        try:
            self._pipe.send(task)
            if self._pipe.poll(self.performer.seconds + 2):
                return self._pipe.recv()
        except (EOFError, OSError):
            return self._death()
        self.close()
        return Outcome(
            problem="hangs",
            detail=f"it was still running after {self.performer.seconds:g} s",
        )

    def _death(self) -> Outcome:
        self._process.join(5)
        code = self._process.exitcode
        self.close()
        how = f"by signal {-code}" if code and code < 0 else f"with exit status {code}"
        return Outcome(problem="dies", detail=f"it ended its process {how}")

    def _start(self) -> None:
        self._pipe, other = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(other, self.performer), daemon=True
        )
        process.start()
        other.close()
        self._process = process
        try:
            if not self._pipe.poll(START_SECONDS):
                raise EOFError
            self._pipe.recv()
        except EOFError:
            process.join(1)
            self.close()
            raise OptionError(
                "the candidate cannot be started in a process of its own: it must be "
                "importable from there"
            ) from None

    def close(self) -> None:
        """End the child."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = None


def _context_for(performer: Performer) -> Any:
    """Start afresh where the kernel can be found by name, else fork."""
    try:
        by_name = pickle.dumps(performer)
        main = getattr(performer.kernel, "__module__", "") == "__main__"
    except (pickle.PicklingError, TypeError, AttributeError):
        by_name, main = b"", True
    if by_name and not main:
        return multiprocessing.get_context("spawn")
    if sys.platform == "linux" and "torch" not in sys.modules:
        return multiprocessing.get_context("fork")
    raise OptionError(
        "isolate=True needs a candidate that can be imported by name: put it at the "
        "top level of a module"
    )
