"""Projections of single units on windows: only where their signal can be non-zero.

What is below one unit is a box, its receptive field, in every layer on the way. Units
whose boxes are alike go down together as a batch of windows; the numbers are those of
:meth:`Tape.project`, and everything outside of the boxes is zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import NetError, ShapeError
from ..layers.boxes import Boxes, Indices
from ..per_axis import Sizes
from ..rules import GRADIENT, Rules
from .footprint import Stop
from .legs import down, legs
from .memory import chunk_limit, memory_limit
from .route import Batch
from .tape import Tape


@dataclass(frozen=True, eq=False)
class Projected:
    """Some of the units: windows ``(B, C, *shape)`` of their projections.

    ``units`` are their numbers in the list that was asked for, ``boxes`` where the
    windows lie in the planes of the layer that the signal was sent down to.
    """

    units: Indices
    boxes: Boxes
    windows: Array

    def planes(self) -> Array:
        """The whole projections, ``(B, C, *plane)``."""
        return self.boxes.place(self.windows)

    def place_in(self, planes: Array) -> None:
        """Write each window into its unit's plane, ``planes[unit]``, of zeros."""
        self.boxes.put(planes, self.units, self.windows)


def project_units(
    tape: Tape,
    units: Sequence[Sequence[int]] | Indices,
    values: Sequence[float] | Array,
    *,
    start: str,
    rules: Rules = GRADIENT,
    stop: str = "input",
    memory: int | None = None,
) -> Iterator[Projected]:
    """Project single units of ``start``, each by itself, down to ``stop``.

    ``units`` are ``(sample, map, *position)`` and ``values`` what the signal starts
    with there. The units come back in batches, in an order of their own, each of them
    once. About ``memory`` bytes are in use at a time (None: a quarter of the
    machine's), and always as many as one unit needs. Raises what ``tape.project``
    raises, NetError for a unit that does not exist.

    >>> from numpy_deconv import Sequential
    >>> from numpy_deconv.layers import Conv, ReLU
    >>> net = Sequential({"conv": Conv(np.ones((1, 1, 3))), "relu": ReLU()})
    >>> tape = net.run(np.arange(9.0).reshape(1, 1, 9))
    >>> (only,) = project_units(tape, [(0, 0, 4)], [1.0], start="relu")
    >>> only.boxes.origins, only.windows
    (array([[4]]), array([[[1., 1., 1.]]]))
    """
    limit = chunk_limit(memory_limit(memory, tape[start]), tape[start])
    places = _checked(tape, units, start)
    seeds = np.asarray(to_numpy(values), tape[start].dtype)
    if len(seeds) != len(places):
        raise ShapeError(f"{len(places)} units need as many values, got {len(seeds)}")
    way = legs(tape, start, np.delete(places, 1, axis=1), rules, stop, limit)
    if way is None:
        yield from _in_full(tape, places, seeds, start, rules, stop, limit)
        return

    def given(batch: Batch[Stop]) -> Array:
        rows = batch.rows
        signal = _signal(tape[start], batch.at(start).shape, places[rows, 1])
        each = seeds[rows].reshape(-1, *(1,) * (signal.ndim - 1))
        signal *= np.asarray(each, like=signal)
        return signal

    for batch, found in down(way, given, limit):
        yield Projected(batch.rows, batch.at(stop), found)


def _signal(like: Array, size: Sizes, maps: Indices) -> Array:
    """1 at each row's map, ``(B, C, *size)``."""
    signal = np.zeros_like(like, shape=(len(maps), like.shape[1], *size))
    index = (np.arange(len(maps)), maps)
    signal[tuple(np.asarray(each, like=like) for each in index)] = 1
    return signal


def _checked(tape: Tape, units: Any, start: str) -> Indices:
    shape = tape[start].shape
    rank = len(shape)
    if not len(units):
        return np.zeros((0, rank), np.int64)
    places = np.asarray(units, np.int64)
    if places.ndim != 2 or places.shape[1] != rank:
        raise ShapeError(
            f"a unit of {start!r} has {rank} numbers, (sample, map, *position), got "
            f"{tuple(units[0])}"
        )
    wrong = ((places < 0) | (places >= np.array(shape))).any(axis=1)
    if wrong.any():
        place = tuple(places[wrong][0].tolist())
        raise NetError(
            f"{start!r} has no unit {place}: a unit is (sample, map, *position), and "
            f"the layer put out {shape}, counted from 0"
        )
    return places


def _in_full(
    tape: Tape,
    places: Indices,
    seeds: Array,
    start: str,
    rules: Rules,
    stop: str,
    limit: int,
) -> Iterator[Projected]:
    """The same with :meth:`Tape.project`; of each sample one unit at a time."""
    samples, size = places[:, 0], tape.shape(stop)[2:]
    if len(tape[start]) == 1:
        largest = max(math.prod(shape) for shape in tape.shapes.values())
        step = max(1, limit // max(1, 3 * largest * tape[start].itemsize))
        batches = [
            np.arange(f, min(f + step, len(places)))
            for f in range(0, len(places), step)
        ]
    else:
        earlier = [int((samples[:n] == s).sum()) for n, s in enumerate(samples)]
        rounds = np.array(earlier, np.int64)
        batches = [
            np.flatnonzero(rounds == r) for r in range(max(earlier, default=-1) + 1)
        ]
    for rows in batches:
        several = len(tape[start]) > 1
        count = len(tape[start]) if several else len(rows)
        signal = np.zeros_like(tape[start], shape=(count, *tape[start].shape[1:]))
        at = samples[rows] if several else np.arange(len(rows))
        index = (np.asarray(each, like=signal) for each in (at, *places[rows, 1:].T))
        signal[tuple(index)] = np.asarray(seeds[rows], like=signal)
        planes = tape.project(signal, start=start, rules=rules, stop=stop)
        boxes = Boxes(np.zeros((len(rows), len(size)), np.int64), size, size, at)
        yield Projected(rows, boxes, planes[np.asarray(at, like=planes)])
