"""The program ``numpy-deconv``: which commands it has, and an example of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NamedTuple

import typer

from ..version import __version__
from .adversarial_commands import adversarial, fool
from .ascent_commands import visualize_class, visualize_unit
from .bench_command import bench
from .data_set_commands import correspondence, invariance, top_patches
from .demo import demo
from .gradient_commands import (
    gradient_times_input,
    guided,
    integrated_gradients,
    saliency,
    smoothgrad,
)
from .heat_commands import grad_cam, guided_grad_cam, lrp, rise
from .inspect_command import inspect
from .judging_commands import max_sensitivity, metrics, sanity_check
from .layer_commands import filters, maps, project
from .listing_commands import backends, classify
from .occlusion_command import occlusion
from .oracle_commands import check, explain, export, mutants, verify
from .repainting_commands import deepdream, invert, style
from .segment_command import segment
from .signals import unwinding
from .training_commands import predict, train


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
        gradient_times_input,
        "gradient-times-input",
        "numpy-deconv gradient-times-input --target flag",
    ),
    Command(
        integrated_gradients,
        "integrated-gradients",
        "numpy-deconv integrated-gradients --steps 20",
    ),
    Command(smoothgrad, "smoothgrad", "numpy-deconv smoothgrad --noise 0.2"),
    Command(grad_cam, "grad-cam", "numpy-deconv grad-cam --layer relu4"),
    Command(guided_grad_cam, "guided-grad-cam", "numpy-deconv guided-grad-cam"),
    Command(lrp, "lrp", "numpy-deconv lrp --composite epsilon_gamma_box"),
    Command(occlusion, "occlusion", "numpy-deconv occlusion --size 12 --stride 4"),
    Command(rise, "rise", "numpy-deconv rise --masks 200"),
    Command(
        metrics,
        "metrics",
        "numpy-deconv metrics --method saliency --method grad_cam --samples 10",
    ),
    Command(
        max_sensitivity,
        "max-sensitivity",
        "numpy-deconv max-sensitivity --method grad_cam --samples 5",
    ),
    Command(
        sanity_check,
        "sanity-check",
        "numpy-deconv sanity-check --method saliency --method guided_backprop",
    ),
    Command(
        top_patches,
        "top-patches",
        "numpy-deconv top-patches --layer relu2 --unit 3 --unit 7",
    ),
    Command(invariance, "invariance", "numpy-deconv invariance --transform rotate"),
    Command(
        correspondence,
        "correspondence",
        "numpy-deconv correspondence a.png b.png --part eye=20-36,24-40",
    ),
    Command(segment, "segment", "numpy-deconv segment --smooth 3"),
    Command(
        visualize_class,
        "visualize-class",
        "numpy-deconv visualize-class --target clock --target heart --steps 50",
    ),
    Command(
        visualize_unit,
        "visualize-unit",
        "numpy-deconv visualize-unit --layer relu4 --unit 3 --steps 20",
    ),
    Command(deepdream, "deepdream", "numpy-deconv deepdream --layer relu4 --steps 3"),
    Command(invert, "invert", "numpy-deconv invert --layer relu2 --steps 20"),
    Command(style, "style", "numpy-deconv style --steps 3"),
    Command(fool, "fool", "numpy-deconv fool --target clock"),
    Command(adversarial, "adversarial", "numpy-deconv adversarial --epsilon 8/255"),
    Command(maps, "maps", "numpy-deconv maps --layer relu2 --unit 0 --unit 7"),
    Command(filters, "filters", "numpy-deconv filters --layer conv1"),
    Command(
        train,
        "train",
        "numpy-deconv train train_list.txt --model emoji_zfnet --epochs 2 "
        "--project-every 893",
    ),
    Command(predict, "predict", "numpy-deconv predict pictures --weights run"),
    Command(inspect, "inspect", "numpy-deconv inspect emoji_zfnet"),
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
