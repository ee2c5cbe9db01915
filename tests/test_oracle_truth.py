"""The truth is written twice, exact where it says so, and held against itself."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle_draws import NAMES, drawn_case, torch_answer

import numpy_deconv as nd
from numpy_deconv import oracle, use_backend
from numpy_deconv.backend import NumpyBackend
from numpy_deconv.errors import DTypeError, OracleError
from numpy_deconv.oracle import evaluation, twin
from numpy_deconv.oracle.call import bind
from numpy_deconv.oracle.elements import can_sample, element
from numpy_deconv.oracle.exact_sum import slices

Array = np.ndarray[Any, Any]


class OffByOne(NumpyBackend):
    """A backend whose convolutions are one too large."""

    name = "off-by-one"

    def conv(self, *arguments: Any) -> Any:
        return super().conv(*arguments) + 1


def wild(rng: np.random.Generator, *shape: int) -> Array:
    """Numbers of very different sizes, with many digits each."""
    return rng.normal(size=shape) * 10.0 ** rng.integers(-8, 8, shape)


def exact_conv(x: Array, w: Array) -> Array:
    """A plain 1-D convolution in rational numbers, rounded once."""
    length = x.shape[2] - w.shape[2] + 1
    y = np.zeros((len(x), len(w), length))
    for n, k, o in np.ndindex(*y.shape):
        y[n, k, o] = sum(
            Fraction(float(x[n, c, o + a])) * Fraction(float(w[k, c, a]))
            for c, a in np.ndindex(*w.shape[1:])
        )
    return y


def test_float64_sums_are_exact_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    x, w = wild(rng, 2, 3, 9), wild(rng, 2, 3, 4)
    np.testing.assert_array_equal(oracle.reference("conv", [x, w]), exact_conv(x, w))
    assert (nd.conv(x, w) != exact_conv(x, w)).any()


def test_cancellation_leaves_the_true_rest() -> None:
    x, w = np.array([[[1e16, 1.0, -1e16]]]), np.ones((1, 1, 3))
    assert oracle.reference("conv", [x, w]) == 1
    columns = np.array([[[1e16], [1.0], [-1e16]]]).repeat(1, axis=2)
    options = {"output_size": (1,), "kernel_size": 3, "padding": 1}
    assert oracle.reference("col2im", [columns], options) == 1


def test_slices_add_up_and_are_short() -> None:
    x = wild(np.random.default_rng(0), 50)
    parts = slices(x, 20)
    total = sum(Fraction(float(p[7])) for p in parts)
    assert total == Fraction(float(x[7]))
    for part in parts:
        step = np.min(np.abs(part[part != 0])) if part.any() else 1
        assert np.max(np.abs(part)) <= 2.0**20 * step * 2.0**20
    assert len(slices(np.zeros(3), 20)) == 1


def test_float64_weight_gradients_and_biases_are_exact_too() -> None:
    rng = np.random.default_rng(0)
    x, w, bias = wild(rng, 2, 2, 6), wild(rng, 2, 2, 3), wild(rng, 2)
    grad = wild(rng, 2, 2, 4)
    _, gw, gb = oracle.reference("conv.backward", [grad, x, w, bias])
    for k, c, a in np.ndindex(*gw.shape):
        pairs = zip(grad[:, k].ravel(), x[:, c, a : a + 4].ravel(), strict=True)
        assert gw[k, c, a] == float(
            sum(Fraction(float(g)) * Fraction(float(v)) for g, v in pairs)
        )
    for k in range(2):
        assert gb[k] == float(sum(Fraction(float(g)) for g in grad[:, k].ravel()))
    y = oracle.reference("conv", [x, w, bias])
    at = sum(
        Fraction(float(x[0, c, a])) * Fraction(float(w[1, c, a]))
        for c, a in np.ndindex(2, 3)
    )
    assert y[0, 1, 0] == float(at + Fraction(float(bias[1])))


@pytest.mark.parametrize("overlap", ["assign", "sum", "max", "mean", "first"])
def test_unpooling_in_double_precision(overlap: str) -> None:
    rng = np.random.default_rng(0)
    y, switches = wild(rng, 2, 2, 9), rng.integers(0, 4, (2, 2, 9))
    options = {"output_size": (5,), "overlap": overlap}
    got = nd.max_unpool(y, switches, **options)
    report = oracle.assert_conforms(got, "max_unpool", [y, switches], options)
    assert report.verdict == "PASS"


def test_integers_are_exact_and_counted_in_64_bits() -> None:
    x = np.full((1, 1, 2), 2**20, np.int64)
    assert oracle.reference("conv", [x, x]) == 2**41
    big = np.full((1, 1, 2), 2**63, np.uint64)
    with pytest.raises(DTypeError, match="is beyond int64, in which the oracle counts"):
        oracle.reference("conv", [big, big])


def test_the_backend_in_use_has_no_say() -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, 5))
    w = np.ones((1, 2, 2))
    plain = oracle.reference("conv", [x, w])
    with use_backend(OffByOne()):
        assert (nd.conv(x, w) != plain).all()
        np.testing.assert_array_equal(oracle.reference("conv", [x, w]), plain)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_every_operation_has_a_truth_of_the_right_shape(
    name: str, data: st.DataObject
) -> None:
    """Small cases all go through both references, which must agree."""
    case = drawn_case(data.draw, name, np.float32)
    if name.endswith(".backward") and name.startswith("max_unpool"):
        return
    got, inputs = torch_answer(name, case)
    values = oracle.reference(name, inputs, case.options)
    several = isinstance(values, tuple)
    outputs = list(got.values()) if isinstance(got, dict) else got
    if isinstance(outputs, list | tuple):
        found = [v for v in values if v is not None] if several else [values]
        assert [np.shape(v) for v in found] == [np.shape(v) for v in outputs]
    else:
        assert np.shape(values) == np.shape(outputs)


def corrupt(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Make one element of the vectorised reference wrong by a millionth."""
    right = evaluation.forward

    def wrong(call: Any) -> Any:
        first, *rest = right(call)
        first = np.array(first)
        first.reshape(-1)[at] += 1e-6
        return (first, *rest)

    monkeypatch.setattr(evaluation, "forward", wrong)


