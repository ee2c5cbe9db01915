"""What a climb hands back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...arrays import Array, to_numpy
from ..drawing import network_picture, signed_picture
from ..result import Result
from ..subject import preprocess_of
from .space import Space


@dataclass(frozen=True, eq=False)
class Ascent(Result):
    """``pixels (1, C, *size)`` in the net's input space; ``history``, a value a step.

    ``snapshots`` holds ``(step, pixels)`` as often as was asked for.
    """

    history: list[float]
    snapshots: list[tuple[int, Array]]
    subject: Any

    def drawn(self) -> np.ndarray[Any, Any]:
        """The picture, back in colours; its contrast stretched if that is the way."""
        return self._picture(self.pixels)

    def drawn_steps(self) -> list[tuple[int, np.ndarray[Any, Any]]]:
        """The step and the picture of each snapshot."""
        return [(step, self._picture(x)) for step, x in self.snapshots]

    def _picture(self, x: Array) -> np.ndarray[Any, Any]:
        known = preprocess_of(self.subject)
        if not self.settings.get("stretched"):
            return network_picture(x, known)
        host = to_numpy(x)
        space = Space.of(self.subject, host.shape[1:], "levels", host)
        levels = space.from_input(host)
        return signed_picture(levels[0], known)
