"""Commands that deceive a network: ``fool``, ``adversarial``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .ascent_options import checked_rate
from .options import (
    Pictures,
    Seed,
    Targets,
)
from .progress import step
from .session import session
from .setup import HERE, Question, Setup, with_tables

if TYPE_CHECKING:
    from ..methods import Adversarial, Fooling


class Method(StrEnum):
    """The attacks of ``numpy_deconv.methods``."""

    fgsm = "fgsm"
    pgd = "pgd"


class NormName(StrEnum):
    """How far a change goes is measured by this."""

    linf = "linf"
    l2 = "l2"


@with_tables
def fool(
    target: Targets,
    pictures: Pictures = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Give up after this many steps.")
    ] = 100,
    rate: Annotated[
        float, typer.Option("--rate", help="Length of a step.", callback=checked_rate)
    ] = 1.0,
    setup: Setup = HERE,
) -> None:
    """Change a picture a little until the network takes it for another class.

    Writes the fooling picture, and original, magnified change and fooling picture side
    by side. Szegedy et al. 2014, by the procedure of cs231n.
    """
    with session(setup.backend, setup.debug, setup.out) as work:
        from ..methods import fooling_image
        from .inputs import find_class, open_model, open_pictures

        known = open_model(setup.model, setup.labels)
        classes = [find_class(known, text) for text in target]
        batch = open_pictures(known, pictures)
        work.about = {"model": known.name, "weights": known.weights_source}
        for sample, file in enumerate(batch.names):
            for index in classes:
                label = known.label(index)
                with step(f"fooling image: {file} as {label}") as progress:
                    x = batch.x[sample : sample + 1]
                    found = fooling_image(
                        known, x, index, steps=steps, lr=rate, progress=progress
                    )
                typer.echo(f"{file}: {_outcome(found, label)}")
                work.about |= {"picture": file, "class": label}
                name = f"{file}-as-{index:03d}"
                work.save(f"{name}-story.png", found.story(), found.settings)
                work.keep(f"{name}.png", found)


def _outcome(found: Fooling, label: str) -> str:
    was, now = found.before[0], found.after[0]
    story = (
        f"{was.label} ({was.probability:.1%}) became {now.label} "
        f"({now.probability:.1%}) after {found.steps} steps"
    )
    return story if found.fooled else f"{story}, not {label}: try more --steps"


def parse_share(text: str | None) -> float | None:
    """``"8/255"`` or ``"0.03"`` as a number above 0 and at most a million.

    Raises typer.BadParameter, which is wrong usage, for anything else.
    """
    if text is None:
        return None
    above, _, below = text.partition("/")
    try:
        share = float(above) / (float(below) if below else 1.0)
    except (ValueError, ZeroDivisionError):
        share = 0.0
    if not 0 < share <= 1e6:
        raise typer.BadParameter(
            f"--epsilon {text!r} is no size: write a share of the range of pixels, "
            "8/255 or 0.03"
        )
    return share


@with_tables
def adversarial(
    pictures: Pictures = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="CLASS",
            help="A class to reach: its number or its name. [default: any but what the "
            "network sees]",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        Method, typer.Option("--method", help="One step of its size, or many smaller.")
    ] = Method.pgd,
    norm: Annotated[
        NormName,
        typer.Option(
            "--norm", help="For pgd: the largest change of a value, or their L2 norm."
        ),
    ] = NormName.linf,
    epsilon: Annotated[
        str | None,
        typer.Option(
            "--epsilon",
            metavar="SIZE",
            help="How far a picture may go, in shares of the range of pixels. "
            "[default: 8/255; 3 for l2]",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="For pgd: how many steps.")
    ] = 20,
    seed: Seed = 0,
    setup: Setup = HERE,
) -> None:
    """Change every pixel too little to see, so that the network sees another class.

    Writes the changed picture, and original, magnified change and changed picture side
    by side. Goodfellow et al. 2015 (fgsm), Madry et al. 2018 (pgd).
    """
    size = parse_share(epsilon)
    if method is Method.fgsm and norm is NormName.l2:
        raise typer.BadParameter("--norm l2 is for --method pgd: fgsm changes signs")
    with session(setup.backend, setup.debug, setup.out) as work:
        from ..methods import fgsm, pgd
        from ..methods.adversarial import EPSILON
        from .inputs import opened

        asked = Question(pictures, None if target is None else [target])
        known, wanted, batch = opened(work, setup, asked)
        with step(f"adversarial examples by {method}") as progress:
            if method is Method.fgsm:
                found = fgsm(known, batch.x, wanted, epsilon=size or EPSILON)
            else:
                found = pgd(
                    known,
                    batch.x,
                    wanted,
                    norm=norm.value,
                    epsilon=size,
                    steps=steps,
                    seed=seed,
                    progress=progress,
                )
        for sample, file in enumerate(batch.names):
            typer.echo(f"{file}: {_change(found, sample)}")
            settings = {**found.settings, "picture": file}
            work.save(f"{file}-{method}-story.png", found.story(sample), settings)
            work.save(f"{file}-{method}.png", found.drawn(sample), settings)
        if "interrupted_at" in found.settings:
            raise KeyboardInterrupt


def _change(found: Adversarial, sample: int) -> str:
    was, now = found.before[sample], found.after[sample]
    story = (
        f"{was.label} ({was.probability:.1%}) became {now.label} "
        f"({now.probability:.1%})"
    )
    reached = found.fooled[sample]
    return story if reached else f"{story}: try a larger --epsilon"
