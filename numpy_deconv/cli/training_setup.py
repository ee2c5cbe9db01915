"""From the options of ``train`` to the weights, pictures and recipe of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from ..errors import OptionError
from ..io.atomic import atomic_write
from ..io.weights import read_weights
from ..training import SGD, Adam, AdamW, Constant, Cosine, StepDecay
from .progress import step
from .training_options import OptimizerName, ScheduleName

if TYPE_CHECKING:
    from ..models import Architecture, Preprocess
    from ..training import (
        Augmentation,
        Listing,
        Optimizer,
        Pictures,
        Schedule,
        Training,
    )

NAMED = 5
"""So many unreadable pictures are named on the screen; all of them in the file."""


def counted(pictures: int) -> str:
    """``"1 picture"``, ``"2 pictures"``."""
    return f"{pictures} picture" + ("s" if pictures != 1 else "")


def chosen_optimizer(
    name: OptimizerName, rate: float, momentum: float, decay: float
) -> Optimizer:
    """What ``--optimizer``, ``--lr``, ``--momentum`` and ``--weight-decay`` say."""
    if name is OptimizerName.sgd:
        return SGD(lr=rate, momentum=momentum, weight_decay=decay)
    if momentum:
        raise OptionError(f"--momentum is SGD's: {name.value} has moments of its own")
    kind = AdamW if name is OptimizerName.adamw else Adam
    return kind(lr=rate, weight_decay=decay)


def chosen_schedule(name: ScheduleName, every: int) -> Schedule:
    """What ``--schedule`` and ``--step-every`` say."""
    if name is ScheduleName.step:
        return StepDecay(every)
    return Cosine() if name is ScheduleName.cosine else Constant()


def sized(preprocess: Preprocess, size: int | None) -> Preprocess:
    """The same for square inputs of another size, in the same proportions."""
    if size is None:
        return preprocess
    short = preprocess.resize_short
    if short is not None:
        short = round(short * size / min(preprocess.size))
    return replace(preprocess, size=(size, size), resize_short=short)


def first_weights(
    known: Architecture, seed: int, classes: int, source: Path | None
) -> Mapping[str, Any]:
    """Random weights, and in their place those of a file that fit; says which."""
    weights: dict[str, Any] = dict(known.random_weights(seed, classes))
    if source is None:
        return weights
    given = read_weights(source)
    fitting = {
        key: np.asarray(given[key], np.float32)
        for key, drawn in weights.items()
        if key in given and given[key].shape == drawn.shape
    }
    if not fitting:
        raise OptionError(
            f"nothing in {source} fits {known.name}: it begins with "
            f"{', '.join(list(given)[:4])}"
        )
    rest = [key for key in weights if key not in fitting]
    drawn = f"; drawn at random: {', '.join(rest)}" if rest else ""
    typer.echo(f"{len(fitting)} of {len(weights)} arrays are from {source}{drawn}")
    return weights | fitting


def read_pictures(
    listing: Listing,
    preprocess: Preprocess,
    augmentation: Augmentation,
    out: Path,
    **options: Any,
) -> Pictures:
    """The pictures that can be read; says how many, and names the others."""
    from ..training import Pictures

    with step("reading the pictures") as progress:
        pictures = Pictures(
            listing, preprocess, augmentation=augmentation, progress=progress, **options
        )
    count = len(pictures.listing)
    typer.echo(
        f"{count} pictures of {listing.classes} classes, {pictures.steps} iterations "
        "an epoch"
    )
    if pictures.unreadable:
        lost = pictures.unreadable
        typer.echo(f"left out: {counted(len(lost))} that cannot be read", err=True)
        for reason in list(lost.values())[:NAMED]:
            typer.echo(f"  {reason}", err=True)
        path = out / "unreadable.txt"
        text = "".join(f"{path}\t{reason}\n" for path, reason in lost.items())
        with atomic_write(path) as file:
            file.write(text.encode("utf-8", "backslashreplace"))
        typer.echo(f"  all of them are named in {path}", err=True)
    return pictures


def announce(training: Training, folder: Path) -> None:
    """Say that a run goes on, and where it stands."""
    place = training.place
    if place.finished:
        typer.echo(
            f"the run in {folder} is done: all {place.epochs} epochs; more with "
            "--epochs, or anew with --restart"
        )
        return
    typer.echo(
        f"going on with the run in {folder}: epoch {place.epoch + 1} of "
        f"{place.epochs}, step {place.step + 1} of {place.steps} (--restart begins "
        "anew)"
    )
