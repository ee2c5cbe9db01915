"""The command ``inspect``: what a file of weights holds, layer by layer."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import BackendName, Debug
from .session import session


def inspect(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME",
            help="A file of weights or of a net, ARCHITECTURE:FILE, or a model's name.",
            show_default=False,
        ),
    ],
    architecture: Annotated[
        str | None,
        typer.Option(
            "--architecture",
            metavar="NAME",
            help="Whose weights these are. [default: found by their names]",
            show_default=False,
        ),
    ] = None,
    backend: BackendName = None,
    debug: Debug = False,
) -> None:
    """List a network's layers: shapes, parameters, and what each unit sees.

    A unit at position p of a layer sees the pixels from start + p * jump on, as many as
    its field says; start is negative where padding is seen. Weights that make no known
    network are listed as they are, with what the nearest one would need.
    """
    with session(backend, debug):
        from ..models import inspect_model

        typer.echo(inspect_model(file, architecture=architecture))
