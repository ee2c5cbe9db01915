"""The library's own functions and gradients of every operation are found right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.oracle import OPERATIONS, Budget


def own(name: str) -> Any:
    """The library's function of that name, or its gradient by the inputs' names."""
    operation = OPERATIONS[name]
    if not operation.is_backward:
        return operation.function
    if name == "batch_norm_training.backward":
        return rounded_truth
    names = [each for each in operation.inputs if each != "grad"]

    def gradient(grad: Any, *arrays: Any, **attrs: Any) -> Any:
        _, pullback = nd.vjp(operation.function, *arrays, **attrs)
        found = pullback(grad)
        if operation.variadic:
            return found
        present = [n for n, a in zip(names, arrays, strict=False) if a is not None]
        pairs = zip(present, found, strict=True)
        return {name: value for name, value in pairs if value is not None}

    return gradient


def rounded_truth(grad: Any, *arrays: Any, **attrs: Any) -> Any:
    """Of the gradient that is no function's of the library."""
    name = "batch_norm_training.backward"
    found = oracle.reference(name, [grad, *arrays], attrs)
    return tuple(None if each is None else np.float32(each) for each in found)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_it_passes(name: str) -> None:
    report = oracle.check(
        own(name), op=name, semantics="numpy_deconv", budget=Budget(examples=60)
    )
    assert report.verdict == "PASS", report
    assert report.total == 60
    assert report.ok
