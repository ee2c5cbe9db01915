"""What several commands are told in the same words, each table of options once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, NamedTuple, get_type_hints

from .ascent_options import Every, Rate, Steps
from .options import (
    DEFAULT_MODEL,
    DEFAULT_OUT,
    BackendName,
    Debug,
    Elsewhere,
    Labels,
    ModelName,
    Out,
    Pictures,
    Rules,
    RulesName,
    Seed,
    Target,
)

Command = Callable[..., None]


class Setup(NamedTuple):
    """Which network, with what computed, and where to."""

    model: ModelName = DEFAULT_MODEL
    labels: Labels = None
    out: Out = DEFAULT_OUT
    backend: BackendName = None
    debug: Debug = False


class Question(NamedTuple):
    """Which pictures, and which class of each."""

    pictures: Pictures = None
    target: Target = None


class Climb(NamedTuple):
    """How a picture climbs: in which steps, and what is shown of the way."""

    steps: Steps = None
    rate: Rate = None
    every: Every = None
    seed: Seed = 0

    def told(self, progress: Any) -> dict[str, Any]:
        """The same as options of a method of ``numpy_deconv.methods``."""
        return {
            "steps": self.steps,
            "learning_rate": self.rate,
            "every": self.every,
            "seed": self.seed,
            "progress": progress,
        }


class Way(NamedTuple):
    """How a signal goes down from a layer to the pixels."""

    rules: Rules = RulesName.deconvnet
    gradient_elsewhere: Elsewhere = False


HERE, ASKED, AS_PUBLISHED, DECONVNET = Setup(), Question(), Climb(), Way()
"""The defaults of a command's parameters; typer never sees them."""

TABLES: dict[str, Any] = {
    "setup": Setup,
    "question": Question,
    "climb": Climb,
    "way": Way,
}
"""By the name of the parameter that stands for all options of the table."""


def with_tables(command: Command) -> Command:
    """Decorator: the options of each table in place of the parameter of its name.

    The function gets the table; the command line sees every option of it.
    """
    own = inspect.signature(command).parameters.values()
    hints = get_type_hints(command, include_extras=True)
    tables = {p.name: TABLES[p.name] for p in own if p.name in TABLES}
    parameters = [each for p in own for each in _spread(p, hints)]

    @wraps(command)
    def told(**given: Any) -> None:
        for name, table in tables.items():
            given[name] = table(*(given.pop(field) for field in table._fields))
        command(**given)

    told.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    told.__annotations__ = {p.name: p.annotation for p in parameters}
    return told


def _spread(
    parameter: inspect.Parameter, hints: dict[str, Any]
) -> Iterator[inspect.Parameter]:
    """A parameter as typer is to see it: a table as one for each of its fields."""
    table = TABLES.get(parameter.name)
    if table is None:
        yield parameter.replace(annotation=hints[parameter.name])
        return
    kinds = get_type_hints(table, include_extras=True)
    for name in table._fields:
        yield inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=table._field_defaults[name],
            annotation=kinds[name],
        )
