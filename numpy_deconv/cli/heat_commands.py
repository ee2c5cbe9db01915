"""Commands that say where the class is: ``grad-cam``, ``lrp``, ``rise``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from .attributing import Request, attribute
from .options import (
    Elsewhere,
    Seed,
)
from .setup import ASKED, HERE, Question, Setup, with_tables

MapLayer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        help="A layer with maps. [default: the last convolution, rectified]",
        show_default=False,
    ),
]


class CompositeName(StrEnum):
    """The combinations of relevance rules, by name."""

    lrp_0 = "lrp_0"
    epsilon = "epsilon"
    gamma = "gamma"
    alpha2_beta1 = "alpha2_beta1"
    epsilon_plus = "epsilon_plus"
    epsilon_plus_flat = "epsilon_plus_flat"
    epsilon_alpha2_beta1 = "epsilon_alpha2_beta1"
    epsilon_alpha2_beta1_flat = "epsilon_alpha2_beta1_flat"
    epsilon_gamma_box = "epsilon_gamma_box"


@with_tables
def grad_cam(
    question: Question = ASKED,
    layer: MapLayer = None,
    setup: Setup = HERE,
) -> None:
    """Where in the picture the last convolution sees the class, as heat over it.

    Selvaraju et al. 2017.
    """
    request = Request(question, setup)
    attribute("grad-cam", "grad_cam", request, layer=layer)


@with_tables
def guided_grad_cam(
    question: Question = ASKED,
    layer: MapLayer = None,
    gradient_elsewhere: Elsewhere = False,
    setup: Setup = HERE,
) -> None:
    """Guided backpropagation where Grad-CAM is hot. Selvaraju et al. 2017."""
    request = Request(question, setup)
    attribute(
        "guided-grad-cam",
        "guided_grad_cam",
        request,
        elsewhere=gradient_elsewhere,
        layer=layer,
    )


@with_tables
def lrp(
    question: Question = ASKED,
    composite: Annotated[
        CompositeName,
        typer.Option("--composite", help="Which rule each sort of layer gets."),
    ] = CompositeName.epsilon_plus_flat,
    setup: Setup = HERE,
) -> None:
    """The class score itself, handed down to the pixels it came from (red).

    Layer-wise relevance propagation, Bach et al. 2015; the composites are zennit's.
    """
    request = Request(question, setup)
    attribute("lrp", "lrp", request, composite=composite.value)


@with_tables
def rise(
    question: Question = ASKED,
    masks: Annotated[
        int, typer.Option("--masks", min=1, help="Random masks, a run for each.")
    ] = 1000,
    cells: Annotated[
        int, typer.Option("--cells", min=1, help="Of a mask's grid along each axis.")
    ] = 7,
    seed: Seed = 0,
    setup: Setup = HERE,
) -> None:
    """How probable the class is where random masks let a pixel be seen, as heat.

    Needs no gradient. Ctrl-C keeps what the masks so far have shown. Petsiuk, Das and
    Saenko 2018, who took 4000 masks or more.
    """
    request = Request(question, setup)
    attribute("rise", "rise", request, masks=masks, cells=cells, seed=seed)
