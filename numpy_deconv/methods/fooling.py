"""Fooling images: the smallest of changes that make the net see another class.

Szegedy et al. 2013; the procedure is cs231n's: ``x += lr * g / ||g||`` along the
gradient of the target's score, until the target is what the net sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import OptionError
from ..functional import softmax
from .classification import Guess, guesses
from .drawing import Picture, grid, network_picture
from .result import Progress, Result
from .subject import (
    batch_of,
    net_of,
    preprocess_of,
    scores_of,
    seed_signal,
    settings_of,
    targets_for,
)

MAGNIFIED = 10  # the factor by which the difference is shown


@dataclass(frozen=True, eq=False)
class Fooling(Result):
    """``pixels (1, C, H, W)``, the changed input; ``before`` and ``after``, classes.

    With a model, the picture rounded to 8 bits is what fools the net, so the PNG does.
    """

    original: Array
    before: list[Guess]
    after: list[Guess]
    fooled: bool
    steps: int
    subject: Any

    def drawn(self) -> np.ndarray[Any, Any]:
        """The fooling picture."""
        return network_picture(self.pixels, preprocess_of(self.subject))

    def difference_drawn(self) -> np.ndarray[Any, Any]:
        """The change, ten times magnified around grey."""
        was = network_picture(self.original, preprocess_of(self.subject))
        return magnified_change(was, self.drawn())

    def difference_image(self) -> Any:
        """:meth:`difference_drawn` as a Pillow image."""
        from PIL import Image

        return Image.fromarray(self.difference_drawn())

    def story(self) -> np.ndarray[Any, Any]:
        """Original, magnified change and fooling picture side by side."""
        was = network_picture(self.original, preprocess_of(self.subject))
        return grid([was, self.difference_drawn(), self.drawn()], 3)


def magnified_change(before: Picture, after: Picture) -> Picture:
    """The difference of two pictures (H, W, 3), ten times magnified around grey."""
    change = after.astype(np.float64) - before
    return np.clip(np.rint(128 + MAGNIFIED * change), 0, 255).astype(np.uint8)


def fooling_image(
    net: Any,
    x: Any,
    target: int,
    *,
    steps: int = 100,
    lr: float = 1.0,
    progress: Progress | None = None,
) -> Fooling:
    """Change ``x (1, C, H, W)`` until the net takes it for class ``target``.

    At most ``steps`` steps of length ``lr``, clipped to valid pixels if the model
    knows them; ``fooled`` says whether it was reached. When interrupted, what was
    reached is returned and ``settings["interrupted_at"]`` says at which step.
    """
    graph, x = net_of(net), batch_of(x)
    if len(x) != 1:
        raise OptionError(f"fooling_image changes one picture, x has {len(x)}")
    if steps < 0 or not lr > 0:
        raise OptionError(f"steps must not be negative and lr positive: {steps}, {lr}")
    preprocess = preprocess_of(net)
    original, before = x, _guesses(net, x)
    interrupted: dict[str, Any] = {}
    done, fooled = 0, False
    try:
        while True:
            tape, layer, scores = scores_of(graph, x)
            targets = targets_for(target, scores)
            if int(scores.argmax()) == target and _survives_rounding(net, x, target):
                fooled = True
                break
            if done == steps:
                break
            gradient = tape.project(seed_signal(tape[layer], targets), start=layer)
            length = float(np.linalg.norm(gradient))
            if length == 0:  # nowhere to climb: the score does not depend on the input
                break
            x = x + x.dtype.type(lr / length) * gradient
            x = x if preprocess is None else preprocess.clip(x)
            done += 1
            if progress is not None:
                progress(done, steps)
    except KeyboardInterrupt:
        interrupted = {"interrupted_at": done}
    x = _rounded(net, x)
    made = settings_of(
        "fooling_image",
        graph,
        x,
        target=target,
        steps=steps,
        learning_rate=lr,
        steps_taken=done,
        **interrupted,
    )
    return Fooling(x, made, original, before, _guesses(net, x), fooled, done, net)


def _rounded(net: Any, x: Array) -> Array:
    """The input that the 8-bit picture of ``x`` gives; ``x`` itself for a bare net."""
    preprocess = preprocess_of(net)
    if preprocess is None:
        return x
    pictures = preprocess.inverse(to_numpy(x).astype(np.float32))
    return np.asarray(preprocess.encode(pictures), dtype=x.dtype, like=x)


def _survives_rounding(net: Any, x: Array, target: int) -> bool:
    if preprocess_of(net) is None:
        return True
    return int(scores_of(net_of(net), _rounded(net, x))[2].argmax()) == target


def _guesses(net: Any, x: Array) -> list[Guess]:
    scores = scores_of(net_of(net), x)[2]
    return guesses(net, to_numpy(softmax(scores))[0], 5)
