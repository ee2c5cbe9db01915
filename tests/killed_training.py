"""A run in a folder that a test can kill: ``python killed_training.py FOLDER``.

Each step waits for a line on stdin, so that a slow test is not run away from; where
there is no stdin, none does.
"""

from __future__ import annotations

import sys
from pathlib import Path

from small_training import CLASSES, learner

from numpy_deconv.errors import OptionError
from numpy_deconv.training import SGD, Recipe, Training, write_checkpoint
from numpy_deconv.training.checkpoint import read_checkpoint

RECIPE = Recipe(
    epochs=4,
    optimizer=SGD(lr=0.05, momentum=0.9, weight_decay=1e-3),
    filter_rms=0.2,
    adversarial=0.1,
    seed=3,
)
STEPS = 8
ABOUT = {"classes": CLASSES}


def main(folder: Path) -> None:
    """Go on with the run there, a line a step, a checkpoint every second one."""
    import small_training

    training = Training(learner(), RECIPE, steps=STEPS)
    path = folder / "checkpoint.safetensors"
    if path.exists():
        read_checkpoint(path, training, ABOUT)
    while not training.place.finished:
        sys.stdin.readline()
        place = training.place
        training.step(*small_training.batches(place.epoch, place.step))
        if training.place.iteration % 2 == 0:
            write_checkpoint(path, training, ABOUT)
        print(training.place.iteration, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise OptionError("name the folder of the run")
    main(Path(sys.argv[1]))
