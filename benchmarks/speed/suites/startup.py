"""From the start of a process: to a saved saliency picture, and to a ready backend."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from numpy_deconv.io.npz import write_npz
from numpy_deconv.methods import saliency
from numpy_deconv.models import ARCHITECTURES, load_model, sample_picture
from numpy_deconv.registry import use_backend

from ..case import Array, Case, Prepared, Work
from ..contenders import Contender
from ..contenders.contender import Errand
from .nets import TARGET

PICTURE, IMPORT = "process start to saved saliency", "import of the backend"
COLOURS = 1e-2
"""Relative L2 error of 8-bit colours, which are rounded."""


def cases() -> Iterator[Case]:
    """Two cases, of processes: there is no work to count."""
    yield Case(
        "startup",
        PICTURE,
        "squeezenet1_1 process start to saved saliency",
        1,
        Work(0, 0),
        picture,
        COLOURS,
    )
    yield Case(
        "startup", IMPORT, "import of the backend, warm", 1, Work(0, 0), importing
    )


@lru_cache(maxsize=1)
def folder() -> tempfile.TemporaryDirectory[str]:
    """Where weights and pictures lie until the process ends."""
    return tempfile.TemporaryDirectory(prefix="numpy-deconv-bench-")


def picture(contenders: Iterable[Contender]) -> Prepared:
    """SqueezeNet's weights and a photograph as files, to a PNG."""
    place = Path(folder().name)
    weights = ARCHITECTURES["squeezenet1_1"].random_weights(0)
    write_npz(place / "squeezenet.npz", weights)
    errand = Errand(
        place, place / "squeezenet.npz", weights, sample_picture("cat"), TARGET
    )

    def truth() -> tuple[Array]:
        model = load_model(errand.npz, architecture="squeezenet1_1")
        with use_backend("numpy"):
            found = saliency(model, model.preprocess(errand.picture), TARGET)
        return (found.drawn().astype(np.float64),)

    return Prepared.of(truth, contenders, lambda who: who.errand(errand))


def importing(contenders: Iterable[Contender]) -> Prepared:
    """A process that makes the backend, beside one that only imports NumPy."""
    return Prepared.of(lambda: (np.zeros(1),), contenders, lambda who: who.importing())
