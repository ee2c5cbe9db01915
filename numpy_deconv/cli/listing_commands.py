"""Commands that print and write nothing: ``classify``, ``backends``."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from .options import (
    DEFAULT_MODEL,
    BackendName,
    Debug,
    Labels,
    ModelName,
    Pictures,
)
from .session import session


def classify(
    pictures: Pictures = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many classes.")] = 5,
    model: ModelName = DEFAULT_MODEL,
    labels: Labels = None,
    backend: BackendName = None,
    debug: Debug = False,
) -> None:
    """Name the most probable classes of each picture."""
    with session(backend, debug):
        from .. import methods
        from .inputs import open_model, open_pictures

        known = open_model(model, labels)
        batch = open_pictures(known, pictures)
        found = methods.classify(known, batch.x, top)
        for name, guesses in zip(batch.names, found.top, strict=True):
            typer.echo(name)
            for guess in guesses:
                typer.echo(f"  {guess.probability:6.1%}  {guess.label} ({guess.index})")


def backends(
    warm: Annotated[
        str | None,
        typer.Option(
            "--warm", help="Compile this backend's kernels now.", metavar="NAME"
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """List what can compute here, and for the rest what is missing.

    Any that is ready can be given as --backend, or in NUMPY_DECONV_BACKEND.
    """
    with session(None, debug):
        from ..registry import available_backends, get_backend

        if warm is not None:
            start = time.perf_counter()
            get_backend(warm).warm()
            seconds = time.perf_counter() - start
            typer.echo(f"{warm} has all its kernels ({seconds:.1f} s)")
            return
        states = available_backends().values()
        width = max(len(state.name) for state in states)
        for state in states:
            mark = "ready" if state.ready else "not ready"
            detail = "" if state.ready else f"  {state.detail}"
            typer.echo(f"{state.name:<{width}}  {mark}{detail}")
