"""Every public array function, and its gradient, agrees with its definition."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
from agreement import assert_agrees, first
from hypothesis import given
from hypothesis import strategies as st

import numpy_deconv
from numpy_deconv.oracle.definition import DEFINITIONS, GRADIENTS

SHARE = 1e-12
INTEGERS = sorted(cases.EXACT | cases.DIVIDING)


def call(case: cases.Case) -> Any:
    """What the library returns; the inputs are read-only, so writing would raise."""
    for array in case.arrays:
        array.flags.writeable = False
    return getattr(numpy_deconv, case.name)(*case.arrays, **case.options)


def test_every_differentiable_function_has_a_definition() -> None:
    names = {function.__name__ for function in numpy_deconv.differentiable()}
    # what batch normalisation does in training is a layer's here, and the oracle's
    assert names | {"batch_norm_training"} == set(DEFINITIONS)


@pytest.mark.parametrize("name", cases.NAMES)
@given(data=st.data())
def test_value(name: str, data: st.DataObject) -> None:
    case = data.draw(cases.strategy(name, torch_legal=False))
    got = call(case)
    want = DEFINITIONS[name](*case.arrays, **case.options)
    assert first(got).dtype == np.float64
    assert_agrees(first(got), first(want), 0 if case.exact else SHARE)
    if name in cases.POOLED:
        assert got[1].dtype == np.int64
        assert_agrees(got[1], want[1], 0)


@pytest.mark.parametrize("name", cases.NAMES)
@given(data=st.data())
def test_gradient(name: str, data: st.DataObject) -> None:
    case = data.draw(cases.strategy(name, torch_legal=False))
    function = getattr(numpy_deconv, name)
    y, pullback = numpy_deconv.vjp(function, *case.arrays, **case.options)
    grad = case.grad(first(y))
    got = pullback(grad)
    want = GRADIENTS[name](grad, *case.arrays, **case.options)
    assert len(got) == len(case.arrays)
    for ours, theirs in zip(got, want, strict=False):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_agrees(ours, theirs, 0 if case.exact_grad else SHARE)


@pytest.mark.parametrize("name", INTEGERS)
@given(data=st.data())
def test_integers_are_exact(name: str, data: st.DataObject) -> None:
    dtype = data.draw(
        st.sampled_from([np.int64, np.int32, np.int16, np.int8, np.uint8])
    )
    case = data.draw(cases.strategy(name, dtype, torch_legal=False))
    got = call(case)
    want = DEFINITIONS[name](*case.arrays, **case.options)
    assert first(got).dtype.kind in "iu"
    assert_agrees(first(got), first(want), 0)
    if name in cases.POOLED:
        assert_agrees(got[1], want[1], 0)
