"""The folder of a run: everything to go on from, and everything to look at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from ..arrays import to_numpy
from ..errors import FileFormatError, OutputError
from ..io.atomic import atomic_write
from ..io.png import write_png
from ..io.regular_file import open_regular_file
from ..io.safetensors import write_safetensors
from ..models import Model, Preprocess, find_architecture
from ..models.load import load_model
from ..version import __version__
from .checkpoint import read_checkpoint, write_checkpoint
from .curve import curve
from .training import Training

CARD, WEIGHTS, CHECKPOINT = "run.json", "weights.safetensors", "checkpoint.safetensors"
MOST_BYTES = 1 << 26
PARTIAL = ".partial"  # how atomic_write ends the name of what is not yet whole


@dataclass(frozen=True)
class RunFolder:
    """Where a run of one of the known architectures is kept.

    ``about`` says what the run is: a run goes on only in a folder that says the same.
    ``told`` is whatever else its card is to hold.

    - ``checkpoint.safetensors``: weights, optimizer, place, history; one file, so that
      all of it is of one moment.
    - ``weights.safetensors``: the weights after the last whole epoch, by state-dict
      key, as :func:`numpy_deconv.load_model` takes them.
    - ``run.json``, ``history.csv``, ``history.json``, ``curve.png``.
    """

    path: Path
    architecture: str
    preprocess: Preprocess
    labels: tuple[str, ...]
    about: Mapping[str, Any]
    told: Mapping[str, Any] = field(default_factory=dict)

    @property
    def begun(self) -> bool:
        """Whether there is a run to go on with."""
        return (self.path / CHECKPOINT).exists()

    def resume(self, training: Training) -> None:
        """Take up the run that is here; raises what ``read_checkpoint`` raises."""
        # A process that was killed while it wrote could not clear up after itself.
        for left in self.path.glob(f".*{PARTIAL}"):
            with suppress(OSError):
                left.unlink()
        read_checkpoint(self.path / CHECKPOINT, training, self.about)

    def discard(self) -> None:
        """Remove what a run could go on from."""
        try:
            (self.path / CHECKPOINT).unlink(missing_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(
                f"cannot remove {self.path / CHECKPOINT}: {reason}"
            ) from error

    def save(self, training: Training) -> None:
        """Write what the run goes on from."""
        write_checkpoint(self.path / CHECKPOINT, training, self.about)

    def show(self, training: Training) -> None:
        """Write everything to use and to look at."""
        known = find_architecture(self.architecture)
        weights = known.weights_of(training.net).items()
        arrays = {name: to_numpy(value) for name, value in weights}
        write_safetensors(self.path / WEIGHTS, arrays)
        steps = training.place.steps
        card = {
            "numpy_deconv": __version__,
            "architecture": self.architecture,
            "preprocess": asdict(self.preprocess),
            "labels": list(self.labels),
            "epochs_done": training.place.epoch,
            **self.told,
            "about": dict(self.about),
        }
        self._write(CARD, json.dumps(card, indent=1, default=str) + "\n")
        self._write("history.csv", training.history.as_csv(steps))
        self._write("history.json", training.history.as_json(steps, {"steps": steps}))
        write_png(self.path / "curve.png", curve(training.history, steps))

    def _write(self, name: str, text: str) -> None:
        with atomic_write(self.path / name) as file:
            file.write(text.encode("utf-8", "backslashreplace"))


def load_trained(folder: Path) -> Model:
    """The model that a run in ``folder`` has made so far.

    Raises FileFormatError if there is none.
    """
    try:
        file, _ = open_regular_file(folder / CARD)
    except FileFormatError as error:
        raise FileFormatError(
            f"{folder} is not the folder of a training run, or its first epoch is not "
            f"over: {error}"
        ) from error
    with file:
        content = file.read(MOST_BYTES)
    try:
        card = json.loads(content)
        seen = {k: _tuples(v) for k, v in card["preprocess"].items()}
        name, labels = str(card["architecture"]), tuple(map(str, card["labels"]))
        preprocess = Preprocess(**seen)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(f"{folder / CARD} is damaged: {error!r}") from error
    return load_model(
        folder / WEIGHTS,
        architecture=name,
        labels=labels or None,
        preprocess=preprocess,
    )


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def described(value: Any) -> Any:
    """A setting as plain data: a dataclass as its name and its fields."""
    if is_dataclass(value):
        named = {f.name: described(getattr(value, f.name)) for f in fields(value)}
        return {"kind": type(value).__name__, **named}
    if isinstance(value, Mapping):
        return {str(key): described(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [described(each) for each in value]
    return value
