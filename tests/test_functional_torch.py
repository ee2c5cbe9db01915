"""Every public array function, and its gradient, agrees with PyTorch."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import torch_peer
from agreement import assert_agrees, assert_switches, first
from hypothesis import given
from hypothesis import strategies as st

import numpy_deconv

SHARES = [(np.float64, 1e-10), (np.float32, 1e-5)]


@pytest.mark.parametrize("name", cases.NAMES)
@pytest.mark.parametrize(("dtype", "share"), SHARES)
@given(data=st.data())
def test_value(name: str, dtype: type[Any], share: float, data: st.DataObject) -> None:
    case = data.draw(cases.strategy(name, dtype))
    got = getattr(numpy_deconv, name)(*case.arrays, **case.options)
    want = torch_peer.value(name, *case.arrays, **case.options)
    assert first(got).dtype == dtype
    assert_agrees(first(got), first(want), 0 if case.exact else share)
    if name in cases.POOLED:
        y, switches = got
        assert_switches(case.arrays[0], y, switches, want[1])


@pytest.mark.parametrize("name", cases.NAMES)
@pytest.mark.parametrize(("dtype", "share"), SHARES)
@given(data=st.data())
def test_gradient(
    name: str, dtype: type[Any], share: float, data: st.DataObject
) -> None:
    case = data.draw(cases.strategy(name, dtype, kinds=cases.FINITE))
    if name == "max_unpool" and not cases.is_injective(case):
        return  # there PyTorch's gradient is not that of its value
    function = getattr(numpy_deconv, name)
    y, pullback = numpy_deconv.vjp(function, *case.arrays, **case.options)
    grad = case.grad(first(y))
    got = pullback(grad)
    want = torch_peer.gradients(name, grad, *case.arrays, **case.options)
    share = max(share, torch_peer.SINGLE_PRECISION.get(name, 0))
    for ours, theirs in zip(got, want, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert ours.dtype == dtype
            assert_agrees(ours, theirs, 0 if case.exact_grad else share)
