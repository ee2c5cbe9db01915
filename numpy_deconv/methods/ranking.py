"""The strongest activations of every map over many pictures, one per picture.

The search keeps a table of the best so far, which can be written to a file as it goes:
over a large data set it takes hours, and must not be lost.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import FileFormatError, NetError, OptionError
from ..net import Graph
from ..net.memory import memory_limit
from .result import Progress
from .subject import batch_of, fitting, net_of, preprocess_of

SAVE_AFTER = 30.0  # seconds between two savings of the table
Table = np.ndarray[Any, Any]


@dataclass
class Ranking:
    """``values``, ``pictures`` and flat ``places``, each ``(maps, top)``; -1: none yet.

    ``done`` pictures were looked at; ``skipped`` could not be read.
    """

    subject: Any
    source: Any
    top: int
    sample: Array
    values: Table
    pictures: Table
    places: Table
    done: int = 0
    interrupted: bool = False
    skipped: list[tuple[int, str]] = field(default_factory=list)

    def read(self, number: int) -> Array:
        """One picture as the net's input ``(1, C, *size)``."""
        return read_picture(self.subject, self.source, number)

    def take_up(self, activation: Table, numbers: list[int]) -> None:
        """Merge the activations ``(B, maps, *size)`` of some pictures."""
        flat = activation.reshape(*activation.shape[:2], -1)
        if np.isnan(flat).any():
            raise NetError(
                f"activations for picture {numbers[0]} or one after it are NaN: look "
                "for the layer that makes them"
            )
        values = np.concatenate([self.values, flat.max(axis=2).T], axis=1)
        fresh = np.broadcast_to(numbers, (flat.shape[1], len(numbers)))
        pictures = np.concatenate([self.pictures, fresh], axis=1)
        places = np.concatenate([self.places, flat.argmax(axis=2).T], axis=1)
        # Stable: of equal activations that of the earlier picture stays.
        order = np.argsort(-values, axis=1, kind="stable")[:, : self.top]
        self.values, self.pictures, self.places = (
            np.take_along_axis(each, order, axis=1)
            for each in (values, pictures, places)
        )


def read_picture(subject: Any, source: Any, number: int) -> Array:
    """One of the pictures as the net's input ``(1, C, *size)``."""
    if hasattr(source, "ndim"):
        return source[number : number + 1]
    preprocess = preprocess_of(subject)
    if preprocess is None:
        return batch_of(source[number])
    return preprocess(source[number])


def ranked(
    subject: Any,
    source: Sequence[Any] | Array,
    layer: str,
    top: int,
    state: str | PathLike[str] | None,
    memory: int | None,
    progress: Progress | None,
) -> Ranking:
    """Look at every picture that the file ``state`` does not yet know."""
    net, total = net_of(subject), len(source)
    found, step = _begun(subject, net, source, layer, top, memory)
    names = [str(each) for each in source if isinstance(each, str | PathLike)]
    about = f"{layer} {top} {total} {names}"
    kept = None if state is None else _Kept(Path(state), net, about)
    if kept is not None:
        kept.load(found)
    try:
        while found.done < total:
            numbers, batch = _batch(found, step)
            if batch:
                x = np.concatenate(batch)
                activation = net.run(x, until=layer, keep=())[layer]
                found.take_up(to_numpy(activation), numbers)
            found.done = min(total, found.done + step)
            if kept is not None:
                kept.save(found, last=found.done == total)
            if progress is not None:
                progress(found.done, total)
    except KeyboardInterrupt:
        if not found.done:
            raise
        found.interrupted = True
        if kept is not None:
            kept.save(found, last=True)
    return found


def _begun(
    subject: Any, net: Graph, source: Any, layer: str, top: int, memory: int | None
) -> tuple[Ranking, int]:
    """An empty table, and how many pictures fit; the first that can be read tells."""
    sample, why = None, ""
    for number in range(len(source)):
        try:
            sample = batch_of(read_picture(subject, source, number))
        except (FileFormatError, OSError) as error:
            why = why or f": {error}"
            continue
        break
    if sample is None:
        raise OptionError(f"none of the {len(source)} pictures can be read{why}")
    tape = net.run(sample, until=layer, keep=())
    shape = (tape.shape(layer)[1], 0)
    empty = np.zeros(shape, tape[layer].dtype), np.zeros(shape, int)
    table = (empty[0], empty[1], empty[1].copy())
    return Ranking(subject, source, top, sample, *table), fitting(
        tape, memory_limit(memory, sample)
    )


def _batch(found: Ranking, step: int) -> tuple[list[int], list[Array]]:
    """The next pictures that can be read; the others are noted."""
    numbers, batch = [], []
    for number in range(found.done, min(len(found.source), found.done + step)):
        try:
            x = batch_of(found.read(number))
        except (FileFormatError, OSError) as error:
            found.skipped.append((number, str(error)))
            continue
        numbers.append(number)
        batch.append(x)
    return numbers, batch


class _Kept:
    """The table in a file, and what it is a table of."""

    def __init__(self, path: Path, net: Graph, about: str):
        self._path, self._saved = path, time.monotonic()
        digest = hashlib.sha256(about.encode("utf-8", "surrogateescape"))
        for name, values in net.params.items():
            digest.update(name.encode() + np.ascontiguousarray(to_numpy(values)).data)
        self._about = np.frombuffer(digest.digest(), np.uint8)

    def load(self, found: Ranking) -> None:
        from ..io.npz import read_npz

        if not self._path.exists():
            return
        table = read_npz(self._path)
        about = table.get("about")
        if about is None or not np.array_equal(about, self._about):
            raise OptionError(
                f"{self._path} holds a search of another net, layer, top or other "
                "pictures: name another file, or remove it"
            )
        found.values, found.pictures = table["values"], table["pictures"]
        found.places, found.done = table["places"], int(table["done"])
        found.skipped = [(int(n), "skipped before") for n in table["skipped"]]

    def save(self, found: Ranking, *, last: bool) -> None:
        from ..io.npz import write_npz

        if not last and time.monotonic() - self._saved < SAVE_AFTER:
            return
        self._saved = time.monotonic()
        table = {
            "about": self._about,
            "values": found.values,
            "pictures": found.pictures,
            "places": found.places,
            "done": np.array(found.done),
            "skipped": np.array([number for number, _ in found.skipped], int),
        }
        write_npz(self._path, table)
