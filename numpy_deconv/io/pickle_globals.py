"""What the global names in a pickle become: inert markers, known or foreign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Build = Callable[[tuple[Any, ...]], object]

_LONGEST_NAME = 100


class Refused(Exception):
    """Why a file is refused: a sentence without its subject, which is the file."""


@dataclass(frozen=True)
class Known:
    """A global that a file may name.

    ``build`` is a function of ours that takes the place of calling it; ``refusal``
    says instead why a file that names it cannot be read.
    """

    build: Build | None = None
    refusal: str | None = None


@dataclass(frozen=True)
class Foreign:
    """A global on no allow-list; whatever uses it is refused by its name."""

    name: str

    @classmethod
    def of(cls, name: str) -> Foreign:
        """The marker for ``name``, made fit for one line of a message."""
        shown = name if name.isprintable() else ascii(name)
        if len(shown) > _LONGEST_NAME:
            shown = shown[: _LONGEST_NAME - 3] + "..."
        return cls(shown)

    def refuse_call(self) -> Refused:
        """The refusal of a file that would have this called."""
        return Refused(
            f"asks to call {self.name}, which plain weights never need; "
            "refused, and nothing in it was run"
        )

    def refuse_object(self) -> Refused:
        """The refusal of a file that holds an instance of this, such as a model."""
        return Refused(
            f"holds a Python object of class {self.name}, not plain weights; nothing "
            "in it was run: if it is a whole model, save model.state_dict() instead"
        )

    def refuse_mention(self) -> Refused:
        """The refusal of a file that names this without using it."""
        return Refused(
            f"refers to {self.name}, which is no part of plain weights; "
            "refused, and nothing in it was run"
        )


class Ignored:
    """Stands for an object that is read over, since it can be no weight."""


class Stateful:
    """Something whose state the machine puts aside instead of setting attributes."""

    state: object = None


class Instance(Ignored, Stateful):
    """An object of a foreign class: the class's name and a state, no behaviour."""

    def __init__(self, kind: Foreign) -> None:
        self.kind = kind
