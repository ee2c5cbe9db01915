"""The table of operations is the library's own list of functions."""

from __future__ import annotations

from inspect import signature

import numpy as np
import pytest
from test_import import loaded_after

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import ShapeError
from numpy_deconv.oracle import OPERATIONS
from numpy_deconv.oracle.call import bind
from numpy_deconv.oracle.operations import FORMULAS
from numpy_deconv.oracle.terms import sums
from numpy_deconv.oracle.terms.terms import TERMS

SECOND_ORDER = {"conv_input_grad", "conv_weight_grad"}
"""Gradients themselves: theirs are no operations of the oracle."""


def test_every_function_is_there_with_its_gradient() -> None:
    names = {function.__name__ for function in nd.differentiable()}
    expected = names | {f"{name}.backward" for name in names - SECOND_ORDER}
    own = {"batch_norm_training", "batch_norm_training.backward"}
    assert set(OPERATIONS) == expected | own


@pytest.mark.parametrize("name", OPERATIONS)
def test_inputs_and_attributes_are_the_functions_parameters(name: str) -> None:
    found = OPERATIONS[name]
    parameters = signature(found.function).parameters
    inputs = [
        each for each in found.inputs if not (found.is_backward and each == "grad")
    ]
    assert set(inputs) | set(found.attributes) == set(parameters)
    assert found.optional <= set(inputs)
    for output in found.outputs:
        assert output.formula == FORMULAS[output.kind]
        assert set(output.factors) <= set(found.inputs)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_bounded(name: str) -> None:
    """By a rule of its own, or because it is linear in what its table says."""
    found = OPERATIONS[name]
    if name in TERMS:
        assert TERMS[name] is not sums.linear
        return
    assert all(output.kind != "smooth" for output in found.outputs)
    summed = [output for output in found.outputs if output.kind != "moves"]
    assert all(output.factors for output in summed)


def test_an_optional_array_may_be_absent_or_none() -> None:
    x, w = np.ones((1, 1, 3)), np.ones((1, 1, 2))
    for inputs in ([x, w], [x, w, None], {"x": x, "weight": w}, {"weight": w, "x": x}):
        assert bind("conv", inputs).arrays["bias"] is None
    with pytest.raises(ShapeError, match="conv was called without bias"):
        bind("conv", [x, w])["bias"]


def test_a_variadic_operation_takes_any_number() -> None:
    arrays = [np.ones((1, n, 2), np.float32) for n in (1, 2, 3)]
    assert oracle.reference("concat", arrays).shape == (1, 6, 2)
    grad = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
    found = oracle.bounds("concat.backward", [grad, *arrays])
    assert list(found) == ["arrays0", "arrays1", "arrays2"]
    np.testing.assert_array_equal(found["arrays2"].y, grad[:, 3:])


def test_the_oracle_is_imported_piece_by_piece() -> None:
    loaded = loaded_after("import numpy_deconv.oracle")
    assert "numpy_deconv.oracle.truth" not in loaded
    loaded = loaded_after("from numpy_deconv import oracle; oracle.Numerics()")
    assert "numpy_deconv.oracle.terms" not in loaded
    loaded = loaded_after(
        "from numpy_deconv import oracle\n"
        "oracle.assert_conforms(numpy.ones(2), 'relu', [numpy.ones(2)])"
    )
    assert loaded.isdisjoint({"hypothesis", "torch", "PIL", "numba"})


@pytest.mark.parametrize("name", oracle.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(oracle, name) is not None
    assert name in dir(oracle)


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match=r"numpy_deconv.oracle' has no attribute"):
        _ = oracle.chekc
