"""What a run found, as plain values that go to JSON and come back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.atomic import atomic_write

from .spread import Spread

FORMAT = 1
Status = Literal["timed", "behind", "wrong", "failed"]


@dataclass(frozen=True)
class Entry:
    """One candidate: seconds for the whole case, or why there are none.

    ``behind`` were more than twice as slow as their team's fastest in the warm-up,
    whose time is all there is. ``share`` is the part of the case that was timed.
    """

    name: str
    team: str
    status: Status
    seconds: Spread | None = None
    error: float | None = None
    share: float = 1.0
    why: str = ""


@dataclass(frozen=True)
class Ratio:
    """How many times faster ``ours`` is than ``theirs``, round by round."""

    ours: str
    theirs: str
    times: Spread


@dataclass(frozen=True)
class Outcome:
    """One case: who computed it how fast, ratios, and the share of the ceiling."""

    suite: str
    group: str
    name: str
    batch: int
    flops: float
    bytes: float
    entries: list[Entry]
    ratios: list[Ratio]
    ceiling_share: dict[str, float] = field(default_factory=dict)
    rounds: int = 0
    notes: list[str] = field(default_factory=list)

    def ratio(self, ours: str, theirs: str) -> Ratio | None:
        """That of two teams, if both computed it."""
        teams = {entry.name: entry.team for entry in self.entries}
        for each in self.ratios:
            if (teams[each.ours], teams[each.theirs]) == (ours, theirs):
                return each
        return None


@dataclass(frozen=True)
class Report:
    """A run: when, where, how, and its cases in order."""

    when: str
    machine: dict[str, Any]
    ceiling: dict[str, Any]
    settings: dict[str, Any]
    outcomes: list[Outcome]
    notes: list[str] = field(default_factory=list)
    complete: bool = True

    def write(self, path: str | PathLike[str]) -> None:
        """As JSON; the file is there complete, or as it was."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        with atomic_write(path) as file:
            file.write(text.encode() + b"\n")

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Report:
        """Back from JSON.

        Raises:
            FileFormatError: for a file that no report was written to.
        """
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
            if found.pop("format") != FORMAT:
                raise FileFormatError(f"{path}: a report of another format")
            outcomes = [_outcome(each) for each in found.pop("outcomes")]
            return cls(**found, outcomes=outcomes)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(f"{path}: no report of bench: {error}") from error


def _outcome(found: dict[str, Any]) -> Outcome:
    entries = [
        Entry(**{**e, "seconds": Spread(*e["seconds"]) if e["seconds"] else None})
        for e in found.pop("entries")
    ]
    ratios = [Ratio(**{**r, "times": Spread(*r["times"])}) for r in found.pop("ratios")]
    return Outcome(**found, entries=entries, ratios=ratios)
