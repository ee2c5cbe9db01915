"""Deconvnet projections: what in the picture a unit responds to.

Zeiler & Fergus 2014, section 2.1. Every other activation of the layer is set to zero;
the signal then goes down: unpooled by the switches of this very picture, rectified,
filtered with the transposed filters, without biases. The result in pixels is signed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..arrays import Array, to_numpy
from ..errors import NetError, OptionError
from ..functional.options import real, whole
from ..layers import AdaptiveMaxPool, Box, GlobalMaxPool, MaxPool
from ..net import Tape, receptive_field
from ..per_axis import is_several
from ..rules import DECONVNET, Rules, scatter
from .drawing import grid, signed_picture
from .result import Progress, Result
from .subject import batch_of, net_of, preprocess_of, settings_of

if TYPE_CHECKING:
    from PIL.Image import Image

CHUNK_BYTES = 256 * 2**20  # of the largest layer's signals, under way at a time


class Unit(NamedTuple):
    """One activation, and the box of the input it sees (one range per axis)."""

    layer: str
    sample: int
    map: int
    position: tuple[int, ...]
    value: float
    box: Box | None

    @property
    def dead(self) -> bool:
        """Whether it does not respond at all, so that its projection means nothing."""
        return self.value <= 0


@dataclass(frozen=True, eq=False)
class Projections(Result):
    """``pixels (M, C, H, W)``, signed: one projection per unit in ``units``."""

    units: list[Unit]
    subject: Any

    def pictures(self) -> list[np.ndarray[Any, Any]]:
        """Each projection stretched from its own minimum..maximum to 0..255."""
        return [signed_picture(p, preprocess_of(self.subject)) for p in self.pixels]

    def images(self) -> list[Image]:
        """:meth:`pictures` as Pillow images."""
        from PIL import Image

        return [Image.fromarray(picture) for picture in self.pictures()]

    def drawn(self) -> np.ndarray[Any, Any]:
        """All projections in a grid."""
        return grid(self.pictures(), min(len(self.units), 9))


def deconvnet(
    net: Any,
    x: Any,
    layer: str,
    *,
    maps: int | Sequence[int] | Literal["all"] | None = None,
    top: int | None = None,
    unit: Sequence[int] | None = None,
    start: Literal["activation"] | float = "activation",
    rules: Rules = DECONVNET,
    overlap: str | None = None,
    progress: Progress | None = None,
) -> Projections:
    """Project units of ``layer`` down to the pixels of each sample of ``x``.

    Which units: ``unit=(map, *position)``; or the strongest activation of each of the
    ``maps`` (a number, several, ``"all"``); or of the ``top`` maps whose strongest
    activation is largest (the default is the one strongest). The signal starts at the
    activation's own value, or at a number given as ``start``. ``overlap`` says what
    unpooling does where windows overlap (``"sum"`` unless the rules say otherwise;
    ``"assign"`` is that of a deconvnet made of ``MaxUnpool2d``).

    When interrupted, what was projected so far is returned and
    ``settings["interrupted_at"]`` says how many units that are. Raises NetError for a
    layer or unit the net does not have, RuleError at a layer for which there is no
    published rule.
    """
    graph, batch = net_of(net), batch_of(x)
    graph.require(layer)
    if sum(choice is not None for choice in (maps, top, unit)) > 1:
        raise OptionError("choose units by one of maps, top and unit, not by several")
    if start != "activation":
        start = _number(start)
    if not isinstance(rules, Rules):
        raise OptionError(
            f"rules must be a mapping of numpy_deconv.rules, got {rules!r}"
        )
    if overlap is not None:
        pools = (MaxPool, AdaptiveMaxPool, GlobalMaxPool)
        rules = rules.replace(dict.fromkeys(pools, scatter(overlap)), rules.name)
    units: list[Unit] = []
    projected: list[Array] = []
    interrupted: dict[str, Any] = {}
    try:
        for sample in range(len(batch)):
            tape = graph.run(batch[sample : sample + 1], until=layer)
            chosen = _choose(tape, layer, sample, maps, top, unit)
            step = _chunk(tape)
            for first in range(0, len(chosen), step):
                part = chosen[first : first + step]
                signal = _signal(tape[layer], part, start)
                projected.append(tape.project(signal, start=layer, rules=rules))
                units += part
                if progress is not None:
                    progress(len(units), len(batch) * len(chosen))
    except KeyboardInterrupt:
        if not projected:
            raise
        interrupted = {"interrupted_at": len(units)}
    pixels = np.concatenate(projected) if projected else np.zeros_like(batch[:0])
    settings = settings_of(
        "deconvnet",
        graph,
        batch,
        rules,
        layer=layer,
        start=start,
        units=[(u.sample, u.map, *u.position) for u in units],
        **interrupted,
    )
    return Projections(pixels, settings, units, net)


def _number(start: Any) -> float:
    try:
        number = float(real(start, "start"))
    except OptionError:
        number = math.nan
    if not math.isfinite(number):
        raise OptionError(f"start must be 'activation' or a number, got {start!r}")
    return number


def _choose(
    tape: Tape,
    layer: str,
    sample: int,
    maps: int | Sequence[int] | Literal["all"] | None,
    top: int | None,
    unit: Sequence[int] | None,
) -> list[Unit]:
    activation = to_numpy(tape[layer])[0]
    if not np.isfinite(activation).all():
        raise NetError(
            f"activations of {layer!r} are not finite: look for NaN or infinite values "
            "in the input or the weights"
        )
    if unit is not None:
        place = tuple(unit) if is_several(unit) else (unit,)
        place = tuple(whole(p, "unit") for p in place)
        return [_unit(tape, layer, sample, place, activation)]
    count = len(activation)
    planes = activation.reshape(count, -1)
    if maps is None:
        top = 1 if top is None else whole(top, "top")
        if not 1 <= top <= count:
            raise OptionError(f"top must be 1 to {count}, the maps of {layer!r}: {top}")
        numbers = np.argsort(-planes.max(axis=1), kind="stable")[:top].tolist()
    elif isinstance(maps, str):
        if maps != "all":
            raise OptionError(f"maps must be numbers or 'all', got {maps!r}")
        numbers = list(range(count))
    else:
        each: Any = maps if is_several(maps) else [maps]
        numbers = [whole(number, "maps") for number in each]
        if not numbers:
            raise OptionError("maps is empty: name at least one")
    chosen = []
    for number in numbers:
        if not 0 <= number < count:
            raise NetError(
                f"{layer!r} has no map {number}: its {count} maps are counted from 0"
            )
        position = np.unravel_index(planes[number].argmax(), activation.shape[1:])
        place = (int(number), *map(int, position))
        chosen.append(_unit(tape, layer, sample, place, activation))
    return chosen


def _unit(
    tape: Tape,
    layer: str,
    sample: int,
    place: tuple[int, ...],
    activation: np.ndarray[Any, Any],
) -> Unit:
    shape = activation.shape
    inside = len(place) == len(shape) and all(
        0 <= p < length for p, length in zip(place, shape, strict=True)
    )
    if not inside:
        raise NetError(
            f"{layer!r} has no unit {place}: a unit is (map, *position), and the layer "
            f"has shape {shape}, counted from 0"
        )
    box = receptive_field(tape, layer, place[1:])
    return Unit(layer, sample, place[0], place[1:], float(activation[place]), box)


def _signal(activation: Array, units: Sequence[Unit], start: float | str) -> Array:
    signal = np.zeros_like(activation, shape=(len(units), *activation.shape[1:]))
    for row, u in enumerate(units):
        value = u.value if isinstance(start, str) else start
        signal[(row, u.map, *u.position)] = value
    return signal


def _chunk(tape: Tape) -> int:
    largest = max(values.nbytes for values in tape.values.values())
    return max(1, CHUNK_BYTES // max(1, largest))
