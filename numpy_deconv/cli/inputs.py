"""From what was typed to what a method takes: a model, pictures, classes, layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import typer

from ..errors import OptionError, ShapeError
from ..io.images import read_image
from ..models import load_model, read_labels, sample_picture

if TYPE_CHECKING:
    from ..models import Model
    from .session import Session
    from .setup import Question, Setup

SHIPPED_PICTURE = sample_picture("emoji")
SHIPPED_PHOTOGRAPH = sample_picture("cat")
PHOTOGRAPH_FROM = 128
"""Models that take at least so many pixels see the photograph by default."""

SMALLEST = 8
MOST_BYTES = 150
"""Of a picture's name in the names of its results; file systems allow 255 in all."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Pictures as a model sees them: ``views`` (H, W, 3) each, ``x (N, C, H, W)``."""

    names: list[str]
    views: list[np.ndarray[Any, Any]]
    x: np.ndarray[Any, Any]


class Opened(NamedTuple):
    """What a command of pictures and their classes works on.

    ``target`` is None where each picture's best class is meant.
    """

    model: Model
    target: int | list[int] | None
    batch: Batch


def opened(
    work: Session, setup: Setup, question: Question, enlarged: float = 1.0
) -> Opened:
    """The model, classes and pictures asked for; results will remember the model."""
    known = open_model(setup.model, setup.labels)
    wanted = found_class(known, question.target)
    work.about = {"model": known.name, "weights": known.weights_source}
    batch = open_pictures(known, question.pictures, enlarged)
    return Opened(known, wanted, batch)


def open_model(source: str, labels: Path | None) -> Model:
    """The model that ``--model`` and ``--labels`` stand for; says what it assumes."""
    names = None if labels is None else read_labels(labels)
    model = load_model(source, labels=names)
    if model.assumed:
        typer.echo(f"{source}: assumed {', '.join(model.assumed)}", err=True)
    return model


def shipped_picture(model: Model) -> Path:
    """The picture for a model when none is given."""
    large = min(model.preprocess.size) >= PHOTOGRAPH_FROM
    return SHIPPED_PHOTOGRAPH if large else SHIPPED_PICTURE


def open_picture(path: Path) -> np.ndarray[Any, Any]:
    """The picture ``(H, W, 3)`` in a file.

    Raises FileFormatError if there is none in it, ShapeError if it is too small to show
    anything.
    """
    picture = read_image(path)
    height, width = picture.shape[:2]
    if min(height, width) < SMALLEST:
        raise ShapeError(
            f"{path} has {width} x {height} pixels, which is too small to see anything "
            f"in it: {SMALLEST} x {SMALLEST} is the least"
        )
    return picture


def open_pictures(
    model: Model, paths: Sequence[Path] | None, enlarged: float = 1.0
) -> Batch:
    """The pictures of these files, in one batch; the shipped one if there are none.

    ``enlarged`` times as large as the model takes them.
    """
    prepared = model.preprocess
    if enlarged != 1:
        height, width = (round(enlarged * side) for side in prepared.size)
        shorter = prepared.resize_short
        if shorter is not None:
            shorter = max(shorter, height, width)
        prepared = replace(prepared, size=(height, width), resize_short=shorter)
    chosen = list(paths or [shipped_picture(model)])
    views = [prepared.view(open_picture(path)) for path in chosen]
    return Batch(unique_names(chosen), views, prepared.encode(np.stack(views)))


def unique_names(paths: Sequence[Path]) -> list[str]:
    """The files' names without suffix, with a number where two are the same.

    One that leaves no room for what is written after it is cut.
    """
    names: list[str] = []
    for path in paths:
        stem = _cut(path.stem)
        name, number = stem or "picture", 2
        while name in names:
            name, number = f"{stem}-{number}", number + 1
        names.append(name)
    return names


def _cut(name: str) -> str:
    coded = name.encode("utf-8", "surrogateescape")
    if len(coded) <= MOST_BYTES:
        return name
    return coded[:MOST_BYTES].decode("utf-8", "ignore")


def find_class(model: Model, text: str) -> int:
    """The class of that number or name, or the only one whose name contains ``text``.

    Raises OptionError, naming what comes near, if there is none or more than one.
    """
    try:
        return model.class_index(text)
    except OptionError:
        part = text.strip().casefold()
        found = [i for i, label in enumerate(model.labels) if part in label.casefold()]
        if not part or not found:
            raise
    if len(found) == 1:
        return found[0]
    shown = ", ".join(f"{i} {model.label(i)!r}" for i in found[:8])
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    raise OptionError(
        f"class {text!r} could be any of {shown}{more}: write more of the name, or the "
        "number"
    )


def found_class(model: Model, texts: Sequence[str] | None) -> int | list[int] | None:
    """:func:`find_class` of one text, or of each; None where no class was asked for."""
    found = [find_class(model, text) for text in texts or ()]
    return found[0] if len(found) == 1 else found or None
