"""SEMANTICS: unpooling and columns back into an image."""

from __future__ import annotations

import numpy as np
import pytest
import torch_peer

from numpy_deconv import col2im, im2col, max_pool, max_unpool, vjp
from numpy_deconv.errors import DTypeError, ShapeError

pytestmark = pytest.mark.usefixtures("backend")

FOUR = np.array([[[1.0, 2, 3, 4]]])
MEETING = np.array([[[1, 1, 1, 3]]])


def test_e18_the_output_size_is_given_not_inferred() -> None:
    y, switches = max_pool(np.array([[[1.0, 3, 2, 5, 4]]]), 2)
    assert max_unpool(y, switches, 4).tolist() == [[[0, 3, 0, 5]]]
    assert max_unpool(y, switches, 5).tolist() == [[[0, 3, 0, 5, 0]]]


def test_e18_switches_refer_to_the_size_that_is_given() -> None:
    # the ONNX reference evaluator reads them in the inferred size, and fails
    y, switches = np.full((1, 1, 1, 1), 7.0), np.full((1, 1, 1, 1), 4)
    assert max_unpool(y, switches, (3, 3))[0, 0, 1, 1] == 7
    assert max_unpool(y, switches, (3, 4))[0, 0, 1, 0] == 7
    assert max_unpool(y, switches, (5, 2))[0, 0, 2, 0] == 7


def test_e19_the_last_in_c_order_is_assigned() -> None:
    assert max_unpool(FOUR, MEETING, 4).tolist() == [[[0, 3, 0, 4]]]


@pytest.mark.parametrize(
    ("overlap", "met"), [("sum", 6), ("max", 3), ("mean", 2), ("first", 1)]
)
def test_e19_other_rules_for_values_that_meet(overlap: str, met: float) -> None:
    assert max_unpool(FOUR, MEETING, 4, overlap=overlap).tolist() == [[[0, met, 0, 4]]]


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        ("assign", [0, 0, 5, 7]),
        ("first", [5, 0, 0, 7]),
        ("max", [0, 0, 5, 7]),
        ("sum", [5, 5, 5, 7]),
        ("mean", [5 / 3, 5 / 3, 5 / 3, 7]),
    ],
)
def test_e19_the_gradient_is_that_of_the_value(
    overlap: str, expected: list[float]
) -> None:
    _, pullback = vjp(max_unpool, FOUR, MEETING, 4, overlap=overlap)
    for_y, for_switches = pullback(np.array([[[2.0, 5, 6, 7]]]))
    np.testing.assert_allclose(for_y, [[expected]], rtol=1e-15)
    assert for_switches is None


def test_e19_torch_hands_the_gradient_to_the_losers_too() -> None:
    grad = np.array([[[2.0, 5, 6, 7]]])
    theirs, _ = torch_peer.gradients("max_unpool", grad, FOUR, MEETING, output_size=[4])
    assert theirs.tolist() == [[[5, 5, 5, 7]]]


def test_e19_only_the_sum_is_the_adjoint_of_the_gather() -> None:
    # <gather(x), r> == <x, scatter(r)>, in integers and so without rounding
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 9, (2, 3, 7, 7))
    _, switches = max_pool(x, 3, stride=2)
    r = rng.integers(1, 9, switches.shape)
    planes, flat = x.reshape(2, 3, 49), switches.reshape(2, 3, 9)
    gathered = np.take_along_axis(planes, flat, 2).reshape(r.shape)
    inner = {
        overlap: int((x * max_unpool(r, switches, (7, 7), overlap=overlap)).sum())
        for overlap in ("sum", "assign")
    }
    assert inner["sum"] == int((gathered * r).sum())
    assert inner["assign"] != inner["sum"]


@pytest.mark.parametrize(
    ("switch", "reach"), [(4, "from 1 to 4"), (-1, "from -1 to 1")]
)
def test_e20_a_switch_outside_of_the_plane(switch: int, reach: str) -> None:
    with pytest.raises(
        ShapeError, match=rf"switches reach {reach}, but a plane of size \(4,\) has ind"
    ):
        max_unpool(np.ones((1, 1, 2)), np.array([[[1, switch]]]), 4)


