"""What is measured, and in which order: the issue's own targets first."""

from __future__ import annotations

from collections.abc import Iterator

import convolutions
import planes
import projection
from case import Case

FIRST = 3  # the order of what is no target any more


def order(case: Case) -> int:
    """What is to be known first: the targets, at batch 32."""
    if case.group in ("projection", "saliency"):
        return 2 if case.group == "projection" or case.batch == 1 else 4
    first = {1: 5, 32: 0, 256: 6}.get(case.batch, 4)
    if case.group == "vgg16 conv" or first == 6:
        return first
    return first + (1 if "conv" not in case.group or "transposed" in case.group else 3)


def cases(batches: tuple[int, ...]) -> Iterator[Case]:
    """All of them, those of one group together."""
    yield from projection.cases()
    for batch in batches:
        yield from convolutions.cases(batch)
        yield from planes.cases(batch)
