"""SEMANTICS: every row of the catalogue has a test, or a reason here not to.

The tests are named after their row (``test_e01_...``) and lie in
``test_semantics_*.py`` by subject; this file keeps count, and holds what concerns all
functions.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import numpy_deconv as nd

pytestmark = pytest.mark.usefixtures("backend")

NOT_HERE = {
    15: "storage_order is ONNX's: a semantics profile of the oracle; the functions "
    "have one order of switches, which the tests of E13 pin down",
    33: "writing out of bounds cannot be seen from the value: the contract lays inputs "
    "between poison (test_contract.py, written_beside_the_input)",
    34: "more than 2**31 elements do not fit a test: the oracle's sampled check",
    39: "padding times a non-finite weight is left open on purpose",
    41: "a sum whose terms overflow has no agreed value: a bound of the oracle",
    43: "tf32 is a declared numerics of the oracle; that a backend does not use it "
    "unasked is the contract's (test_contract.py, ten_bits_of_mantissa)",
}
ROWS = range(1, 49)


def test_every_row_has_a_test_or_a_reason() -> None:
    tested: set[int] = set()
    for file in Path(__file__).parent.glob("test_*.py"):
        names = re.findall(r"^def test_e(\d\d)_", file.read_text("utf-8"), re.MULTILINE)
        tested |= {int(number) for number in names}
    assert not tested & set(NOT_HERE)
    assert tested | set(NOT_HERE) == set(ROWS)


def test_e11_global_and_adaptive_pools_take_the_first_of_equals() -> None:
    x = np.array([[[[1.0, 7, 2], [7, 0, 7]]]])
    y, switches = nd.adaptive_max_pool(x, 1)
    assert (y.item(), switches.item()) == (7, 1)
    _, pullback = nd.vjp(nd.global_max_pool, x)
    (grad,) = pullback(np.full((1, 1, 1, 1), 3.0))
    assert grad[0, 0].tolist() == [[0, 3, 0], [0, 0, 0]]


def test_e09_relu_and_clip_let_nan_through() -> None:
    x = np.array([[[-1.0, np.nan, 2]]])
    np.testing.assert_array_equal(nd.relu(x), [[[0, np.nan, 2]]])
    np.testing.assert_array_equal(nd.clip(x, 0, 1), [[[0, np.nan, 1]]])


def test_e35_every_function_takes_an_empty_batch() -> None:
    x = np.zeros((0, 4, 5, 6))
    channel, none = np.ones(4), np.zeros((0, 4, 2, 2), np.int64)
    for y in (
        nd.relu(x),
        nd.gelu(x),
        nd.softmax(x),
        nd.prelu(x, channel),
        nd.batch_norm(x, channel, channel),
        nd.local_response_norm(x, 3),
        nd.flatten(x),
        nd.concat(x, x),
        nd.pad(x, 1, mode="reflect"),
        nd.upsample(x, 2, mode="bilinear"),
        nd.im2col(x, 2),
        nd.col2im(np.zeros((0, 6, 16)), (5, 6), (2, 3)),
        nd.global_avg_pool(x),
        nd.adaptive_avg_pool(x, (2, 3)),
        nd.lp_pool(x, 2, 2),
        nd.max_unpool(np.zeros((0, 4, 2, 2)), none, (5, 6)),
        nd.linear(x, np.ones((3, 6))),
    ):
        assert y.shape[0] == 0


def test_e46_inputs_stay_and_results_have_their_own_memory() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 6, 6))
    before = x.copy()
    for function, options in (
        (nd.relu, {}),
        (nd.clip, {}),
        (nd.max_pool, {"kernel_size": 2}),
        (nd.avg_pool, {"kernel_size": 1}),
        (nd.upsample, {"scale": 1}),
        (nd.pad, {"padding": 0}),
        (nd.concat, {}),
        (nd.softmax, {}),
    ):
        y, pullback = nd.vjp(function, x, **options)
        value = y[0] if isinstance(y, tuple) else y
        assert not np.may_share_memory(value, x), function.__name__
        grad = np.ones_like(value)
        once, again = pullback(grad), pullback(grad)
        np.testing.assert_array_equal(once[0], again[0])
        np.testing.assert_array_equal(x, before)
        np.testing.assert_array_equal(grad, np.ones_like(value))


def test_choice_local_response_norm_divides_alpha_by_the_size() -> None:
    x = np.array([[[1.0], [2], [3]]])
    y = nd.local_response_norm(x, 3, alpha=3, beta=1, k=1)
    np.testing.assert_allclose(y.ravel(), [1 / 6, 2 / 15, 3 / 14], rtol=1e-15)
    # of an even number of channels, one more lies before
    y = nd.local_response_norm(x, 2, alpha=2, beta=1, k=1)
    np.testing.assert_allclose(y.ravel(), [1 / 2, 2 / 6, 3 / 14], rtol=1e-15)


def test_choice_the_gradient_of_relu_at_zero_is_zero() -> None:
    _, pullback = nd.vjp(nd.relu, np.array([-1.0, 0, 1]))
    assert pullback(np.ones(3))[0].tolist() == [0, 0, 1]


def test_choice_assigned_and_summed_unpooling_differ_by_what_was_lost() -> None:
    x = np.array([[[0.0, 0, 9, 0, 0]]])
    y, switches = nd.max_pool(x, 3, stride=1)
    assert switches[0, 0].tolist() == [2, 2, 2]
    assert nd.max_unpool(y, switches, 5)[0, 0, 2] == 9
    assert nd.max_unpool(y, switches, 5, overlap="sum")[0, 0, 2] == 27


def test_activations_of_scalars_and_of_the_largest_numbers() -> None:
    scalar, slope = np.array(-2.0), np.array([0.5])
    assert nd.gelu(scalar).shape == nd.prelu(scalar, slope).shape == ()
    largest = np.array([3e38, -3e38], np.float32)
    for approximate in ("none", "tanh"):
        y = nd.gelu(largest, approximate=approximate)
        np.testing.assert_array_equal(y, np.array([3e38, 0], np.float32))


def test_a_response_window_far_wider_than_the_channels_takes_no_time() -> None:
    x = np.ones((1, 3, 2))
    got, pullback = nd.vjp(nd.local_response_norm, x, size=10**15, alpha=1e15)
    np.testing.assert_allclose(got, 4**-0.75)  # every window sees all three
    np.testing.assert_allclose(pullback(x)[0], 4**-0.75 - 1.5 * 3 * 4**-1.75)
