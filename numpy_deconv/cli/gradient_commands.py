"""Commands that follow the gradient to the pixels: ``saliency``, ``guided``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .options import (
    DEFAULT_MODEL,
    DEFAULT_OUT,
    BackendName,
    Debug,
    Labels,
    ModelName,
    Out,
    Pictures,
    Target,
)
from .progress import step
from .session import session


def saliency(
    pictures: Pictures = None,
    target: Target = None,
    model: ModelName = DEFAULT_MODEL,
    labels: Labels = None,
    out: Out = DEFAULT_OUT,
    backend: BackendName = None,
    debug: Debug = False,
) -> None:
    """Which pixels move the class score most: the largest absolute gradient.

    One picture of every map, and saliency.png with all of them under their originals.
    Simonyan, Vedaldi and Zisserman 2013, section 3.
    """
    _attribute("saliency", pictures, target, model, labels, out, backend, debug)


def guided(
    pictures: Pictures = None,
    target: Target = None,
    model: ModelName = DEFAULT_MODEL,
    labels: Labels = None,
    out: Out = DEFAULT_OUT,
    backend: BackendName = None,
    debug: Debug = False,
) -> None:
    """Guided backpropagation of the class score, in colours around grey.

    One picture of every result, and guided.png with all of them under their originals.
    Springenberg et al. 2015.
    """
    _attribute("guided", pictures, target, model, labels, out, backend, debug)


def _attribute(
    name: str,
    pictures: list[Path] | None,
    target: str | None,
    model: str,
    labels: Path | None,
    out: Path,
    backend: str | None,
    debug: bool,
) -> None:
    with session(backend, debug, out) as work:
        from .. import methods
        from .inputs import found_class, open_model, open_pictures
        from .sheet import contact_sheet

        method: Callable[..., methods.Attribution] = {
            "saliency": methods.saliency,
            "guided": methods.guided_backprop,
        }[name]
        known = open_model(model, labels)
        wanted = found_class(known, target)
        batch = open_pictures(known, pictures)
        with step(name):
            found = method(known, batch.x, wanted)
        drawn = [found.drawn(sample) for sample in range(len(batch.x))]
        names = [known.label(index) for index in found.target]
        work.about = {"model": known.name, "weights": known.weights_source}
        for sample, (file, picture) in enumerate(zip(batch.names, drawn, strict=True)):
            settings: dict[str, Any] = {
                **found.settings,
                "picture": file,
                "target": found.target[sample],
                "class": names[sample],
            }
            work.save(f"{file}-{name}.png", picture, settings)
        sheet = contact_sheet(list(zip(batch.views, drawn, strict=True)), names)
        settings = {**found.settings, "pictures": batch.names, "classes": names}
        work.save(f"{name}.png", sheet, settings)
