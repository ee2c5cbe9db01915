"""Commands that follow the gradient to the pixels: ``saliency``, ``smoothgrad``, ..."""

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

CROPPED_FROM = 8 / 7  # 256 pixels for crops of 224


class Quadrature(StrEnum):
    """Rules for the integral of integrated gradients."""

    gauss_legendre = "gauss_legendre"
    midpoint = "midpoint"


class Statistic(StrEnum):
    """What SmoothGrad takes of the gradients of its noisy copies."""

    mean = "mean"
    squared = "squared"
    variance = "variance"


@with_tables
def saliency(
    question: Question = ASKED,
    ten_crops: Annotated[
        bool,
        typer.Option(
            "--ten-crops",
            help="The mean over ten crops of a larger view: corners and centre, and "
            "their mirror images.",
        ),
    ] = False,
    setup: Setup = HERE,
) -> None:
    """Which pixels move the class score most: the largest absolute gradient.

    One picture of every map, and saliency.png with all of them under their originals.
    Simonyan, Vedaldi and Zisserman 2013, section 3.
    """
    method = "ten_crop_saliency" if ten_crops else "saliency"
    request = Request(question, setup, CROPPED_FROM if ten_crops else 1.0)
    attribute("saliency", method, request, bar=False)


@with_tables
def guided(
    question: Question = ASKED,
    gradient_elsewhere: Elsewhere = False,
    setup: Setup = HERE,
) -> None:
    """Guided backpropagation of the class score, in colours around grey.

    One picture of every result, and guided.png with all of them under their originals.
    Springenberg et al. 2015.
    """
    request = Request(question, setup)
    attribute(
        "guided", "guided_backprop", request, bar=False, elsewhere=gradient_elsewhere
    )


@with_tables
def gradient_times_input(
    question: Question = ASKED,
    setup: Setup = HERE,
) -> None:
    """The gradient of the class score, times the pixels it is the gradient of.

    What each pixel adds (red) or takes away (blue), if the score were linear; in a net
    of ReLUs without biases it is all of the score. Shrikumar et al. 2017.
    """
    request = Request(question, setup)
    attribute("gradient-times-input", "gradient_times_input", request, bar=False)


@with_tables
def integrated_gradients(
    question: Question = ASKED,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Points of the integral.")
    ] = 50,
    quadrature: Annotated[
        Quadrature, typer.Option("--quadrature", help="Where the points are.")
    ] = Quadrature.gauss_legendre,
    baseline: Annotated[
        float,
        typer.Option(
            "--baseline", help="Where the way begins; 0 is the training data's mean."
        ),
    ] = 0.0,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="The whole integral, piece by piece, instead of points: for small "
            "nets of ReLUs and max pools.",
        ),
    ] = False,
    setup: Setup = HERE,
) -> None:
    """What each pixel adds to the class score (red), or takes away (blue).

    Says how much of the score the pixels leave unexplained. Sundararajan, Taly and Yan
    2017.
    """
    request = Request(question, setup)
    attribute(
        "integrated-gradients",
        "integrated_gradients",
        request,
        steps=steps,
        quadrature=quadrature.value,
        baseline=baseline,
        exact=exact,
    )


@with_tables
def smoothgrad(
    question: Question = ASKED,
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Noisy copies of each picture.")
    ] = 25,
    noise: Annotated[
        float,
        typer.Option(
            "--noise", min=0, help="Deviation, as a share of the picture's range."
        ),
    ] = 0.15,
    statistic: Annotated[
        Statistic, typer.Option("--statistic", help="What is taken of the gradients.")
    ] = Statistic.mean,
    seed: Seed = 0,
    setup: Setup = HERE,
) -> None:
    """The saliency that noisy copies of the picture share. Smilkov et al. 2017."""
    request = Request(question, setup)
    attribute(
        "smoothgrad",
        "smoothgrad",
        request,
        samples=samples,
        noise=noise,
        statistic=statistic.value,
        seed=seed,
    )
