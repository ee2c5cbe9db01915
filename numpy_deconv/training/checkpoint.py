"""A whole run in one file, there complete or as it was before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..arrays import to_numpy
from ..errors import FileFormatError, NetError, OptionError
from ..io.safetensors import read_metadata, read_safetensors, write_safetensors
from .schedules import Place
from .training import Training

FORMAT = "numpy_deconv training, 1"


def write_checkpoint(path: Path, training: Training, about: Mapping[str, Any]) -> None:
    """Write a run's arrays and place, and ``about`` it what must not change later.

    A process killed at any moment leaves the new file or the one before.

    Raises OptionError in the middle of a step, OutputError if it cannot be written.
    """
    if training.torn:
        raise OptionError(
            "this run was broken off in the middle of a step: only what was written "
            "before is whole"
        )
    place = training.place
    told = {
        "format": FORMAT,
        "about": json.dumps(about, sort_keys=True),
        "place": json.dumps([place.epoch, place.step, place.steps]),
    }
    arrays = {name: to_numpy(array) for name, array in training.state().items()}
    write_safetensors(path, arrays, told)


def read_checkpoint(path: Path, training: Training, about: Mapping[str, Any]) -> None:
    """Take a run up where :func:`write_checkpoint` left it; bit for bit the same run.

    Raises FileFormatError for a file that is none or is damaged, OptionError if the
    run in it is about something else, naming every difference.
    """
    metadata = read_metadata(path)
    if metadata.get("format") != FORMAT:
        raise FileFormatError(
            f"{path} is no training run that this version can go on with; begin again "
            "in another folder"
        )
    try:
        before = json.loads(metadata["about"])
        epoch, step, steps = map(int, json.loads(metadata["place"]))
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path} has a damaged header: {error}") from error
    wanted = json.loads(json.dumps(about, sort_keys=True))
    changed = [
        f"{name} was {before.get(name)!r} and is {wanted.get(name)!r}"
        for name in sorted({*before, *wanted})
        if before.get(name) != wanted.get(name)
    ]
    if changed:
        raise OptionError(
            f"the run in {path.parent} is another one: {'; '.join(changed)}: ask for "
            "the same again, or begin anew in another folder"
        )
    if steps != training.place.steps or epoch < 0 or not 0 <= step < steps:
        raise FileFormatError(
            f"{path} stopped at step {step} of {steps} in epoch {epoch}, but this run "
            f"has {training.place.steps} steps an epoch"
        )
    try:
        training.restore(read_safetensors(path), Place(epoch, step, steps, 0))
    except (KeyError, NetError) as error:
        raise FileFormatError(f"{path} does not fit this net: {error}") from error
