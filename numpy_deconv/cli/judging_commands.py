"""Commands that judge attributions: ``metrics``, ``sanity-check``."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Seed
from .progress import step
from .session import Session, session
from .setup import ASKED, HERE, Question, Setup, with_tables

if TYPE_CHECKING:
    from ..methods import Attribution, Removal


class MethodName(StrEnum):
    """The attributions of ``numpy_deconv.methods``, by name."""

    saliency = "saliency"
    gradient_times_input = "gradient_times_input"
    guided_backprop = "guided_backprop"
    integrated_gradients = "integrated_gradients"
    smoothgrad = "smoothgrad"
    grad_cam = "grad_cam"
    guided_grad_cam = "guided_grad_cam"
    lrp = "lrp"
    rise = "rise"


CHECKED = [MethodName.saliency, MethodName.guided_backprop]
COMPARED = [
    MethodName.saliency,
    MethodName.guided_backprop,
    MethodName.integrated_gradients,
    MethodName.grad_cam,
    MethodName.lrp,
]

Methods = Annotated[
    list[MethodName],
    typer.Option("--method", help="An attribution; several times for several."),
]


@with_tables
def metrics(
    question: Question = ASKED,
    method: Methods = COMPARED,
    samples: Annotated[
        int,
        typer.Option("--samples", min=2, help="Random changes for each number."),
    ] = 20,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Of deletion and insertion.")
    ] = 50,
    seed: Seed = 0,
    setup: Setup = HERE,
) -> None:
    """How faithful each attribution is, in numbers, and the curves behind them.

    Deletion (less is better) and insertion (more is better), Petsiuk et al. 2018;
    infidelity (less), its attribution scaled to fit, Yeh et al. 2019; sensitivity-n
    (more), Ancona et al. 2018: means over the pictures.
    """
    with session(setup.backend, setup.debug, setup.out) as work:
        from .. import methods
        from ..methods.drawing import grid
        from ..methods.plotting import plot
        from .inputs import opened

        known, wanted, batch = opened(work, setup, question)
        typer.echo(f"{'':<22}deletion  insertion  infidelity  sensitivity-n")
        curves: dict[str, list[Any]] = {"deletion": [], "insertion": []}
        table: dict[str, Any] = {}
        for name in dict.fromkeys(method):
            with step(name.value) as progress:
                found = getattr(methods, name.value)(known, batch.x, wanted)
                made = {
                    how: getattr(methods, how)(
                        known, batch.x, found, steps=steps, progress=progress
                    )
                    for how in curves
                }
                row: dict[str, float | None] = {
                    how: _mean(each.area) for how, each in made.items()
                }
                row |= _drawn_by_chance(known, batch.x, found, samples, seed)
            for how, each in made.items():
                curves[how].append(_curve(name.value, each))
            table[name.value] = row
            cells = [row[key] for key in ("deletion", "insertion")]
            cells += [row["infidelity"], row["sensitivity_n"]]
            typer.echo(f"{name.value:<22}" + "".join(_cell(cell) for cell in cells))
        drawn = [
            plot(lines, f"probability ({how})", "share of the pixels", (0, 1))
            for how, lines in curves.items()
        ]
        settings = {
            **made["deletion"].settings,
            "method": "metrics",
            "area": None,
            "table": table,
            "samples": samples,
            "seed": seed,
            "pictures": batch.names,
        }
        work.save("metrics.png", grid(drawn, 2), settings)


def _drawn_by_chance(
    known: Any, x: Any, found: Attribution, samples: int, seed: int
) -> dict[str, float | None]:
    from ..methods import infidelity, sensitivity_n

    options: dict[str, Any] = {"samples": samples, "seed": seed}
    fits = found.pixels.shape == x.shape  # a heat map has no number for each channel
    return {
        "infidelity": _mean(
            infidelity(known, x, found, normalize=True, **options).values
        )
        if fits
        else None,
        "sensitivity_n": _mean(sensitivity_n(known, x, found, **options).pixels),
    }


def _mean(values: Any) -> float:
    import numpy as np

    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return float(known.mean()) if known.size else float("nan")


def _cell(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.3g'):>10} "


def _curve(name: str, found: Removal) -> Any:
    from ..methods.plotting import Line

    return Line(name, found.shares, found.pixels.mean(axis=0))


@with_tables
def sanity_check(
    question: Question = ASKED,
    method: Methods = CHECKED,
    stages: Annotated[
        int | None,
        typer.Option(
            "--stages",
            min=1,
            help="Comparisons, evenly over the layers. [default: one for each layer]",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    setup: Setup = HERE,
) -> None:
    """Does an attribution notice when the net loses its weights, layer by layer?

    For each method: what it shows as ever more layers become noise, from the top, and
    how alike that is to the first. One that hardly changes shows the picture, not the
    net. Adebayo et al. 2018.
    """
    with session(setup.backend, setup.debug, setup.out) as work:
        options = {"stages": stages, "seed": seed}
        request = work, setup, question
        for name, found, files in _judged(
            "randomisation_check", "sanity check", method, request, options
        ):
            last = float(found.spearman_abs[0].mean())
            every = float(found.spearman_abs[-1].mean())
            typer.echo(
                f"{name}: rank correlation {last:.2f} after {found.layers[0]}, "
                f"{every:.2f} after {found.layers[-1]}"
            )
            for sample, file in enumerate(files):
                settings = {**found.settings, "picture": file}
                file_name = f"{file}-sanity-{name}-maps.png"
                work.save(file_name, found.maps(sample), settings)
            work.keep(f"sanity-{name}.png", found)


@with_tables
def max_sensitivity(
    question: Question = ASKED,
    method: Methods = CHECKED,
    radius: Annotated[
        float,
        typer.Option("--radius", min=0, help="Most that a number of the input moves."),
    ] = 0.02,
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Random changes of each picture.")
    ] = 10,
    seed: Seed = 0,
    setup: Setup = HERE,
) -> None:
    """How much an attribution itself changes when the picture hardly does: 0 is steady.

    Writes each picture's attribution, and beside it the one of a picture nearby that
    is furthest from it. Yeh et al. 2019.
    """
    with session(setup.backend, setup.debug, setup.out) as work:
        options = {"radius": radius, "samples": samples, "seed": seed}
        request = work, setup, question
        for name, found, files in _judged(
            "max_sensitivity", "sensitivity", method, request, options
        ):
            for sample, file in enumerate(files):
                typer.echo(f"{file}: {name} moves by {found.values[sample]:.3g}")
                work.about |= {"picture": file}
                file_name = f"{file}-max-sensitivity-{name}.png"
                work.keep(file_name, found, found.drawn(sample))


def _judged(
    judge: str,
    label: str,
    judged: list[MethodName],
    request: tuple[Session, Setup, Question],
    options: dict[str, Any],
) -> Iterator[tuple[str, Any, list[str]]]:
    """Of each attribution: its name, what ``judge`` of ``methods`` finds, the files."""
    from .. import methods
    from .inputs import opened

    known, wanted, batch = opened(*request)
    judging = getattr(methods, judge)
    attributions = {name: getattr(methods, name.value) for name in judged}
    for name, attribution in attributions.items():
        with step(f"{label} of {name.value}") as progress:
            found = judging(
                attribution, known, batch.x, wanted, progress=progress, **options
            )
        yield name.value, found, batch.names
