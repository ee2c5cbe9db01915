"""A change that one can hardly see, and what the network sees then."""

from __future__ import annotations

import numpy as np

from ..arrays import to_numpy
from ..methods import Fooling, classify, fooling_image
from ..methods.classification import Guess
from ..methods.subject import scores_of, seed_signal
from .blocks import Bars, Columns, Figure, Row
from .page import Section
from .scene import Scene

FEW, SPREAD, ALIKE = 20, 8, 5
"""So many classes are all candidates; of a longer list, those spread over it are that
are not among the first guesses: a cat as another cat is no surprise."""


def fooling_section(scene: Scene) -> Section:
    """A change one can hardly see, and what the network sees then."""
    target = fooling_target(scene)
    label = scene.model.label(target)
    with scene.step(f"fooling image: {label}") as progress:
        found = fooling_image(
            scene.model,
            scene.x,
            target,
            steps=scene.plan.fooling_steps,
            lr=scene.plan.fooling_rate,
            progress=progress,
        )
    largest = int(np.abs(found.drawn().astype(int) - scene.view.astype(int)).max())
    outcome = (
        f"After {found.steps} small steps the network takes it for: {label}. The "
        f"largest change of any pixel is {largest} of 255."
        if found.fooled
        else f"After {found.steps} small steps towards {label} the network still says: "
        f"{found.after[0].label}."
    )
    title = (
        f"Fooled: the same picture as “{label}”"
        if found.fooled
        else f"Not fooled: no “{label}” to be seen"
    )
    before, difference, after = _figures(scene, found)
    return Section(
        title,
        f"The picture is moved along the gradient of another class. {outcome}",
        "Szegedy et al. 2014; procedure of cs231n",
        [
            Columns(
                [
                    Bars("", _before(scene, found, target), before),
                    Row([difference]),
                    Bars("", _shares(found.after), after),
                ]
            )
        ],
        scene.settings(found),
    )


def _figures(scene: Scene, found: Fooling) -> tuple[Figure, Figure, Figure]:
    settings = scene.settings(found)
    before = Figure(
        f"{scene.prefix}fooling-before",
        scene.image(),
        "The picture before the change",
        "Before",
        settings,
    )
    difference = Figure(
        f"{scene.prefix}fooling-difference",
        found.difference_image(),
        "The difference of the two pictures, magnified ten times around grey",
        "The difference, ten times magnified; grey is no change.",
        settings,
    )
    after = Figure(
        f"{scene.prefix}fooling-after",
        found.image(),
        f"The changed picture, which the network takes for {found.after[0].label}",
        "After",
        settings,
    )
    return before, difference, after


def _before(scene: Scene, found: Fooling, target: int) -> list[tuple[str, float]]:
    """The first guesses, with ``target`` in place of the last if it is not there."""
    shares = _shares(found.before)
    if target not in [guess.index for guess in found.before]:
        probability = float(classify(scene.model, scene.x, 1).pixels[0, target])
        shares[-1] = (scene.model.label(target), probability)
    return shares


def _shares(guesses: list[Guess]) -> list[tuple[str, float]]:
    return [(guess.label, guess.probability) for guess in guesses]


def fooling_target(scene: Scene) -> int:
    """The class that seems nearest: of a few all are asked, of many a few.

    To first order, a step of length 1 along class k's gradient ``g_k`` brings its score
    nearer to the best one's by ``(g_k - g_best) . g_k / ||g_k||``.
    """
    tape, layer, scores = scores_of(scene.model.net, scene.x)
    row = to_numpy(scores)[0].astype(np.float64)
    best = int(row.argmax())
    few = len(row) <= FEW
    near = {best} if few else set(np.argsort(-row)[:ALIKE].tolist())
    count = len(row) if few else SPREAD
    spread = [(2 * i + 1) * len(row) // (2 * count) for i in range(count)]
    others = [k for k in spread if k not in near]
    signal = np.concatenate([seed_signal(tape[layer], [k]) for k in (best, *others)])
    gradients = to_numpy(tape.project(signal, start=layer)).reshape(len(signal), -1)
    lengths = np.linalg.norm(gradients[1:], axis=1)
    gains = ((gradients[1:] - gradients[0]) * gradients[1:]).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = (row[best] - row[others]) * lengths / gains
    steps[~(gains > 0)] = np.inf
    return others[int(steps.argmin())] if others else best
