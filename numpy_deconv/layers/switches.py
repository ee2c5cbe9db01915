"""What a max pool saves, and the unpooling of whole planes and of windows by it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array, accumulator, narrowed
from ..per_axis import Sizes
from ..reference.pooling import divided
from ..reference.switches import switches_in_windows
from ..registry import current
from .boxes import Boxes


@dataclass(frozen=True, eq=False)
class Pooled:
    """The switches ``(N, C, *pooled)``, and the size of the plane they index."""

    switches: Array
    size: Sizes
    _worked_out: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def scattered(self, gy: Array, overlap: str) -> Array:
        """A signal at its switches, zeros elsewhere."""
        return current(gy).scatter(gy, self.switches, self.size, overlap)

    def masked(self, gy: Array, where: Array) -> Array:
        """The sum at the switches, through the ReLU whose output was pooled."""
        return current(gy).scatter_masked(gy, self.switches, self.size, where)

    def cropped(self, inputs: Boxes, output: Boxes) -> Pooled:
        """The same for windows: the output's boxes, which point into the inputs'."""
        if inputs.whole and output.whole:
            return Pooled(output.cut(self.switches), self.size)
        return _CroppedPooled(self.switches, inputs.shape, self, inputs, output)

    def winners(self, overlap: str) -> Array:
        """Whether each window's value stays, where the last or the first one does."""
        if overlap not in self._worked_out:
            order = np.arange(self.switches[0, 0].size)
            order = order.reshape(1, 1, *self.switches.shape[2:])
            order = np.asarray(order, like=self.switches)
            order = np.broadcast_to(order, self.switches.shape)
            backend = current(self.switches)
            last = backend.scatter(order, self.switches, self.size, overlap)
            stays = backend.gather(last, self.switches)
            self._worked_out[overlap] = stays == order
        return self._worked_out[overlap]

    def codes(self, overlap: str, like: Array) -> Any:
        """What the backend for ``like`` reads quicker than switches, and winners."""
        backend = current(like)
        key = f"{overlap} by {type(backend).__name__}"
        if key not in self._worked_out:
            stays = None if overlap == "sum" else self.winners(overlap)
            found = backend.switch_codes(self.switches, stays, self.size)
            self._worked_out[key] = found
        return self._worked_out[key]

    def hits(self) -> Array:
        """How many windows point at each position, ``(N, C, *size)``."""
        if "hits" not in self._worked_out:
            ones = np.ones_like(self.switches)
            hits = current(ones).scatter(ones, self.switches, self.size, "sum")
            self._worked_out["hits"] = hits
        return self._worked_out["hits"]


@dataclass(frozen=True, eq=False)
class _CroppedPooled(Pooled):
    """Windows of planes; the switches are still those of the planes.

    What becomes of a value depends on windows outside of the box too: they carry no
    signal, but a zero of theirs may come later, be larger, or count in a mean.
    """

    planes: Pooled
    inputs: Boxes
    output: Boxes

    def masked(self, gy: Array, where: Array) -> Array:
        return current(gy).activation_grad(self._sum(gy), where, "relu")

    def scattered(self, gy: Array, overlap: str) -> Array:
        if overlap == "sum":
            return self._sum(gy)
        if overlap == "mean":
            total = self._sum(gy.astype(accumulator(gy.dtype)))
            hits = np.maximum(self.inputs.cut(self.planes.hits()), 1)
            return narrowed(divided(total, hits), gy.dtype)
        if overlap == "max":
            backend = current(gy)
            local, held = switches_in_windows(
                self.output.cut(self.switches), self.planes.size,
                self.inputs.origins, self.size,
            )  # fmt: skip
            met = np.where(held, gy, gy.dtype.type(-np.inf))
            largest = backend.scatter(met, local, self.size, "max")
            inside = self._sum(np.broadcast_to(np.ones_like(local), gy.shape))
            largest = np.where(inside > 0, largest, gy.dtype.type(0))
            zero_too = self.inputs.cut(self.planes.hits()) > inside
            return np.where(zero_too, np.maximum(largest, 0), largest)
        return self._sum(gy, overlap)

    def _sum(self, gy: Array, overlap: str = "sum") -> Array:
        """Of those that stay where only the last or the first one does."""
        stays = None if overlap == "sum" else self.planes.winners(overlap)
        codes = self.planes.codes(overlap, gy)
        given = gy, self.switches, stays, self.planes.size, self.output, self.inputs
        return current(gy).scatter_windows(*given, codes)
