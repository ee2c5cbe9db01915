"""A training run: weights, what the optimizer remembers, and the place reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array, family
from ..errors import NetError, OptionError
from ..layers import Conv
from ..net import Graph
from .history import History
from .lesson import Lesson, lesson
from .optimizers import SGD, Optimizer
from .schedules import Constant, Place, Schedule
from .weights import copied, limit_filters, put, shared, with_own_weights

ADVERSARY = 1
"""The end of the key of the step on a batch that was moved uphill."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a net is trained; every number that decides what comes out.

    ``smoothing`` is that of the labels. ``filter_rms`` is the largest root mean square
    a convolution's filter may have after a step (0.1 in Zeiler & Fergus 2014).
    ``adversarial`` steps on every batch a second time, each picture moved up its own
    gradient by up to that Euclidean length, in the input's units: the units of a net
    trained so respond to shapes rather than to faint texture (Shafahi et al. 2019,
    Tsipras et al. 2019). ``seed`` decides everything random.
    """

    epochs: int = 40
    optimizer: Optimizer = field(default_factory=lambda: SGD(lr=0.01))
    schedule: Schedule = field(default_factory=Constant)
    smoothing: float = 0.0
    filter_rms: float | None = None
    adversarial: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.seed < 0:
            raise OptionError(
                f"epochs is {self.epochs} and seed {self.seed}, but there must be 1 "
                "epoch or more, and the seed 0 or more"
            )
        if not 0 <= self.smoothing < 1:
            raise OptionError(
                f"smoothing is {self.smoothing}, but must be from 0 to less than 1"
            )
        if self.filter_rms is not None and not self.filter_rms > 0:
            raise OptionError(
                f"filter_rms is {self.filter_rms}, but must be above 0, or None"
            )
        if not 0 <= self.adversarial < np.inf:
            raise OptionError(
                f"adversarial is {self.adversarial}, but must be 0 or more"
            )


class Training:
    """A run that is advanced batch by batch.

    ``net`` is the net as it is now, for inference: its weights are the run's own, and
    every step changes them in place. ``place`` is the step to be taken next.

    Example::

        training = Training(net, Recipe(epochs=5), steps=len(batches))
        while not training.place.finished:
            training.step(*batches[training.place.step])
    """

    def __init__(self, net: Graph, recipe: Recipe, *, steps: int):
        if steps < 1:
            raise OptionError(f"steps per epoch is {steps}, but must be 1 or more")
        self.net, self.recipe = with_own_weights(net), recipe
        self.place = Place(0, 0, steps, recipe.epochs)
        self.history = History()
        self.torn = False
        """Whether a step was broken off while it changed the weights."""
        learnt = self.net.in_training(0).params
        if not learnt:
            raise NetError("this net has no parameters: there is nothing to train")
        self._learnt = shared(learnt)
        self._slots = {
            name: {slot: np.zeros_like(learnt[name]) for slot in recipe.optimizer.slots}
            for name in self._learnt
        }
        self._updates = 0

    def step(self, x: Array, labels: Array) -> Lesson:
        """Learn from one batch ``x (N, C, *size)``, ``labels (N,)``; what it taught.

        The weights go where ``x`` is, if they are not there; labels may lie anywhere.
        Raises what :func:`lesson` raises, and nothing is changed then.
        """
        place, recipe = self.place, self.recipe
        if place.finished:
            raise OptionError(
                f"all {place.epochs} epochs are done: more of them are another recipe"
            )
        self._follow(x)
        key = (recipe.seed, place.epoch, place.step)
        first = self._learn(x, labels, (*key, 0), inputs=recipe.adversarial > 0)
        if recipe.adversarial:
            moved = self._uphill(x, first.grads["input"], (*key, ADVERSARY))
            self._learn(moved, labels, (*key, ADVERSARY), inputs=False)
        self.history.add(first.loss, first.correct / len(labels))
        self.place = place.next
        self.torn = False
        return first

    def _learn(
        self, x: Array, labels: Array, key: tuple[int, ...], *, inputs: bool
    ) -> Lesson:
        recipe = self.recipe
        taught = lesson(
            self.net, x, labels, key=key, smoothing=recipe.smoothing, inputs=inputs
        )
        rate = recipe.optimizer.lr * recipe.schedule(self.place)
        self.torn = True
        self._updates += 1
        params = self.net.params
        for name, names in self._learnt.items():
            grads = [taught.grads[n] for n in names if n in taught.grads]
            if grads:
                total = sum(grads[1:], start=grads[0])
                weight, slots = params[name], self._slots[name]
                recipe.optimizer.update(name, weight, total, slots, rate, self._updates)
        if recipe.filter_rms is not None:
            for name in self.net.of_type(Conv):
                limit_filters(params[f"{name}.weight"], recipe.filter_rms)
        for name, value in taught.statistics.items():
            params[name][...] = value
        return taught

    def _follow(self, x: Array) -> None:
        """Move the run to where ``x`` lies, a GPU or back."""
        if any(family(w) != family(x) for w in self.net.params.values()):
            self.net = with_own_weights(self.net, x)
            self._slots = {
                name: {slot: copied(value, x) for slot, value in slots.items()}
                for name, slots in self._slots.items()
            }

    def _uphill(self, x: Array, slope: Array, key: tuple[int, ...]) -> Array:
        each = (len(x), *(1,) * (x.ndim - 1))
        norm = np.sqrt(np.square(slope).reshape(len(x), -1).sum(axis=1))
        drawn = np.random.default_rng(key).random(len(x)) * self.recipe.adversarial
        length = np.asarray(drawn, like=x)
        share = (length / np.maximum(norm, 1e-12)).astype(x.dtype)
        return x + slope * share.reshape(each)

    def state(self) -> dict[str, Array]:
        """Every array that the run goes on from; the place is apart from it."""
        arrays = {f"weight/{name}": w for name, w in self.net.params.items()}
        arrays["updates"] = np.array([self._updates], np.int64)
        arrays["history/loss"] = np.array(self.history.losses, np.float64)
        arrays["history/accuracy"] = np.array(self.history.accuracies, np.float64)
        for name, slots in self._slots.items():
            arrays |= {f"{slot}/{name}": value for slot, value in slots.items()}
        return arrays

    def restore(self, state: Mapping[str, Array], place: Place) -> None:
        """Go on from what :meth:`state` gave at a place.

        Raises NetError if it is the state of another net or another optimizer, and
        nothing is changed then.
        """
        wanted = self.state()
        fitting = {n: w for n, w in wanted.items() if not n.startswith("history/")}
        put(fitting, state)
        self._updates = int(state["updates"][0])
        self.history = History(
            state["history/loss"].tolist(), state["history/accuracy"].tolist()
        )
        self.place = place._replace(epochs=self.recipe.epochs)
        self.torn = False