def test_references_that_disagree_are_an_error_that_names_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 2, 6)), rng.normal(size=(1, 2, 2))
    corrupt(monkeypatch, 3)
    with pytest.raises(OracleError, match=r"at \(0, 0, 3\) of conv the vectorised ref"):
        oracle.reference("conv", [x, w])


def test_large_results_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 8, 40)), rng.normal(size=(8, 8, 5))
    oracle.reference("conv", [x, w])
    corrupt(monkeypatch, -1)
    with pytest.raises(OracleError, match=r"vectorised reference gives .* and the def"):
        oracle.reference("conv", [x, w])


SAMPLED = [
    name
    for name in NAMES
    if name.split(".")[0]
    in ("conv", "conv_transpose", "conv_input_grad", "conv_weight_grad", "linear")
]


@pytest.mark.parametrize("name", [*SAMPLED, "avg_pool"])
@given(data=st.data())
def test_single_elements_are_those_of_the_whole(name: str, data: st.DataObject) -> None:
    case = drawn_case(data.draw, name, np.float64)
    _, inputs = torch_answer(name, case)
    call = bind(name, inputs, case.options)
    assert can_sample(call)
    values = evaluation.evaluate(call)
    for output, y in zip(call.operation.outputs, values, strict=True):
        if y is None or not y.size:
            continue
        for flat in {0, y.size // 2, y.size - 1}:
            at = tuple(int(i) for i in np.unravel_index(flat, y.shape))
            found = element(call, output.name, at)
            allowed = 1e-13 * found.magnitude
            assert abs(found.value - y[at]) <= allowed or found.value == y[at]


def test_a_single_element_is_exact_in_double_precision() -> None:
    x, w = np.array([[[1e16, 1 + 2.0**-30, -1e16]]]), np.ones((1, 1, 3))
    w[0, 0, 1] = 1 - 2.0**-30
    found = element(bind("conv", [x, w]), "y", (0, 0, 0))
    assert found.value == float(1 - Fraction(1, 2**60))
    x, w = np.array([[[1.0, -1.0]]]) / 3, np.array([[[7.0, 7.0]]]) / 11
    x[0, 0, 1] = np.nextafter(x[0, 0, 1], 0)
    exact = sum(
        Fraction(float(a)) * Fraction(float(b))
        for a, b in zip(x.flat, w.flat, strict=True)
    )
    assert element(bind("conv", [x, w]), "y", (0, 0, 0)).value == float(exact)


def test_special_values_in_sampled_elements() -> None:
    x, w = np.ones((1, 8, 40)), np.ones((8, 8, 5))
    x[0, 3, 7], x[0, 4, 8] = np.inf, -np.inf
    y = oracle.reference("conv", [x, w])
    np.testing.assert_array_equal(np.isnan(y[0, 0]).nonzero()[0], range(4, 8))


def test_twin_errors_need_shapes_to_agree() -> None:
    y = np.zeros((2, 3))
    call = bind("relu", [y])
    with pytest.raises(
        OracleError, match=r"relu: the reference gives shape \(2, 3\), t"
    ):
        twin._compare(call, y, np.zeros((3, 2)), y, y > 0)


def test_an_infinite_bias_of_an_exact_sum() -> None:
    x, w = np.ones((1, 1, 2)), np.ones((2, 1, 1))
    bias = np.array([np.inf, -np.inf])
    found = oracle.reference("conv", [x, w, bias])
    np.testing.assert_array_equal(found, [[[np.inf] * 2, [-np.inf] * 2]])
