"""Whole nets: forward, forward with every pool's switches kept, saliency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial

import numpy as np

from numpy_deconv import methods
from numpy_deconv.models import ARCHITECTURES
from numpy_deconv.net import Graph
from numpy_deconv.registry import use_backend

from .. import work
from ..case import DECIDED, EXACT, Answer, Candidate, Case, Prepared, draw
from ..contenders import Contender
from ..shapes import NETS, macs

BATCHES = (1, 8)
TARGET = 7
FORWARD, SWITCHES, SALIENCY = "forward", "forward with switches", "saliency"


def cases() -> Iterator[Case]:
    """Three uses of each net at batch 1 and 8."""
    for name in NETS:
        total = macs(ARCHITECTURES[name])
        for batch in BATCHES:
            for group, passes in ((FORWARD, 1), (SWITCHES, 1), (SALIENCY, 2)):
                if group == SWITCHES and name == "efficientnet_lite0":
                    continue  # it has no pool that picks
                yield Case(
                    "nets",
                    group,
                    f"{name} {group}",
                    batch,
                    work.net(total, batch, passes),
                    partial(prepare, name, group, batch),
                    DECIDED if group == SALIENCY else EXACT,
                )


@lru_cache(maxsize=1)
def graph(name: str) -> Graph:
    """The net with random weights, read-only as loaded ones are; the last one asked
    for is kept."""
    architecture = ARCHITECTURES[name]
    weights = architecture.random_weights(0)
    for weight in weights.values():
        weight.flags.writeable = False
    return architecture.build(weights)


def prepare(
    name: str, group: str, batch: int, contenders: Iterable[Contender]
) -> Prepared:
    """The net on noise."""
    net = graph(name)
    x = draw(batch, 3, *ARCHITECTURES[name].preprocess.size)

    def truth() -> Answer:
        with use_backend("numpy"):
            parts = [x[n : n + 1] for n in range(batch)]
            if group == SALIENCY:
                found = [methods.saliency(net, p, TARGET).pixels for p in parts]
            else:
                found = [net(part) for part in parts]
        return (np.concatenate(found),)

    def ask(who: Contender) -> list[Candidate]:
        if group == SALIENCY:
            return who.saliency(net, x, TARGET)
        return who.forward(net, x, switches=group == SWITCHES)

    return Prepared.of(truth, contenders, ask)
