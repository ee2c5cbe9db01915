"""Every algorithm of the table judged by the oracle, on shapes that reach its edges.

Sizes are large enough for vectors, register tiles and their remainders; inputs lie in
the middle of memory full of NaN, so that a read beyond them shows in the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from convolution_problems import problems
from fenced_arrays import fenced
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_deconv import oracle
from numpy_deconv.backend import NumpyBackend
from numpy_deconv.backends.numba_cpu import NumbaBackend
from numpy_deconv.backends.numba_cpu.algorithms import TABLE, Problem, chosen
from numpy_deconv.oracle import Numerics, Winograd
from numpy_deconv.window import Window

REFERENCE = NumpyBackend()
OURS = NumbaBackend()


def options_of(window: Window, groups: int) -> dict[str, Any]:
    return {
        "stride": window.stride,
        "padding": window.padding,
        "dilation": window.dilation,
        "groups": groups,
    }


def numerics_of(window: Window, dtype: np.dtype[Any]) -> Numerics:
    """A direct sum, but where Winograd's filtering may have been chosen."""
    plain = window.kernel == (3, 3) and {*window.stride, *window.dilation} == {1}
    if plain and dtype == np.float32:
        return Numerics(algo=Winograd(4, 3))
    return Numerics()


def conforms(
    op: str, got: np.ndarray, inputs: Any, window: Window, groups: int, **sizes: Any
) -> None:
    """Each element within its own bound, of the algorithm that is used."""
    assert got.dtype == inputs[0].dtype
    numerics = Numerics()
    if op != "conv_weight_grad":
        numerics = numerics_of(window, got.dtype)
    options = {**options_of(window, groups), **sizes}
    oracle.assert_conforms(
        got, op, inputs, options, numerics=numerics, semantics="numpy_deconv"
    )


@given(problems())
def test_forward(case: dict[str, Any]) -> None:
    arguments = [case[n] for n in ("x", "weight", "bias", "window", "groups")]
    x, weight, bias, window, groups = arguments
    conforms("conv", OURS.conv(*arguments), [x, weight, bias], window, groups)


@given(problems(), st.sampled_from([(0, None), (0, 6), (None, 0.5), (-0.5, 0.25)]))
def test_forward_within_bounds(case: dict[str, Any], bounds: Any) -> None:
    arguments = [case[n] for n in ("x", "weight", "bias", "window", "groups")]
    x, weight, bias, window, groups = arguments
    got = OURS.conv_clipped(*arguments, *bounds)
    low, high = bounds
    assert low is None or got.min() >= low
    assert high is None or got.max() <= high
    bound = oracle.bound(
        "conv",
        [x, weight, bias],
        options_of(window, groups),
        numerics=numerics_of(window, got.dtype),
        semantics="numpy_deconv",
    )
    # clipping brings no two numbers further apart
    assert (np.abs(got - np.clip(bound.y, low, high)) <= bound.H).all()


@given(problems())
def test_input_gradient(case: dict[str, Any]) -> None:
    x, weight, grad = case["x"], case["weight"], case["grad"]
    bias = np.linspace(-1, 1, x.shape[1]).astype(x.dtype)
    window, groups = case["window"], case["groups"]
    got = OURS.conv_input_grad(grad, weight, bias, x.shape[2:], window, groups)
    # with a bias it is a transposed convolution, with what the stride left over
    extra = tuple(
        n + begin + end - span - (o - 1) * stride
        for n, (begin, end), span, o, stride in zip(
            *(x.shape[2:], window.padding, window.span),
            *(grad.shape[2:], window.stride),
            strict=True,
        )
    )
    conforms(
        "conv_transpose",
        got,
        [grad, weight, bias],
        window,
        groups,
        output_padding=extra,
    )


@given(problems())
def test_weight_gradient(case: dict[str, Any]) -> None:
    arguments = [case[n] for n in ("grad", "x", "window", "groups")]
    grad, x, window, groups = arguments
    got = OURS.conv_weight_grad(*arguments)
    size = window.kernel
    conforms("conv_weight_grad", got, [grad, x], window, groups, kernel_size=size)


@given(
    st.integers(1, 40), st.integers(1, 70), st.integers(1, 70), st.booleans(),
    st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_linear(rows: int, ins: int, outs: int, transposed: bool, dtype: Any) -> None:
    rng = np.random.default_rng([rows, ins, outs])
    x = fenced(rng.standard_normal((rows, ins)).astype(dtype), False)
    weight = fenced(rng.standard_normal((outs, ins)).astype(dtype), transposed)
    bias = rng.standard_normal(outs).astype(dtype)
    got = OURS.linear(x, weight, bias)
    assert got.dtype == dtype
    oracle.assert_conforms(got, "linear", [x, weight, bias])


@settings(max_examples=15)
@given(problems(), st.integers(2, 5))
def test_any_number_of_threads_gives_the_same_bits(
    case: dict[str, Any], threads: int
) -> None:
    x, weight, bias, window, groups, grad = (
        case[n] for n in ("x", "weight", "bias", "window", "groups", "grad")
    )
    one, several = NumbaBackend(threads=1), NumbaBackend(threads=threads)
    for kernel, arguments in (
        ("conv", (x, weight, bias, window, groups)),
        ("conv_input_grad", (grad, weight, None, x.shape[2:], window, groups)),
        ("conv_weight_grad", (grad, x, window, groups)),
    ):
        expected = getattr(one, kernel)(*arguments)
        for _ in range(2):
            got = getattr(several, kernel)(*arguments)
            assert got.tobytes() == expected.tobytes()


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize(("size", "channels"), [(14, 256), (57, 64), (112, 16)])
def test_large_convolutions_do_not_depend_on_threads(
    size: int, channels: int, threads: int
) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, channels, size, size)).astype(np.float32)
    weight = rng.standard_normal((channels, channels, 3, 3)).astype(np.float32)
    window = Window.of(3, 2, padding=1)
    results = [
        backend.conv(x, weight, None, window, 1).tobytes()
        for backend in (NumbaBackend(threads=1), NumbaBackend(threads=threads))
    ]
    assert results[0] == results[1]


