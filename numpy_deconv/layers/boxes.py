"""Boxes in the planes of a batch: cutting windows out, and putting them back.

::

    windows (B, C, *shape)  <-  planes (N, C, *plane)      row b: samples[b], origins[b]
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array, family
from ..per_axis import Sizes
from ..reference.windows import held, met
from ..registry import current
from ..window import Window

Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of one shape, a row each, with their own origins and samples."""

    origins: Indices  # (B, rank): the first position of each box
    shape: Sizes
    plane: Sizes  # the spatial size of what they are cut from
    samples: Indices  # (B,): whose plane each of them is in

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def whole(self) -> bool:
        """Whether they are not windows but the planes themselves."""
        return self.shape == self.plane and not self.origins.any()

    def alike(self, other: Boxes) -> bool:
        """Whether each of the others lies where this one does."""
        same = self is other or np.array_equal(self.origins, other.origins)
        return same and self.shape == other.shape

    def among(self, batch: int) -> Indices:
        """The rows' samples in planes of which there are so many; one serves all."""
        return np.zeros_like(self.samples) if batch == 1 else self.samples

    def cut(self, planes: Array, outside: float = 0) -> Array:
        """The boxes' content ``(B, C, *shape)``; a batch of one where all are alike.

        ``planes`` of one sample serve every row. A box may hang over the edge of its
        plane: there it holds the value ``outside``.
        """
        samples = self.among(len(planes))
        if family(planes) != "numpy":
            return self._cut_at_once(planes, samples, outside)
        ends = self.origins + np.array(self.shape, np.int64)
        inside = (self.origins >= 0).all() and (ends <= np.array(self.plane)).all()
        if inside and len(self) and (self.origins == self.origins[0]).all():
            window = planes[(..., *self._slices(0))]
            return rows_of(window, samples)
        return current(planes).cut(planes, self, outside)

    def _cut_at_once(self, planes: Array, samples: Indices, outside: float) -> Array:
        """:meth:`cut` by indices: on a GPU a copy for each row would take longer."""
        places, within = self._places()
        flat = planes.reshape(*planes.shape[:2], math.prod(self.plane))
        channels = np.arange(planes.shape[1])[:, None]
        index = (samples[:, None, None], channels, places[:, None])
        windows = flat[tuple(np.asarray(each, like=planes) for each in index)]
        if not within.all():
            there = np.asarray(within[:, None], like=planes)
            windows = np.where(there, windows, planes.dtype.type(outside))
        return windows.reshape(len(self), planes.shape[1], *self.shape)

    def _places(self) -> tuple[Indices, np.ndarray[Any, np.dtype[np.bool_]]]:
        """Flat index into its plane of each place of each box ``(B, prod(shape))``, and
        whether it lies in there; an index that does not is that of another place."""
        places, within = (
            np.zeros((len(self), 1), np.int64),
            np.ones((len(self), 1), bool),
        )
        for axis, (length, extent) in enumerate(
            zip(self.plane, self.shape, strict=True)
        ):
            at = self.origins[:, axis, None] + np.arange(extent)
            inside = (at >= 0) & (at < length)
            at = np.clip(at, 0, max(0, length - 1))
            shape = len(self), places.shape[1] * extent
            places = (places[..., None] * length + at[:, None]).reshape(shape)
            within = (within[..., None] & inside[:, None]).reshape(shape)
        return places, within

    def put(self, planes: Array, rows: Indices, windows: Array) -> None:
        """Write each window over its box in ``planes[row]``."""
        if family(planes) == "numpy":
            for number, row in enumerate(rows.tolist()):
                planes[row][(slice(None), *self._slices(number))] = windows[number]
            return
        flat = planes.reshape(*planes.shape[:2], math.prod(self.plane))
        channels = np.arange(planes.shape[1])[:, None]
        index = (rows[:, None, None], channels, self._places()[0][:, None])
        each = windows.reshape(*windows.shape[:2], -1)
        flat[tuple(np.asarray(i, like=planes) for i in index)] = each

    def place(self, windows: Array) -> Array:
        """``(B, C, *plane)``: each row's window in a plane of zeros of its own."""
        if self.whole:
            return windows
        shape = (len(self), windows.shape[1], *self.plane)
        planes = np.zeros_like(windows, shape=shape, order="C")
        self.put(planes, np.arange(len(self)), windows)
        return planes

    def patched(
        self, planes: Array, windows: Array, inner: Boxes, outside: float = 0
    ) -> Array:
        """:meth:`cut`, with what the windows of other boxes hold written over it.

        There is a row for each box, whether they are alike or not.
        """
        if family(planes) == "numpy":
            return current(planes).cut(planes, self, outside, windows, inner)
        at = inner.origins - self.origins
        cut = self._cut_at_once(planes, self.among(len(planes)), outside)
        low, high = met(at, inner.shape, self.shape)
        for row in np.flatnonzero((low < high).all(axis=1)).tolist():
            here, there = held(low[row], high[row], at[row])
            cut[row][there] = windows[row][here]
        return cut

    def of_rows(self, rows: Indices) -> Boxes:
        """Some of the boxes."""
        origins, samples = self.origins[rows], self.samples[rows]
        return replace(self, origins=origins, samples=samples)

    def by_row(self) -> Boxes:
        """The same boxes in planes of which there is one for each row."""
        return replace(self, samples=np.arange(len(self)))

    def moved(self, windows: Array, other: Boxes, rows: Indices | None = None) -> Array:
        """What the windows of other boxes hold of these boxes; zeros beside them.

        ``rows`` says which row of the others each of these belongs to.
        """
        at = np.arange(len(self)) if rows is None else rows
        there = replace(
            self,
            origins=self.origins - other.origins[at],
            plane=other.shape,
            samples=at,
        )
        return there.cut(windows)

    def _slices(self, row: int) -> tuple[slice, ...]:
        origin = self.origins[row].tolist()
        return tuple(slice(o, o + n) for o, n in zip(origin, self.shape, strict=True))


def window_between(window: Window, inputs: Boxes, output: Boxes) -> Window:
    """``window`` as it stands between boxes whose offset is the same in every row."""
    first, start = (tuple(b.origins[0].tolist()) for b in (output, inputs))
    return window.on_box((first, output.shape), (start, inputs.shape))


def rows_of(x: Array, samples: Indices) -> Array:
    """``x`` for each of these samples: a batch of one where it is the same for all."""
    if len(x) == 1 or np.array_equal(samples, np.arange(len(x))):
        return x
    first = int(samples[0]) if len(samples) else 0
    if (samples == first).all():
        return x[first : first + 1]
    return x[np.asarray(samples, like=x)]
