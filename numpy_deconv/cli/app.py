"""The program ``numpy-deconv``: which commands it has, and an example of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple

import typer

from ..version import __version__
from .ascent_commands import fool, visualize_class
from .bench_command import bench
from .demo import demo
from .gradient_commands import guided, saliency
from .layer_commands import filters, maps, project
from .listing_commands import backends, classify
from .oracle_commands import check, explain, export, mutants, verify
from .signals import unwinding


class Command(NamedTuple):
    """A function, the name it has on the command line, and a call that works."""

    function: Callable[..., None]
    name: str
    example: str


COMMANDS = (
    Command(demo, "demo", "numpy-deconv demo --out numpy-deconv-demo"),
    Command(classify, "classify", "numpy-deconv classify --top 3"),
    Command(project, "project", "numpy-deconv project --layer relu4 --top 9"),
    Command(saliency, "saliency", "numpy-deconv saliency --out deconv"),
    Command(guided, "guided", "numpy-deconv guided --target flag"),
    Command(
        visualize_class,
        "visualize-class",
        "numpy-deconv visualize-class --target clock --target heart --steps 50",
    ),
    Command(fool, "fool", "numpy-deconv fool --target clock"),
    Command(maps, "maps", "numpy-deconv maps --layer relu2 --unit 0 --unit 7"),
    Command(filters, "filters", "numpy-deconv filters --layer conv1"),
    Command(backends, "backends", "numpy-deconv backends"),
    Command(
        bench,
        "bench",
        "numpy-deconv bench --quick --only alexnet --suite layers --backends numpy",
    ),
    Command(
        check, "check", "numpy-deconv check numpy_deconv:conv --op conv --examples 50"
    ),
    Command(export, "export", "numpy-deconv export --op conv --n 20 --out cases"),
    Command(verify, "verify", "numpy-deconv verify cases"),
    Command(explain, "explain", "numpy-deconv explain case.npz"),
    Command(mutants, "mutants", "numpy-deconv mutants --op max_pool"),
)

app = typer.Typer(
    name="numpy-deconv",
    help="Look inside convolutional networks, with NumPy.",
    epilog="Start with: numpy-deconv demo",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in COMMANDS:
    app.command(command.name, epilog=f"Example: {command.example}")(command.function)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"numpy-deconv {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and stop.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Look inside convolutional networks, with NumPy."""


def main() -> None:
    """Run the command line; leaves with a status for the shell.

    0 is done, 1 failed, 2 wrong usage, 130 Ctrl-C, 128 + n stopped by signal n.
    """
    with unwinding():
        app(prog_name="numpy-deconv")
