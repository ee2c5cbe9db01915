"""What ``train`` says and shows while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from ..training.watching import dead_maps, strongest, way_down

if TYPE_CHECKING:
    from ..models import Model
    from ..training import Lesson, Training
    from .session import Session

Array = np.ndarray[Any, Any]

HALF = 0.5


@dataclass(frozen=True)
class Reporter:
    """A line every so many iterations, and the mean of every epoch."""

    every: int

    def __call__(self, training: Training, x: Array, taught: Lesson) -> None:
        """Say where the run is, after a step."""
        place, history = training.place, training.history
        done = place.iteration
        epoch = (done - 1) // place.steps
        total = place.steps * place.epochs
        if done % self.every == 0:
            typer.echo(
                f"epoch {epoch + 1}/{place.epochs}, iteration {done}/{total}: "
                f"loss {taught.loss:.4f}, accuracy {history.accuracies[-1]:.1%}"
            )
        if place.step == 0:
            loss, accuracy = history.epochs(place.steps)[-1]
            typer.echo(
                f"epoch {epoch + 1}/{place.epochs} done: mean loss {loss:.4f}, mean "
                f"accuracy {accuracy:.1%}"
            )


@dataclass(frozen=True)
class Projector:
    """Every so many iterations: the maps of a layer in pixels, and which are dead.

    ``model`` is the one that is being trained, ``x (1, C, H, W)`` the picture looked
    at, the same every time.
    """

    work: Session
    model: Model
    x: Array
    layer: str
    top: int
    every: int

    def __call__(self, training: Training, x: Array, taught: Lesson) -> None:
        """Look, if it is time to; changes nothing of the run."""
        iteration = training.place.iteration
        if iteration % self.every:
            return
        self._warn(training, x)
        net = training.net
        top = min(self.top, net.run(self.x, until=self.layer, keep=()).output.shape[1])
        found = strongest(self.model, self.x, self.layer, top)
        name = f"iteration-{iteration:06d}-{self.layer.replace('/', '.')}"
        settings = {**found.settings, "iteration": iteration, "loss": taught.loss}
        self.work.save(f"{name}.png", found.drawn(), settings)
        down = way_down(self.model, self.x, self.layer)
        self.work.save(f"{name}-way-down.png", down, settings)

    def _warn(self, training: Training, x: Array) -> None:
        dead = [each for each in dead_maps(training.net, x) if each.maps]
        if not dead:
            return
        told = ", ".join(
            f"{len(each.maps)} of {each.of} of {each.layer}" for each in dead
        )
        typer.echo(f"maps that answer to no picture of this batch: {told}", err=True)
        for each in dead:
            if len(each.maps) > HALF * each.of:
                typer.echo(
                    f"Warning: most maps of {each.layer} are dead, and dead maps do "
                    "not learn: begin anew with a lower --lr",
                    err=True,
                )
