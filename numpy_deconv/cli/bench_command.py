"""The command ``bench``: how fast this machine computes, and how fast others do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import Debug
from .session import session
from .signals import SIGNALLED

Listed = Annotated[
    str | None,
    typer.Option(
        "--suite",
        metavar="NAMES",
        help="layers, nets, projection, methods, startup; several with commas. "
        "[default: all]",
        show_default=False,
    ),
]


def bench(
    suite: Listed = None,
    against: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="NAMES",
            help="torch, onnxruntime, jax; several with commas; none for nobody.",
        ),
    ] = "torch",
    backends: Annotated[
        str | None,
        typer.Option(
            "--backends",
            metavar="NAMES",
            help="Backends, several with commas. [default: numpy, and numba if ready]",
            show_default=False,
        ),
    ] = None,
    only: Annotated[
        str, typer.Option("--only", metavar="TEXT", help="Cases with this in the name.")
    ] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="One small case of each kind.")
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            help="For the rounds of each case. [default: 1, or 0.2 with --quick]",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            min=1,
            help="For everybody. [default: as many as there are cores]",
            show_default=False,
        ),
    ] = None,
    plain_allocator: Annotated[
        bool,
        typer.Option(
            "--plain-allocator", help="Leave the allocator as it comes, for everybody."
        ),
    ] = False,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write every number there."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.svg", help="Draw the summary there."),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE", help="Write tables to read there."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Time our backends beside other frameworks, on the same work.

    Every candidate is checked before it is timed. The measuring runs in a process of
    its own, in which all have the same threads and the same allocator. When
    interrupted, what was measured so far is kept.
    """
    with session(None, debug):
        from ..benchmarks import plan as planning
        from ..benchmarks.launch import launch

        usual = planning.QUICK_SECONDS if quick else planning.SECONDS
        plan = planning.Plan(
            suites=_names(suite) or planning.SUITES,
            against=() if against == "none" else _names(against),
            backends=_names(backends) or planning.default_backends(),
            seconds=usual if seconds is None else seconds,
            threads=threads or planning.default_threads(),
            only=only,
            quick=quick,
            plain_allocator=plain_allocator,
            json=planning.absolute(json),
            plot=planning.absolute(plot),
            markdown=planning.absolute(markdown),
        ).checked()
        status = launch(plan)
    if status:
        # Of a process that a signal ended, Python gives the number below zero.
        raise typer.Exit(status if status > 0 else SIGNALLED - status)


def _names(text: str | None) -> tuple[str, ...]:
    """``"layers, nets"`` as its names, each once."""
    parts = [part.strip() for part in (text or "").split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))