def _problem(**changes: Any) -> Problem:
    plain: dict[str, Any] = {
        "batch": 1,
        "channels": 64,
        "filters": 64,
        "window": Window.of(3, 2, padding=1),
        "padding": ((1, 1), (1, 1)),
        "outputs": (56, 56),
        "places": (56, 56),
        "groups": 1,
        "dtype": np.dtype(np.float32),
        "winograd": True,
    }
    return Problem(**{**plain, **changes})


def _all_of(side: int, batch: int) -> dict[str, Any]:
    """Windows, and all that 3x3 taps reach from there."""
    reached = side + 2, side + 2
    sizes = {"outputs": reached, "places": (side, side), "padding": ((2, 2), (2, 2))}
    return {"batch": batch, **sizes}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "winograd F(4x4, 3x3)"),
        # few tiles: the larger ones' weights would take longer to read
        ({"outputs": (13, 13), "places": (13, 13)}, "winograd F(2x2, 3x3)"),
        ({"outputs": (5, 5), "places": (5, 5)}, "gathered product"),
        ({"winograd": False}, "gathered product"),
        (_all_of(3, batch=8), "winograd all of 3x3"),
        (_all_of(5, batch=8), "winograd all of 5x5"),
        (_all_of(5, batch=8) | {"padding": ((2, 2), (1, 3))}, "winograd F(4x4, 3x3)"),
        (_all_of(3, batch=1), "gathered product"),
        (_all_of(3, batch=8) | {"winograd": False}, "gathered product"),
        (_all_of(4, batch=8), "winograd F(2x2, 3x3)"),
        ({"dtype": np.dtype(np.float64)}, "gathered product"),
        ({"window": Window.of(3, 2, stride=2)}, "gathered product"),
        ({"window": Window.of(3, 2, dilation=(1, 2))}, "gathered product"),
        ({"window": Window.of(3, 3), "outputs": (9, 9, 9)}, "gathered product"),
        ({"window": Window.of((3, 1), 2)}, "gathered product"),
        ({"groups": 2}, "gathered product"),
        ({"groups": 64}, "depthwise"),
        ({"groups": 64, "filters": 128}, "gathered product"),
        ({"groups": 3, "channels": 3, "filters": 3}, "gathered product"),
        ({"filters": 3}, "few columns"),
        ({"filters": 4, "window": Window.of((1, 7), 2, dilation=2)}, "few columns"),
        ({"filters": 5}, "gathered product"),
        ({"filters": 3, "channels": 8}, "few columns"),
        ({"filters": 3, "channels": 7}, "gathered product"),
        ({"filters": 3, "window": Window.of(1, 2)}, "gathered product"),
        ({"filters": 3, "window": Window.of(3, 2, stride=(1, 2))}, "gathered product"),
        ({"filters": 2, "groups": 2}, "gathered product"),
    ],
)
def test_the_table_says_which_algorithm(changes: dict[str, Any], name: str) -> None:
    assert chosen(_problem(**changes)) == name


def test_the_table_ends_with_what_always_applies() -> None:
    assert TABLE[-1].suits(_problem(groups=5, channels=5, filters=10))
    assert len({algorithm.name for algorithm in TABLE}) == len(TABLE)


def test_weights_changed_in_place_are_noticed() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 32, 24, 24)).astype(np.float32)
    weight = rng.standard_normal((32, 32, 3, 3)).astype(np.float32)
    window = Window.of(3, 2, padding=1)
    for change in (lambda w: w, np.negative, lambda w: w[::-1], lambda w: w * 2):
        weight[...] = change(weight.copy())
        got = OURS.conv(x, weight, None, window, 1)
        conforms("conv", got, [x, weight], window, 1)


def test_without_winograd_whole_numbers_are_exact() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 9, (2, 32, 24, 24)).astype(np.float32)
    weight = rng.integers(-8, 9, (32, 32, 3, 3)).astype(np.float32)
    arguments = (x, weight, None, Window.of(3, 2, padding=1), 1)
    exact = REFERENCE.conv(
        *(a.astype(np.float64) for a in arguments[:2]), *arguments[2:]
    )
    got = NumbaBackend(winograd=False).conv(*arguments)
    np.testing.assert_array_equal(got, exact)


def test_half_precision_is_computed_in_single() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 16, 20, 20)).astype(np.float16)
    weight = rng.standard_normal((16, 16, 3, 3)).astype(np.float16)
    arguments = (x, weight, None, Window.of(3, 2, padding=1), 1)
    got = OURS.conv(*arguments)
    assert got.dtype == np.float16
    oracle.assert_conforms(
        got,
        "conv",
        [x, weight],
        {"padding": 1},
        numerics=Numerics(algo=Winograd(4, 3)),
    )