def test_e20_a_switch_outside_of_the_plane_is_never_written() -> None:
    y, switches = np.ones((2, 1, 1)), np.array([[[0]], [[-1]]])
    with pytest.raises(ShapeError):
        max_unpool(y, switches, 4)
    assert switches.ravel().tolist() == [0, -1]


def test_e20_shapes_that_differ() -> None:
    with pytest.raises(
        ShapeError, match=r"y has shape \(1, 1, 4\) and switches \(1, 1, 3\): they must"
    ):
        max_unpool(FOUR, MEETING[..., :3], 4)


def test_e45_switches_must_be_integers() -> None:
    with pytest.raises(DTypeError, match="switches must be integers, got float64"):
        max_unpool(FOUR, MEETING.astype(float), 4)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_e45_integers_stay_what_they_are(dtype: type) -> None:
    y = max_unpool(FOUR.astype(dtype), MEETING, 4, overlap="sum")
    assert y.dtype == dtype
    assert y.tolist() == [[[0, 6, 0, 4]]]


def test_e45_a_sum_that_does_not_fit_is_an_error() -> None:
    y = np.full((1, 1, 2), 100, np.int8)
    with pytest.raises(DTypeError, match="to 200, which int8 cannot hold: convert"):
        max_unpool(y, np.zeros((1, 1, 2), np.int64), 3, overlap="sum")
    assert max_unpool(y, np.zeros((1, 1, 2), int), 1, overlap="mean").item() == 100
    columns = np.full((1, 2, 2), 100, np.int8)
    with pytest.raises(DTypeError, match="from 100 to 200, which int8 cannot"):
        col2im(columns, (3,), 2)


def test_e35_an_empty_batch() -> None:
    y, switches = np.zeros((0, 2, 3)), np.zeros((0, 2, 3), np.int64)
    assert max_unpool(y, switches, 7).shape == (0, 2, 7)


def test_e47_overlaps_are_summed_and_gaps_are_zero() -> None:
    columns = np.array([[[1, 2, 3], [10, 20, 30]]])
    assert col2im(columns, (4,), 2).tolist() == [[[1, 12, 23, 30]]]
    # stride 3 and dilation 2: taps 0, 2 and 3, 5 of 7
    apart = columns[..., :2]
    assert col2im(apart, (7,), 2, stride=3, dilation=2).tolist() == [
        [[1, 0, 10, 2, 0, 20, 0]]
    ]


def test_e47_rows_are_channel_then_tap_and_axes_are_not_exchanged() -> None:
    x = np.arange(1.0, 13).reshape(1, 2, 2, 3)
    columns = im2col(x, (2, 1), stride=(1, 2))
    expected = [[[1, 3], [4, 6], [7, 9], [10, 12]]]
    assert columns.tolist() == expected
    image = col2im(columns, (2, 3), (2, 1), stride=(1, 2))
    assert image[0, 0].tolist() == [[1, 0, 3], [4, 0, 6]]
    assert image[0, 1].tolist() == [[7, 0, 9], [10, 0, 12]]


def test_e47_as_many_columns_as_windows() -> None:
    with pytest.raises(
        ShapeError, match=r"image of size \(4,\) has 3 windows \(3,\) of 2 taps: expec"
    ):
        col2im(np.ones((1, 2, 4)), (4,), 2)
    with pytest.raises(
        ShapeError, match=r"columns has shape \(1, 3, 3\), but an image"
    ):
        col2im(np.ones((1, 3, 3)), (4,), 2)


def test_e32_what_no_window_covers_is_zero() -> None:
    columns = np.ones((1, 1, 2))
    assert col2im(columns, (6,), 1, stride=3).tolist() == [[[1, 0, 0, 1, 0, 0]]]


def test_e46_a_pointwise_window_s_columns_are_a_copy() -> None:
    x = np.arange(6.0).reshape(1, 2, 3)
    columns = im2col(x, 1)
    columns[...] = 9
    assert x.ravel().tolist() == [0, 1, 2, 3, 4, 5]
    image = col2im(columns, (3,), 1)
    image[...] = 0
    assert (columns == 9).all()
