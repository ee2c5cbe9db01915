"""Every layer: value and gradients are PyTorch's, and nothing else is touched."""

from __future__ import annotations

import inspect

import case_layer
import numpy as np
import pytest
import torch_nets
import torch_peer
from agreement import assert_agrees
from case_layer import LayerCase
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from numpy_deconv import layers
from numpy_deconv.layers import Layer

EXAMPLES = settings(max_examples=25)
SHARE = 1e-10

every_layer = pytest.mark.parametrize("name", case_layer.NAMES)


def test_every_layer_has_a_case() -> None:
    found = {
        value
        for value in vars(layers).values()
        if inspect.isclass(value) and issubclass(value, Layer)
    }
    made = {
        *case_layer.OF_FUNCTION.values(),
        *(getattr(layers, _class_name(name)) for name in case_layer.MAKERS),
    }
    assert made == found - {Layer, layers.Activation}


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


@every_layer
@given(data=st.data())
@EXAMPLES
def test_value_and_gradients_are_torch_s(name: str, data: st.DataObject) -> None:
    case = data.draw(case_layer.strategy(name))
    y, saved = case.layer.forward(*case.xs)
    signal = case.signal(*y.shape)
    want = torch_nets.answer(case.layer, case.xs, signal)
    assert y.dtype == np.float64
    assert_agrees(y, want.value, SHARE)
    for ours, theirs in zip(case.layer.vjp(saved, signal), want.inputs, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            share = max(SHARE, torch_peer.SINGLE_PRECISION.get(name, 0))
            assert_agrees(ours, theirs, share)
    params = case.layer.param_grads(saved, signal)
    assert params.keys() == want.params.keys() == case.layer.params.keys()
    for key, theirs in want.params.items():
        assert_agrees(params[key], theirs, SHARE)


@every_layer
@given(data=st.data())
@EXAMPLES
def test_nothing_is_written_and_twice_is_the_same(
    name: str, data: st.DataObject
) -> None:
    """Inputs, parameters and gradients are read-only, so writing them would raise;
    what is saved must serve a second time, and the layer keep its values."""
    case = data.draw(case_layer.strategy(name))
    fields = dict(vars(case.layer))
    copies = {key: value.copy() for key, value in case.layer.params.items()}
    answers = []
    for _ in range(2):
        y, saved = case.layer.forward(*case.xs)
        signal = case.signal(*y.shape)
        grads = [case.layer.vjp(saved, signal) for _ in range(2)]
        params = [case.layer.param_grads(saved, signal) for _ in range(2)]
        answers += [
            (y, *(g for g in gxs if g is not None), *each.values())
            for gxs, each in zip(grads, params, strict=True)
        ]
    for other in answers[1:]:
        for a, b in zip(answers[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
    assert vars(case.layer).keys() == fields.keys()
    for key, value in vars(case.layer).items():
        assert value is fields[key]
    for key, value in case.layer.params.items():
        np.testing.assert_array_equal(value, copies[key])


def _batch(case: LayerCase) -> int:
    return len(case.xs[0])


@every_layer
@given(data=st.data(), count=st.integers(2, 4))
@EXAMPLES
def test_one_sample_serves_many_gradients(
    name: str, data: st.DataObject, count: int
) -> None:
    case = data.draw(case_layer.strategy(name))
    assume(_batch(case) > 0)
    y, saved = case.layer.forward(*(x[:1] for x in case.xs))
    many = case.signal(count, *y.shape[1:])
    together = case.layer.vjp(saved, many)
    singly = [case.layer.vjp(saved, many[i : i + 1]) for i in range(count)]
    for got, *parts in zip(together, *singly, strict=True):
        if got is None:
            assert parts == [None] * count
        else:
            assert_agrees(got, np.concatenate(parts), 1e-13)


@every_layer
@given(data=st.data())
@EXAMPLES
def test_samples_of_a_batch_are_independent(name: str, data: st.DataObject) -> None:
    case = data.draw(case_layer.strategy(name))
    y, saved = case.layer.forward(*case.xs)
    signal = case.signal(*y.shape)
    grads = case.layer.vjp(saved, signal)
    for n in range(_batch(case)):
        alone, kept = case.layer.forward(*(x[n : n + 1] for x in case.xs))
        assert_agrees(alone[0], y[n], 1e-13)
        for one, all_of_them in zip(
            case.layer.vjp(kept, signal[n : n + 1]), grads, strict=True
        ):
            if one is not None:
                assert_agrees(one[0], all_of_them[n], 1e-13)
