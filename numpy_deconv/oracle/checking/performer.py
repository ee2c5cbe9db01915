"""Calls a kernel on a case, and finds out what else it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...arrays import Array
from ..adapters import Adapter
from ..drawing import Case
from ..operations import Operation
from .candidate import Takes, arguments
from .guards import Guarded, guarded_inputs, poison_heap, poisoned_output
from .time_limit import TimeLimit, time_limit

VIEWING = ("flatten", "flatten.backward", "concat.backward", "pad.backward")
"""Operations whose results are parts of what they were given."""


@dataclass(frozen=True)
class Outcome:
    """A call's results, or the problem that there are none; and side effects.

    ``problem`` is "raises", "hangs", "dies" or "output"; ``complaints`` are what it
    did beside computing, as pairs of a kind and a sentence.
    """

    outputs: Any = None
    problem: str | None = None
    detail: str = ""
    complaints: tuple[tuple[str, str], ...] = ()


@dataclass
class Performer:
    """Runs one candidate, call after call, in this process."""

    kernel: Any
    operation: Operation
    takes: Takes
    adapter: Adapter
    seconds: float
    _previous: list[tuple[Array, Array]] = field(default_factory=list)

    def perform(self, case: Case, like: tuple[tuple[int, ...], str]) -> Outcome:
        """The kernel's outcome; ``like`` is the shape and dtype it should have."""
        arrays, attrs = arguments(case, self.takes, self.operation)
        names = list(case.arrays)[: len(arrays)]
        there = guarded_inputs(arrays, names, case.layouts)
        given = [None if g is None else g.array for g in there]
        target = None
        if self.takes.out:
            target = poisoned_output(like[0], np.dtype(like[1]))
            attrs["out"] = target.array
        poison_heap(int(np.prod(like[0])) * np.dtype(like[1]).itemsize)
        try:
            with time_limit(self.seconds), np.errstate(all="ignore"):
                found = self.adapter.call(
                    self.kernel, given, attrs, self.operation.name
                )
        except TimeLimit:
            return Outcome(
                problem="hangs", detail=f"it was still running after {self.seconds:g} s"
            )
        except KeyboardInterrupt:
            raise
        except (Exception, SystemExit) as error:
            text = str(error).strip().splitlines()
            detail = f"{type(error).__name__}: {text[0] if text else 'no message'}"
            written = self._side_effects(there, names)
            read_only = "read-only" in detail or "not writeable" in detail
            if read_only:
                written = (*written, ("writes input", "it writes into its inputs"))
            return Outcome(problem="raises", detail=detail, complaints=written)
        if found is None and target is not None:
            found = target.array
        return self._settled(found, there, names, target)

    def _settled(
        self,
        found: Any,
        there: list[Guarded | None],
        names: list[str],
        target: Guarded | None,
    ) -> Outcome:
        complaints = list(self._side_effects(there, names))
        for raw, values in self._previous:
            if raw.tobytes() != values.tobytes():
                sentence = "it writes into the output of an earlier call"
                complaints.append(("reuses output", sentence))
                break
        if target is not None and target.complaint("out") is not None:
            zone = target.memory.copy()
            zone[64:-64] = target.before[64:-64]
            if zone.tobytes() != target.before.tobytes():
                complaints.append(("writes outside", "it writes outside of its output"))
        try:
            flat = [a for a in _flat(found) if isinstance(a, np.ndarray)]
        except TypeError:
            flat = []
        views = [
            name
            for name, g in zip(names, there, strict=True)
            if g is not None and any(np.may_share_memory(a, g.memory) for a in flat)
        ]
        if views and self.operation.name not in VIEWING:
            complaints.append(("view", f"its output is a view of its input {views[0]}"))
        kept = _copied(found)
        self._previous = [(a, a.copy()) for a in flat if a.dtype != object and a.size][
            :3
        ]
        return Outcome(kept, complaints=tuple(complaints))

    def _side_effects(
        self, there: list[Guarded | None], names: list[str]
    ) -> tuple[tuple[str, str], ...]:
        said = [
            g.complaint(name)
            for name, g in zip(names, there, strict=True)
            if g is not None
        ]
        return tuple(("writes input", text) for text in said if text)

    def gradients(self, case: Case, grad: Array) -> Outcome:
        """The outcome of the gradients of a forward case."""
        arrays, attrs = arguments(case, self.takes, self.operation)
        copies = [None if a is None else a.copy() for a in arrays]
        try:
            with time_limit(self.seconds), np.errstate(all="ignore"):
                found = self.adapter.gradients(
                    self.kernel, grad.copy(), copies, attrs, self.operation.name
                )
        except TimeLimit:
            return Outcome(
                problem="hangs", detail=f"it was still running after {self.seconds:g} s"
            )
        except KeyboardInterrupt:
            raise
        except (Exception, SystemExit) as error:
            text = str(error).strip().splitlines()
            detail = f"{type(error).__name__}: {text[0] if text else 'no message'}"
            return Outcome(problem="raises", detail=detail)
        return Outcome(_copied(found))


def _flat(found: Any) -> list[Any]:
    if isinstance(found, Mapping):
        return list(found.values())
    return list(found) if isinstance(found, tuple | list) else [found]


def _copied(found: Any) -> Any:
    """The results on memory of their own."""
    if isinstance(found, Mapping):
        return {name: _copied(each) for name, each in found.items()}
    if isinstance(found, tuple | list) and any(np.ndim(f) for f in found):
        return tuple(_copied(each) for each in found)
    return found if found is None else np.array(found)
