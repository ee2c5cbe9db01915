"""What every command that opens a network is told in the same words: once, here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, get_type_hints

from .options import (
    DEFAULT_MODEL,
    DEFAULT_OUT,
    BackendName,
    Debug,
    Labels,
    ModelName,
    Out,
)

Command = Callable[..., None]


class Setup(NamedTuple):
    """Which network, with what computed, and where to."""

    model: ModelName = DEFAULT_MODEL
    labels: Labels = None
    out: Out = DEFAULT_OUT
    backend: BackendName = None
    debug: Debug = False


HERE = Setup()
"""The default of a command's parameter ``setup``; typer never sees it."""


def with_setup(command: Command) -> Command:
    """Decorator: the options of :class:`Setup` in place of the parameter ``setup``.

    They come last in the help, after the command's own.
    """

    @wraps(command)
    def told(**given: Any) -> None:
        setup = Setup(*(given.pop(name) for name in Setup._fields))
        command(**given, setup=setup)

    hints = get_type_hints(command, include_extras=True)
    del hints["setup"]
    shared = get_type_hints(Setup, include_extras=True)
    own = inspect.signature(command).parameters.values()
    parameters = [p.replace(annotation=hints[p.name]) for p in own if p.name in hints]
    parameters += [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=Setup._field_defaults[name],
            annotation=shared[name],
        )
        for name in Setup._fields
    ]
    told.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    told.__annotations__ = {**hints, **shared}
    return told
