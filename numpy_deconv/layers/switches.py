"""What a max pool saves, and the unpooling of whole planes and of windows by it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Array, accumulator, narrowed
from ..per_axis import Sizes
from ..reference.pooling import divided
from ..registry import current
from .boxes import Boxes


@dataclass(frozen=True, eq=False)
class Pooled:
    """The switches ``(N, C, *pooled)``, and the size of the plane they index."""

    switches: Array
    size: Sizes
    _worked_out: dict[str, Array] = field(default_factory=dict, init=False, repr=False)

    def scattered(self, gy: Array, overlap: str) -> Array:
        """A signal at its switches, zeros elsewhere."""
        return current(gy).scatter(gy, self.switches, self.size, overlap)

    def cropped(self, inputs: Boxes, output: Boxes) -> Pooled:
        """The same for windows: the output's boxes, which point into the inputs'."""
        if inputs.whole and output.whole:
            return Pooled(output.cut(self.switches), self.size)
        switches = _local(output.cut(self.switches), self.size, inputs)
        return _CroppedPooled(switches, inputs.shape, self, inputs, output)

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

    def hits(self) -> Array:
        """How many windows point at each position, ``(N, C, *size)``."""
        if "hits" not in self._worked_out:
            ones = np.ones_like(self.switches)
            hits = current(ones).scatter(ones, self.switches, self.size, "sum")
            self._worked_out["hits"] = hits
        return self._worked_out["hits"]


@dataclass(frozen=True, eq=False)
class _CroppedPooled(Pooled):
    """Switches that index the plane of a window.

    What becomes of a value depends on windows outside of the box too: they carry no
    signal, but a zero of theirs may come later, be larger, or count in a mean.
    """

    planes: Pooled
    inputs: Boxes
    output: Boxes

    def scattered(self, gy: Array, overlap: str) -> Array:
        if overlap == "sum":
            return super().scattered(gy, "sum")
        if overlap == "mean":
            total = super().scattered(gy.astype(accumulator(gy.dtype)), "sum")
            hits = np.maximum(self.inputs.cut(self.planes.hits()), 1)
            return narrowed(divided(total, hits), gy.dtype)
        if overlap == "max":
            largest = super().scattered(gy, "max")
            ones = np.broadcast_to(np.ones_like(self.switches), gy.shape)
            inside = super().scattered(ones, "sum")
            zero_too = self.inputs.cut(self.planes.hits()) > inside
            return np.where(zero_too, np.maximum(largest, 0), largest)
        stays = self.output.cut(self.planes.winners(overlap))
        kept = np.where(stays, gy, gy.dtype.type(0))
        return super().scattered(kept, "sum")


def _local(switches: Array, size: Sizes, boxes: Boxes) -> Array:
    """Flat indices into planes of ``size`` as flat indices into the boxes' content.

    With ``q[a] = index // prod(size[a+1:])``, each row of the axes up to ``a`` that an
    index is past is as many samples shorter in a box as a row of it is in the plane.
    """
    axes = range(len(size))
    steps = [math.prod(boxes.shape[axis + 1 :]) for axis in axes]
    corners = boxes.origins @ np.array(steps)
    if (corners == corners[0]).all():
        local = switches - int(corners[0])
    else:
        corners = corners.reshape(-1, *(1,) * (switches.ndim - 1))
        local = switches - np.asarray(corners, like=switches)
    for axis in axes[1:]:
        passed = switches // math.prod(size[axis:])
        passed *= (boxes.shape[axis] - size[axis]) * steps[axis]
        local += passed
    return local
