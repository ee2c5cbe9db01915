"""Adversarial examples: changes too small to see that change what the net sees.

The fast gradient sign method (Goodfellow et al. 2015) takes one step along the
loss's gradient; projected gradient descent (Madry et al. 2018) many, and after each
goes back to the nearest picture that is within ``epsilon``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import OptionError
from ..functional import softmax
from ..functional.options import real, whole
from ..net import Graph
from ..net.memory import in_halves, joined
from .classification import Guess, guesses
from .drawing import grid, network_picture
from .fooling import magnified_change
from .norm_balls import BALLS
from .result import Progress, Result
from .subject import (
    BATCH,
    Targets,
    batch_of,
    net_of,
    preprocess_of,
    scores_of,
    seed_signal,
    settings_of,
    targets_for,
)

EPSILON = 8 / 255

Norm = Literal["linf", "l2"]


@dataclass(frozen=True, eq=False)
class Adversarial(Result):
    """``pixels (N, C, H, W)``, the changed inputs; ``original``, what they were.

    ``before`` and ``after`` are the best class of each and how probable it is;
    ``fooled`` says of each whether the wanted change was reached.
    """

    original: Array
    before: list[Guess]
    after: list[Guess]
    fooled: list[bool]
    subject: Any

    def drawn(self, sample: int = 0) -> np.ndarray[Any, Any]:
        """One changed picture."""
        known = preprocess_of(self.subject)
        return network_picture(self.pixels[sample : sample + 1], known)

    def story(self, sample: int = 0) -> np.ndarray[Any, Any]:
        """Original, magnified change and changed picture side by side."""
        known = preprocess_of(self.subject)
        was = network_picture(self.original[sample : sample + 1], known)
        now = self.drawn(sample)
        return grid([was, magnified_change(was, now), now], 3)


def fgsm(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    label: Targets = None,
    epsilon: float = EPSILON,
) -> Adversarial:
    """Change every pixel of ``x (N, C, *size)`` by ``epsilon`` along the loss's slope.

    Away from ``label`` (one class, one per picture, or None for what the net sees), or
    towards ``target``. ``epsilon`` is a share of the range of pixels (8/255: eight
    levels); for a bare net, which has none, it is in units of its input.
    """
    attack = _Attack.of(net, x, target, label)
    size = _positive(epsilon, "epsilon")
    found = attack.valid(attack.original + size * attack.span * attack.uphill_signs())
    return attack.result("fgsm", found, epsilon=epsilon)


def pgd(
    net: Any,
    x: Any,
    target: Targets = None,
    *,
    label: Targets = None,
    norm: Norm = "linf",
    epsilon: float | None = None,
    step: float | None = None,
    steps: int = 20,
    random_start: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> Adversarial:
    """Change ``x (N, C, *size)`` in ``steps`` steps, each picture within ``epsilon``.

    ``norm`` says how far is measured: ``"linf"`` by the largest change of a value
    (``epsilon`` 8/255 unless given), ``"l2"`` by the root of the sum of squares (3).
    Both are in shares of the range of pixels, and in units of the input for a bare
    net. A step is ``2.5 * epsilon / steps`` (Madry et al.), the start a random
    picture within ``epsilon``. ``target`` and ``label`` as for :func:`fgsm`. When
    interrupted, what was reached is returned, with ``settings["interrupted_at"]``.
    """
    attack = _Attack.of(net, x, target, label)
    if norm not in BALLS:
        raise OptionError(f"norm must be one of {list(BALLS)}, got {norm!r}")
    ball = BALLS[norm]
    usual = EPSILON if norm == "linf" else 3.0
    size = _positive(usual if epsilon is None else epsilon, "epsilon")
    whole(steps, "steps", 1)
    length = _positive(2.5 * size / steps if step is None else step, "step")
    rng = np.random.default_rng(seed)
    found, done, interrupted = attack.original, 0, {}
    if random_start:
        noise = ball.draw(rng, found.shape).astype(found.dtype)
        found = attack.moved(size * np.asarray(noise, like=found))
    try:
        for step_number in range(1, steps + 1):
            uphill = attack.uphill(found) * attack.span
            change = (found - attack.original) / attack.span
            change = ball.project(change + length * ball.steepest(uphill), size)
            found = attack.moved(change)
            done = step_number
            if progress is not None:
                progress(done, steps)
    except KeyboardInterrupt:
        interrupted = {"interrupted_at": done}
    return attack.result(
        "pgd",
        found,
        norm=norm,
        epsilon=size,
        step=length,
        steps=steps,
        random_start=random_start,
        seed=seed,
        **interrupted,
    )


def _positive(value: float, name: str) -> float:
    if not 0 < real(value, name) < np.inf:
        raise OptionError(f"{name} must be positive, got {value}")
    return float(value)


@dataclass(frozen=True, eq=False)
class _Attack:
    """The pictures, what they are to lose or to gain, and the slope towards it.

    ``span`` is the range of pixels in units of the input.
    """

    subject: Any
    net: Graph
    original: Array
    classes: list[int]
    towards: bool
    span: Any

    @classmethod
    def of(cls, subject: Any, x: Any, target: Targets, label: Targets) -> _Attack:
        net, batch = net_of(subject), batch_of(x)
        if target is not None and label is not None:
            raise OptionError(
                f"give a target to reach or a label to leave, not both: {target!r} and "
                f"{label!r}"
            )
        towards = target is not None
        scores = joined(_scores(net, batch))
        classes = targets_for(target if towards else label, scores)
        preprocess = preprocess_of(subject)
        span: Any = 1
        if preprocess is not None:
            low, high = (end.astype(np.float64) for end in preprocess.bounds)
            span = np.asarray(high - low, dtype=batch.dtype, like=batch)
        return cls(subject, net, batch, classes, towards, span)

    def uphill(self, x: Array) -> Array:
        """The gradient of the cross-entropy, or down it towards a target."""
        gradients: list[Array] = []
        for first in range(0, len(x), BATCH):
            some, classes = (a[first : first + BATCH] for a in (x, self.classes))
            slope = partial(self._slope, some, classes)
            gradients += in_halves(some, slope)
        gradient = joined(gradients)
        return -gradient if self.towards else gradient

    def _slope(self, x: Array, wanted: list[int], part: slice) -> Array:
        tape, layer, scores = scores_of(self.net, x[part])
        signal = softmax(scores) - seed_signal(scores, wanted[part])
        shape = (*signal.shape, *(1,) * (tape[layer].ndim - 2))
        whole_signal = signal.reshape(shape) + np.zeros_like(tape[layer])
        return tape.project(whole_signal, start=layer)

    def uphill_signs(self) -> Array:
        return np.sign(self.uphill(self.original))

    def moved(self, change: Array) -> Array:
        """The pictures changed by so much, in shares of the range, and made valid."""
        return self.valid(self.original + change * self.span)

    def valid(self, x: Array) -> Array:
        preprocess = preprocess_of(self.subject)
        return x if preprocess is None else preprocess.clip(x)

    def result(self, method: str, found: Array, **options: Any) -> Adversarial:
        before, after = self._best(self.original), self._best(found)
        fooled = [
            (now.index == wanted) == self.towards
            for now, wanted in zip(after, self.classes, strict=True)
        ]
        wanted = "target" if self.towards else "label"
        about = {wanted: self.classes, **options}
        settings = settings_of(method, self.net, found, **about)
        return Adversarial(
            found, settings, self.original, before, after, fooled, self.subject
        )

    def _best(self, x: Array) -> list[Guess]:
        return [
            guesses(self.subject, row, 1)[0]
            for scores in _scores(self.net, x)
            for row in to_numpy(softmax(scores))
        ]


def _scores(net: Graph, x: Array) -> list[Array]:
    """Of a few at a time."""
    found: list[Array] = []
    for first in range(0, len(x), BATCH):
        found += in_halves(x[first : first + BATCH], partial(_scores_of, net, x, first))
    return found


def _scores_of(net: Graph, x: Array, first: int, part: slice) -> Array:
    return scores_of(net, x[first + part.start : first + part.stop])[2]
