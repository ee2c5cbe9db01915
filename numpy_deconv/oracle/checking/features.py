"""What is special about a call, in words: a rule for when a kernel fails."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ..drawing import Case

MOST = 24
SURE = 0.6
"""Share of failures among the calls that a rule must exceed."""
MORE = 0.02
ENOUGH = 3
"""Failures from which a rule is drawn."""


def features_of(case: Case) -> frozenset[str]:
    """Everything about a call that could matter to a kernel."""
    attrs, found = case.attrs, set()
    for name in ("stride", "dilation", "kernel_size", "scale"):
        value = attrs.get(name)
        if isinstance(value, tuple):
            found |= _of_axes(name, value, 1)
    for name in ("padding", "output_padding"):
        value = attrs.get(name)
        if isinstance(value, tuple):
            found |= _of_axes(name, value, 0)
            if any(np.ndim(v) and v[0] != v[1] for v in value):
                found.add("begin and end padding differ")
    for name, value in attrs.items():
        if isinstance(value, bool):
            found.add(f"{name} is {value}")
        elif name == "groups" and value > 1:
            found.add("groups > 1")
        elif isinstance(value, str):
            found.add(f"{name} is {value!r}")
    first = next(a for a in case.inputs if a is not None)
    shape = np.shape(first)
    found.add(f"rank {len(shape) - 2}")
    found.add(f"dtype {first.dtype.name}")
    found.add(f"{case.kind} data")
    if shape:
        found |= _of_shape(shape)
    if case.arrays.get("bias") is not None:
        found.add("there is a bias")
    weight = case.arrays.get("weight")
    if weight is not None and weight.ndim > 2:
        found |= _of_weight(case, weight)
    found |= {f"{name} is laid out {how}" for name, how in case.layouts.items()}
    if any(how != "C" for how in case.layouts.values()):
        found.add("an input is not contiguous")
    return frozenset(found)


def _of_axes(name: str, value: tuple[Any, ...], usual: int) -> set[str]:
    flat = [v for entry in value for v in (entry if np.ndim(entry) else (entry,))]
    found = set()
    if max(flat, default=usual) > usual:
        found.add(f"{name} > {usual}")
    if len(set(value)) > 1:
        found.add(f"{name} differs between axes")
    return found


def _of_shape(shape: tuple[int, ...]) -> set[str]:
    found = set()
    if shape[0] > 1:
        found.add("batch > 1")
    if shape[0] == 0:
        found.add("the batch is empty")
    if len(shape) > 1 and shape[1] > 1:
        found.add("channels > 1")
    if len(shape) > 1 and shape[1] > 4:
        found.add("channels > 4")
    if len(shape) > 1 and shape[1] > 8:
        found.add("channels > 8")
    if len(shape) > 2:
        if shape[-1] % 8:
            found.add("width is no multiple of 8")
        for limit in (8, 16, 32, 64):
            if shape[-1] > limit:
                found.add(f"width > {limit}")
    if len(shape) > 3 and shape[-1] != shape[-2]:
        found.add("height and width differ")
    return found


def _of_weight(case: Case, weight: Any) -> set[str]:
    found = set()
    if weight.shape[1] == 1 and len(weight) > 1:
        found.add("depthwise")
    if set(weight.shape[2:]) == {1}:
        found.add("kernel 1x1")
    if max(weight.shape[2:]) > 1:
        found.add("kernel_size > 1")
    if len(weight) > 8:
        found.add("filters > 8")
    return found


def rule_of(seen: Sequence[tuple[frozenset[str], bool]]) -> str | None:
    """Up to three features that all failures have, and hardly a success.

    Some calls come out right by chance: a wrong index does not show in equal numbers.
    """
    failed = [features for features, bad in seen if bad]
    passed = [features for features, bad in seen if not bad]
    if len(failed) < ENOUGH or len(passed) < ENOUGH:
        return None
    shared = frozenset.intersection(*failed)
    dull = frozenset.intersection(*(features for features, _ in seen))
    telling = sorted(shared - dull)[:MOST]
    best, share = "", SURE
    for count in (1, 2, 3):
        for some in combinations(telling, count):
            wanted = set(some)
            hits = sum(wanted <= features for features in passed)
            found = len(failed) / (len(failed) + hits)
            # one more condition must explain noticeably more
            if found > share + (count - 1) * MORE:
                best, share = " and ".join(some), found
    return best or None
