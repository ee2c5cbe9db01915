"""What a run has been through: loss and accuracy of every step, and of every check."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """``losses`` and ``accuracies`` (0 to 1) of the batches, in the order of the steps.

    Both are those of a batch before the step that was taken on it.
    """

    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)

    def add(self, loss: float, accuracy: float) -> None:
        """One more step."""
        self.losses.append(loss)
        self.accuracies.append(accuracy)

    def __len__(self) -> int:
        return len(self.losses)

    def epochs(self, steps: int) -> list[tuple[float, float]]:
        """Mean loss and accuracy of each epoch of ``steps``, of the last one so far."""
        starts = range(0, len(self), steps)
        return [
            (_mean(self.losses[a : a + steps]), _mean(self.accuracies[a : a + steps]))
            for a in starts
        ]

    def as_csv(self, steps: int) -> str:
        """One line a step: iteration and epoch from 1, loss, accuracy."""
        text = io.StringIO("iteration,epoch,loss,accuracy\n")
        text.seek(0, io.SEEK_END)
        both = zip(self.losses, self.accuracies, strict=True)
        for number, (loss, accuracy) in enumerate(both):
            text.write(
                f"{number + 1},{number // steps + 1},{loss:.9g},{accuracy:.6g}\n"
            )
        return text.getvalue()

    def as_json(self, steps: int, about: dict[str, Any]) -> str:
        """The same with each epoch's means, and whatever else there is to say."""
        epochs = [
            {"epoch": number, "loss": loss, "accuracy": accuracy}
            for number, (loss, accuracy) in enumerate(self.epochs(steps), start=1)
        ]
        told = {"epochs": epochs, "loss": self.losses, "accuracy": self.accuracies}
        return json.dumps({**about, **told}, indent=1, default=str) + "\n"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
