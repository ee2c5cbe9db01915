"""What to measure, checked before anything is: suites, contenders, time, files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from numpy_deconv.errors import BackendError, OptionError, OutputError
from numpy_deconv.registry import available_backends

SUITES = ("layers", "nets", "projection", "methods", "startup")
RIVALS = ("torch", "onnxruntime", "jax")
SECONDS, QUICK_SECONDS = 1.0, 0.2


@dataclass(frozen=True)
class Plan:
    """A run of the benchmarks; a value that goes to another process as JSON.

    ``seconds`` bound the rounds of each case, ``only`` keeps cases whose title
    contains it. ``quick`` takes one case of each group at batch 1.
    """

    suites: tuple[str, ...] = SUITES
    against: tuple[str, ...] = ("torch",)
    backends: tuple[str, ...] = ("numpy",)
    seconds: float = SECONDS
    threads: int = 1
    only: str = ""
    quick: bool = False
    plain_allocator: bool = False
    json: str | None = None
    plot: str | None = None
    markdown: str | None = None

    def __post_init__(self) -> None:
        for name in ("suites", "against", "backends"):
            object.__setattr__(self, name, tuple(getattr(self, name)))

    def checked(self) -> Plan:
        """The same plan if it can be carried out.

        Raises:
            OptionError: for an unknown suite or framework, or numbers out of range.
            BackendError: for a backend that is unknown or not ready.
            OutputError: for a file that cannot be written.
        """
        known("suite", self.suites, SUITES)
        known("framework", self.against, RIVALS)
        if not self.backends:
            raise OptionError("no backend is named: give --backends numpy, for one")
        states = available_backends()
        for name in self.backends:
            if name not in states:
                registered = ", ".join(repr(each) for each in states)
                raise BackendError(
                    f"there is no backend {name!r}: registered are {registered}"
                )
            if not states[name].ready:
                raise BackendError(states[name].detail)
        if not 0 < self.seconds < float("inf"):
            raise OptionError(f"seconds is {self.seconds:g}, but must be more than 0")
        if self.threads < 1:
            raise OptionError(f"threads is {self.threads}, but must be 1 or more")
        for file in (self.json, self.plot, self.markdown):
            if file is not None:
                check_writable(Path(file))
        return self

    def to_json(self) -> str:
        """For another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """What :meth:`to_json` gave."""
        return cls(**json.loads(text))


def known(kind: str, names: Iterable[str], choices: Sequence[str]) -> None:
    """Raise OptionError for a name that is not among the choices."""
    for name in names:
        if name not in choices:
            raise OptionError(
                f"there is no {kind} {name!r} to measure: choose from "
                f"{', '.join(choices)}"
            )


def check_writable(path: Path) -> None:
    """Raise OutputError, before an hour of measuring, for a file that cannot be."""
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it")
    above = next(each for each in path.parents if each.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise OutputError(f"cannot write {path}: {above} is no folder to write in")


def default_threads() -> int:
    """As many as the environment allows a backend, else as there are cores for us."""
    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(variable, "").isdecimal():
            return max(1, int(os.environ[variable]))
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def default_backends() -> tuple[str, ...]:
    """The reference, and numba where it is ready."""
    states = available_backends()
    ready = "numba" in states and states["numba"].ready
    return ("numpy", "numba") if ready else ("numpy",)


def absolute(path: Path | None) -> str | None:
    """A path that means the same from everywhere."""
    return None if path is None else str(path.absolute())
