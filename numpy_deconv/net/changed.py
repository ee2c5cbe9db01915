"""What is new of activations: boxes, and the windows that they hold now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Array
from ..layers.boxes import Boxes

Changed = tuple[Boxes, Array]
Fresh = dict[str, Changed]


def whole_planes(before: Array, changed: Changed) -> Changed:
    """What was before, once for each row, with what is new written over it."""
    boxes, windows = changed
    if boxes.whole:
        return changed
    whole = replace(boxes, origins=np.zeros_like(boxes.origins), shape=boxes.plane)
    return whole, whole.patched(before, windows, boxes)


def joined(before: Array, parts: Sequence[Changed]) -> Changed:
    """All rows in one; as whole planes if their boxes are of different shapes."""
    if len(parts) == 1:
        return parts[0]
    if len({boxes.shape for boxes, _ in parts}) > 1:
        parts = [whole_planes(before, part) for part in parts]
    origins, samples = (
        np.concatenate([getattr(boxes, each) for boxes, _ in parts])
        for each in ("origins", "samples")
    )
    boxes = replace(parts[0][0], origins=origins, samples=samples)
    return boxes, np.concatenate([windows for _, windows in parts])


def alike(one: Fresh, other: Fresh, wanted: Collection[str]) -> bool:
    """Whether they are of the same activations, the wanted ones in boxes of a shape."""
    return one.keys() == other.keys() and all(
        one[name][0].shape == other[name][0].shape for name in wanted if name in one
    )
