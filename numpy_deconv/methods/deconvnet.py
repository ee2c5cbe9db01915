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

from ..arrays import to_numpy
from ..errors import NetError, OptionError
from ..functional.options import real, whole
from ..layers import AdaptiveMaxPool, Box, GlobalMaxPool, MaxPool
from ..net import Tape, project_units
from ..net.memory import memory_limit
from ..net.receptive_field import receptive_fields
from ..per_axis import is_several
from ..rules import DECONVNET, Rules, scatter
from .drawing import grid, signed_picture
from .result import Progress, Result
from .subject import batch_of, net_of, place_of, preprocess_of, runs, settings_of

if TYPE_CHECKING:
    from PIL.Image import Image


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
    memory: int | None = None,
    progress: Progress | None = None,
) -> Projections:
    """Project units of ``layer`` down to the pixels of each sample of ``x``.

    Which units: ``unit=(map, *position)``; or the strongest activation of each of the
    ``maps`` (a number, several, ``"all"``); or of the ``top`` maps whose strongest
    activation is largest (the default is the one strongest). The signal starts at the
    activation's own value, or at a number given as ``start``. ``overlap`` says what
    unpooling does where windows overlap (``"sum"`` unless the rules say otherwise;
    ``"assign"`` is that of a deconvnet made of ``MaxUnpool2d``).

    Each unit is projected on its receptive field only, in batches that take about
    ``memory`` bytes at most (None: a quarter of the machine's); the result comes on
    top. When interrupted, what was projected so far is returned and
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
    # half for the run, and half for the projections
    limit = -(-memory_limit(memory, batch) // 2)
    units: list[Unit] = []
    done: list[int] = []
    pixels = batch[:0]
    interrupted: dict[str, Any] = {}
    try:
        for first, tape in runs(graph, batch, layer, rules, limit):
            chosen = _choose(tape, layer, first, maps, top, unit)
            total = len(chosen) // len(tape[layer]) * len(batch)
            if not units:
                pixels = np.zeros_like(batch, shape=(total, *batch.shape[1:]))
            offset, units = len(units), units + chosen
            for part in project_units(
                tape,
                [(u.sample - first, u.map, *u.position) for u in chosen],
                [u.value if isinstance(start, str) else start for u in chosen],
                start=layer,
                rules=rules,
                memory=limit,
            ):
                part.place_in(pixels[offset:])
                done += (part.units + offset).tolist()
                if progress is not None:
                    progress(len(done), total)
    except KeyboardInterrupt:
        if not done:
            raise
        interrupted = {"interrupted_at": len(done)}
    if len(done) < len(pixels):
        done.sort()
        pixels, units = pixels[done], [units[n] for n in done]
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
    first: int,
    maps: int | Sequence[int] | Literal["all"] | None,
    top: int | None,
    unit: Sequence[int] | None,
) -> list[Unit]:
    """The units of every sample of a run; its samples are counted from ``first``."""
    activations = to_numpy(tape[layer])
    if not np.isfinite(activations).all():
        raise NetError(
            f"activations of {layer!r} are not finite: look for NaN or infinite values "
            "in the input or the weights"
        )
    places = [
        (sample, place)
        for sample, activation in enumerate(activations)
        for place in _places(layer, activation, maps, top, unit)
    ]
    boxes = receptive_fields(tape, layer, [place[1:] for _, place in places])
    units = []
    for (sample, place), box in zip(places, boxes, strict=True):
        number, *position = place
        value = float(activations[(sample, *place)])
        found = Unit(layer, first + sample, number, tuple(position), value, box)
        units.append(found)
    return units


def _places(
    layer: str,
    activation: np.ndarray[Any, Any],
    maps: int | Sequence[int] | Literal["all"] | None,
    top: int | None,
    unit: Sequence[int] | None,
) -> list[tuple[int, ...]]:
    """``(map, *position)`` of each chosen unit of one sample."""
    if unit is not None:
        return [place_of(unit, layer, activation.shape)]
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
    for number in numbers:
        if not 0 <= number < count:
            raise NetError(
                f"{layer!r} has no map {number}: its {count} maps are counted from 0"
            )
    strongest = planes[numbers].argmax(axis=1)
    positions = np.stack(np.unravel_index(strongest, activation.shape[1:] or (1,)), 1)
    rank = activation.ndim - 1
    return [
        (int(number), *position[:rank])
        for number, position in zip(numbers, positions.tolist(), strict=True)
    ]
