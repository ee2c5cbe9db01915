"""The definitions agree with PyTorch wherever PyTorch has the function."""

from __future__ import annotations

import cases
import numpy as np
import pytest
import torch_peer
from agreement import assert_agrees, assert_switches, first
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv.oracle.definition import DEFINITIONS, GRADIENTS

SHARE = 1e-11


def test_every_definition_has_a_gradient_a_peer_and_cases() -> None:
    assert set(DEFINITIONS) == set(GRADIENTS)
    assert set(DEFINITIONS) == set(torch_peer.PEERS)
    assert set(DEFINITIONS) == {*cases.NAMES, "batch_norm_training"}


@pytest.mark.parametrize("name", cases.NAMES)
@given(data=st.data())
def test_value_is_pytorchs(name: str, data: st.DataObject) -> None:
    case = data.draw(cases.strategy(name))
    got = DEFINITIONS[name](*case.arrays, **case.options)
    want = torch_peer.value(name, *case.arrays, **case.options)
    assert_agrees(first(got), first(want), 0 if case.exact else SHARE)
    if name in cases.POOLED:
        y, switches = got
        assert_switches(case.arrays[0], y, switches, want[1])


@pytest.mark.parametrize("name", cases.NAMES)
@given(data=st.data())
def test_gradient_is_pytorchs(name: str, data: st.DataObject) -> None:
    case = data.draw(cases.strategy(name, kinds=cases.FINITE))
    if name == "max_unpool" and not cases.is_injective(case):
        return  # there PyTorch's gradient is not that of its value
    grad = case.grad(first(DEFINITIONS[name](*case.arrays, **case.options)))
    got = GRADIENTS[name](grad, *case.arrays, **case.options)
    want = torch_peer.gradients(name, grad, *case.arrays, **case.options)
    assert all(each is None for each in got[len(want) :])
    share = torch_peer.SINGLE_PRECISION.get(name, SHARE)
    for ours, theirs in zip(got, want, strict=False):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            assert_agrees(ours, theirs, 0 if case.exact_grad else share)


@pytest.mark.parametrize(
    "name",
    sorted(
        (cases.EXACT | {"avg_pool"})
        - {"adaptive_max_pool", "global_max_pool", "max_unpool"}
        - {"conv_input_grad", "conv_weight_grad", "col2im"}
    ),
)
@given(data=st.data())
def test_integers_are_pytorchs(name: str, data: st.DataObject) -> None:
    """For the functions that PyTorch has on int64; the mean truncates towards zero."""
    case = data.draw(cases.strategy(name, dtype=np.int64))
    got = DEFINITIONS[name](*case.arrays, **case.options)
    want = torch_peer.value(name, *case.arrays, **case.options)
    assert first(got).dtype == np.int64
    assert_agrees(first(got), first(want), 0)
    if name in cases.POOLED:
        assert_agrees(got[1], want[1], 0)


@pytest.mark.parametrize("name", sorted(cases.EXACT | cases.DIVIDING))
@given(data=st.data())
def test_integers_and_integral_floats_agree(name: str, data: st.DataObject) -> None:
    case = data.draw(cases.strategy(name, np.int64, False, ("integers", "ties")))
    floats = [
        array if name == "max_unpool" and i == 1 else array.astype(np.float64)
        for i, array in enumerate(case.arrays)
    ]
    got = first(DEFINITIONS[name](*case.arrays, **case.options))
    want = first(DEFINITIONS[name](*floats, **case.options))
    assert got.dtype == np.int64
    assert_agrees(got, np.trunc(want), 0)
