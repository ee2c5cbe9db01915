"""Driving a run to its end: batches ahead, what is kept, who looks on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..arrays import Array
from ..errors import OptionError
from ..registry import placed
from .folder import RunFolder
from .lesson import Lesson
from .loading import ahead
from .training import Training

Batches = Callable[[int, int], tuple[Array, Array]]
"""``x, labels = batches(epoch, step)``; called in threads, the same for the same."""
Watcher = Callable[[Training, Array, Lesson], None]
"""Called after each step with the run, the batch, and what it taught."""


def train(
    training: Training,
    batches: Batches,
    *,
    folder: RunFolder | None = None,
    save_every: int = 100,
    threads: int = 2,
    watchers: Sequence[Watcher] = (),
) -> None:
    """Take every step that is left, until the recipe's epochs are done.

    With a ``folder`` the run is written down after every epoch and every
    ``save_every`` iterations, and when it is interrupted or fails between two steps.
    Killed at any moment, it goes on from the last of them, and ends with the very same
    bits as one that was left alone (on one machine, backend and number of threads).

    Example::

        train(training, pictures, watchers=[lambda t, x, taught: print(taught.loss)])
    """
    if save_every < 1:
        raise OptionError(f"save_every is {save_every}, but must be 1 or more")
    saved = training.place
    try:
        with ahead(batches, training.place, threads=threads) as made:
            for x, labels in made:
                x = placed(x)  # made in threads, which know nothing of use_backend
                taught = training.step(x, labels)
                place = training.place
                due = place.step == 0 or place.iteration % save_every == 0
                if folder is not None and due:
                    folder.save(training)
                    saved = place
                    if place.step == 0:
                        folder.show(training)
                for watcher in watchers:
                    watcher(training, x, taught)
    finally:
        if folder is not None and saved != training.place and not training.torn:
            folder.save(training)
