"""What follows the gradient of a class score: attributions, class pictures."""

from __future__ import annotations

from ..methods import (
    class_visualization,
    classify,
    gradient_times_input,
    guided_backprop,
    saliency,
)
from .blocks import Bars, Figure, Row
from .page import Section
from .scene import ASCENT_RATE, Scene, interrupted

ATTRIBUTIONS = (
    (
        saliency,
        "Saliency",
        "The pixels whose change would move the score most (Simonyan et al. 2013).",
    ),
    (
        guided_backprop,
        "Guided backpropagation",
        "The gradient with every negative signal cut off on its way down: sharper, and "
        "less about the class than it looks (Springenberg et al. 2015).",
    ),
    (
        gradient_times_input,
        "Gradient times input",
        "How much each pixel adds to the score, to first order (Shrikumar et al. "
        "2016).",
    ),
)


def verdict_section(scene: Scene) -> Section:
    """The picture, and the classes the network finds most probable."""
    with scene.step("classes"):
        found = classify(scene.model, scene.x, scene.plan.guesses)
    best = found.top[0][0]
    figure = Figure(
        f"{scene.prefix}picture",
        scene.image(),
        "The picture as the network sees it",
        f"The picture as {scene.model.name} sees it: {_size(scene)} pixels.",
        scene.settings(),
    )
    shares = [(guess.label, guess.probability) for guess in found.top[0]]
    return Section(
        "The picture and its class",
        f"The network takes this picture for: {best.label} ({best.probability:.0%}).",
        blocks=[Bars("Most probable classes", shares, figure)],
        settings=scene.settings(found),
    )


def attribution_section(scene: Scene) -> Section:
    """Saliency, guided backpropagation, and gradient times input."""
    pictures, label = [], ""
    settings = scene.settings()
    for method, name, caption in ATTRIBUTIONS:
        with scene.step(name.lower()):
            found = method(scene.model, scene.x)
        label = scene.model.label(found.target[0])
        settings |= scene.settings(found)
        pictures.append(
            Figure(
                f"{scene.prefix}{found.settings['method']}",
                found.image(),
                f"{name} for the class {label}",
                f"{name}. {caption}",
                scene.settings(found),
            )
        )
    picture = Figure(
        f"{scene.prefix}picture",
        scene.image(),
        "The picture as the network sees it",
        "The picture, for comparison.",
        scene.settings(),
    )
    return Section(
        f"Which pixels say “{label}”",
        "Three answers to the same question, all computed from the derivative of this "
        "class's score with respect to the pixels.",
        blocks=[Row([picture, *pictures], "even")],
        settings=settings,
    )


def vision_section(scene: Scene) -> Section:
    """Pictures climbed out of noise, one for each of a few classes."""
    pictures, settings = [], scene.settings()
    rate = ASCENT_RATE * max(scene.view.shape[:2])
    for target in classes_to_show(scene):
        label = scene.model.label(target)
        with scene.step(f"class visualisation: {label}") as progress:
            found = class_visualization(
                scene.model,
                None,
                target,
                seed=scene.plan.seed,
                progress=progress,
                **{"learning_rate": rate, **scene.plan.ascent},
            )
        settings |= scene.settings(found)
        pictures.append(
            Figure(
                f"{scene.prefix}class-{target:03d}",
                found.image(),
                f"What the network looks for in the class {label}",
                label,
                scene.settings(found),
            )
        )
        if interrupted(found):
            break
    return Section(
        "What the network thinks the world looks like",
        "From noise, uphill: each picture is changed step by step so that the score of "
        "one class grows, with jitter, blur and decay to keep it smooth.",
        "Simonyan et al. 2013, section 2; regularised as in cs231n",
        [Row(pictures, "small")],
        {k: v for k, v in settings.items() if k not in ("target", "picture")},
    )


def classes_to_show(scene: Scene) -> list[int]:
    """The picture's class first, then others at even distances."""
    probabilities = classify(scene.model, scene.x, 1).pixels[0]
    best, count = int(probabilities.argmax()), len(probabilities)
    step = max(1, count // max(1, scene.plan.classes))
    others = [(best + step * k) % count for k in range(scene.plan.classes)]
    return list(dict.fromkeys(others))


def _size(scene: Scene) -> str:
    height, width = scene.view.shape[:2]
    return f"{width} x {height}"
