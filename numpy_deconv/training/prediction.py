"""Sorting a folder of pictures into classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileFormatError, NumpyDeconvError
from ..methods import classify
from ..methods.classification import Guess
from ..models import Model

Picture = np.ndarray[Any, Any]
BATCH = 32


@dataclass(frozen=True, eq=False)
class Sorted:
    """One picture, the classes it most probably is of, best first, and its view."""

    path: Path
    guesses: list[Guess]
    view: Picture

    @property
    def best(self) -> Guess:
        """Its most probable class."""
        return self.guesses[0]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Every picture that could be read, in the order asked for, and why others not."""

    found: list[Sorted]
    unreadable: dict[Path, str]
    settings: dict[str, Any]

    def by_class(self) -> dict[int, list[Sorted]]:
        """The pictures of each class that has any, the surest first."""
        classes: dict[int, list[Sorted]] = {}
        for each in sorted(self.found, key=lambda s: -s.best.probability):
            classes.setdefault(each.best.index, []).append(each)
        return dict(sorted(classes.items()))

    def as_json(self) -> str:
        """Path, class and probabilities of every picture."""
        rows = [
            {
                "path": str(each.path),
                "class": each.best.index,
                "label": each.best.label,
                "probability": each.best.probability,
                "top": [[g.index, g.label, g.probability] for g in each.guesses],
            }
            for each in self.found
        ]
        lost = {str(path): reason for path, reason in self.unreadable.items()}
        told = {"pictures": rows, "unreadable": lost}
        return json.dumps(told, indent=1) + "\n"


def predict(
    model: Model,
    paths: Sequence[Path],
    *,
    top: int = 3,
    threads: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> Prediction:
    """Classify pictures; those that cannot be read are left out, with the reason.

    Raises FileFormatError if none can be read.

    Example::

        predict(model, pictures_below(Path("cat_12_test"))).by_class()
    """

    def attempt(path: Path) -> Picture | str:
        try:
            return model.preprocess.view(path)
        except NumpyDeconvError as error:
            return str(error)

    found: list[Sorted] = []
    unreadable: dict[Path, str] = {}
    settings: dict[str, Any] = {}
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(paths), BATCH):
            some = paths[first : first + BATCH]
            views: list[tuple[Path, Picture]] = []
            for path, view in zip(some, pool.map(attempt, some), strict=True):
                if isinstance(view, str):
                    unreadable[path] = view
                else:
                    views.append((path, view))
            if views:
                x = model.preprocess.encode(np.stack([view for _, view in views]))
                classified = classify(model, x, top)
                settings = dict(classified.settings)
                both = zip(views, classified.top, strict=True)
                found += [Sorted(path, few, view) for (path, view), few in both]
            if progress is not None:
                progress(first + len(some), len(paths))
    if not found:
        reason = next(iter(unreadable.values()), "there are no pictures")
        raise FileFormatError(f"nothing to predict: {reason}")
    return Prediction(found, unreadable, settings)
