"""Commands that judge kernels: ``check``, ``export``, ``verify``, ``explain``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import Debug, Out, Seed
from .session import FAILED, session

Op = Annotated[
    str, typer.Option("--op", metavar="NAME", help="The operation: conv, max_pool ...")
]
Meaning = Annotated[
    str,
    typer.Option(
        "--semantics", metavar="NAME", help="torch, numpy_deconv, onnx, tf, jax, tosa."
    ),
]
Arithmetic = Annotated[
    str | None,
    typer.Option(
        "--numerics",
        metavar="NAME",
        help="f32, tf32, bf16, f16-out ... [default: the arrays' own]",
        show_default=False,
    ),
]
Dtypes = Annotated[
    list[str] | None,
    typer.Option(
        "--dtype",
        metavar="NAME",
        help="May be given several times. [default: float32]",
        show_default=False,
    ),
]
Ranks = Annotated[
    list[int] | None,
    typer.Option(
        "--rank",
        min=1,
        max=3,
        help="Number of spatial axes, several times. [default: 2, 1 and 3]",
        show_default=False,
    ),
]


def check(
    candidate: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FUNCTION",
            help="What to judge; with --adapter command a command line that contains "
            "{input} and {output}.",
        ),
    ],
    op: Op,
    semantics: Meaning = "torch",
    numerics: Arithmetic = None,
    dtype: Dtypes = None,
    rank: Ranks = None,
    layout: Annotated[
        list[str] | None,
        typer.Option(
            "--layout",
            metavar="NAME",
            help="C, channels_last, strided, neg_step, offset; several times. "
            "[default: all]",
            show_default=False,
        ),
    ] = None,
    grad: Annotated[
        list[str] | None,
        typer.Option(
            "--grad", metavar="INPUT", help="Judge this gradient too; several times."
        ),
    ] = None,
    adapter: Annotated[
        str,
        typer.Option(
            "--adapter",
            metavar="NAME",
            help="numpy, torch, torch:cuda, cupy, jax, dlpack, command, onnx.",
        ),
    ] = "numpy",
    examples: Annotated[
        int, typer.Option("--examples", min=1, help="How many calls to draw.")
    ] = 300,
    seconds: Annotated[
        float, typer.Option("--seconds", help="For how long at most.")
    ] = 60.0,
    seed: Seed = 0,
    strict: Annotated[
        bool, typer.Option("--strict", help="What is suspicious fails.")
    ] = False,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the report there."),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE.xml", help="Write it for a CI there."),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option("--markdown", metavar="FILE.md", help="Write it to read there."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="CASE.npz", help="Keep the failing case there."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Judge a kernel of yours, and say what is wrong with it.

    It runs in a process of its own, which may hang or die. The status is 1 if it fails
    or if the check had too little power to tell.
    """
    with session(None, debug):
        from .. import oracle
        from .oracle_files import write_text

        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        report = oracle.check(
            candidate,
            op=op,
            grads=tuple(grad or ()),
            semantics=semantics,
            numerics=numerics,
            dtypes=tuple(dtype or ("float32",)),
            ranks=tuple(rank or (2, 1, 3)),
            layouts=None if layout is None else tuple(layout),
            adapter=adapter,
            budget=oracle.Budget(examples=examples, seconds=seconds),
            seed=seed,
            strict=strict,
            isolate=True,
        )
        typer.echo(str(report))
        for path, text in (
            (json, report.to_json),
            (junit, report.to_junit),
            (markdown, report.to_markdown),
        ):
            if path is not None:
                write_text(path, text())
        if save is not None and report.failure is not None:
            typer.echo(f"wrote {report.failure.save(save)}")
    if not report.ok:
        raise typer.Exit(FAILED)


def export(
    out: Out = Path("oracle-cases"),
    op: Op = "conv",
    n: Annotated[int, typer.Option("--n", min=1, help="How many cases.")] = 100,
    format: Annotated[
        str, typer.Option("--format", metavar="NAME", help="npz, onnx-node, c-array.")
    ] = "npz",
    mode: Annotated[
        str, typer.Option("--mode", metavar="NAME", help="exact, bound, specials.")
    ] = "exact",
    semantics: Annotated[
        str | None,
        typer.Option(
            "--semantics",
            metavar="NAME",
            help="[default: torch, or onnx for onnx-node]",
            show_default=False,
        ),
    ] = None,
    numerics: Arithmetic = None,
    dtype: Dtypes = None,
    rank: Ranks = None,
    seed: Seed = 0,
    debug: Debug = False,
) -> None:
    """Write cases with their true results, for a kernel that Python cannot call."""
    with session(None, debug):
        from .. import oracle

        made = oracle.export(
            out,
            op=op,
            count=n,
            format=format,
            mode=mode,
            semantics=semantics,
            numerics=numerics,
            dtypes=tuple(dtype or ("float32",)),
            ranks=tuple(rank or (2, 1, 3)),
            seed=seed,
        )
        typer.echo(f"{len(made)} cases of {op} are in {out}")
        typer.echo("put each result beside its case, as case_0000.out.npz, and verify")


def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What export wrote, and results.")
    ],
    show: Annotated[
        int, typer.Option("--show", min=0, help="How many failures to print.")
    ] = 10,
    debug: Debug = False,
) -> None:
    """Judge results that were computed elsewhere, by the bounds beside the data."""
    with session(None, debug):
        from .. import oracle
        from ..oracle.exchange.verification import summary

        verdicts = oracle.verify(folder)
        bad = [v for v in verdicts if v.verdict != "PASS"]
        for verdict in bad[:show]:
            typer.echo(f"{verdict.case}: {verdict.verdict}: {verdict.reason}")
        typer.echo(summary(verdicts))
    if bad:
        raise typer.Exit(FAILED)


def explain(
    case: Annotated[Path, typer.Argument(metavar="CASE.npz", help="A kept case.")],
    debug: Debug = False,
) -> None:
    """Say what a kept case is, what it should give, and what is wrong with it."""
    with session(None, debug):
        from ..oracle import load_case
        from ..oracle.checking.explanation import explained

        found, stored = load_case(case)
        outputs = {
            name.removeprefix("out."): array
            for name, array in stored.items()
            if name.startswith("out.")
        }
        for sentence in explained(found, outputs):
            typer.echo(sentence)


def mutants(
    suite: Annotated[
        str | None,
        typer.Argument(
            metavar="MODULE:FUNCTION",
            help="A test of yours: called with a kernel, it raises or returns False "
            "if the kernel is wrong.",
        ),
    ] = None,
    op: Annotated[
        str | None, typer.Option("--op", metavar="NAME", help="Of this operation only.")
    ] = None,
    debug: Debug = False,
) -> None:
    """List the shipped wrong kernels, or see how many of them a test notices."""
    with session(None, debug):
        from .. import oracle
        from .oracle_files import survivors

        found = oracle.mutants(op)
        if suite is None:
            for each in found:
                typer.echo(f"{each.name}: {each.description}")
            typer.echo(f"{len(found)} mutants")
            return
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        left = survivors(suite, op)
        for each in left:
            typer.echo(f"not noticed: {each.name}: {each.description}")
        typer.echo(f"{len(found) - len(left)} of {len(found)} mutants are noticed")
