"""Drawn calls of every operation of the oracle, with PyTorch's answers to them."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import numpy.typing as npt
import torch_peer
from agreement import first

from numpy_deconv.oracle import OPERATIONS

NAMES = sorted(name for name in OPERATIONS if "training" not in name)
"""All but what no function of the library computes, and no case is drawn of."""


def is_comparable(name: str, case: cases.Case) -> bool:
    """Whether PyTorch has this call: not the gradient of unpooling's other rules."""
    if name != "max_unpool.backward":
        return True
    plain = case.options["overlap"] in ("assign", "sum", "mean")
    return plain or cases.is_injective(case)


def drawn_case(draw: Any, name: str, dtype: npt.DTypeLike) -> cases.Case:
    """A case of the operation's forward function, finite for a gradient."""
    kinds = cases.FINITE if name.endswith(".backward") else None
    strategy = cases.strategy(name.removesuffix(".backward"), dtype, kinds=kinds)
    return draw(strategy)


def torch_answer(name: str, case: cases.Case) -> tuple[Any, list[Any]]:
    """``(outputs, inputs)`` of the operation, in the oracle's order and names."""
    forward = name.removesuffix(".backward")
    arrays = list(case.arrays)
    if forward == name:
        return torch_peer.value(name, *arrays, **case.options), arrays
    y = first(torch_peer.value(forward, *arrays, **case.options))
    grad = case.grad(y)
    gradients = torch_peer.gradients(forward, grad, *arrays, **case.options)
    found = OPERATIONS[name]
    names = [each for each in found.inputs if each != "grad"]
    if found.variadic:
        names = [f"arrays{i}" for i in range(len(arrays))]
    pairs = zip(names, gradients, strict=False)
    outputs = {each: value for each, value in pairs if value is not None}
    return outputs, [np.asarray(grad), *arrays]
