"""What is done to a convolution's numbers on their way out, and where they then lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from convolution_problems import problems
from fenced_arrays import fenced
from hypothesis import given
from hypothesis import strategies as st

from numpy_deconv import use_backend
from numpy_deconv.backends.numba_cpu import NumbaBackend
from numpy_deconv.backends.numba_cpu.layout import pitch_of
from numpy_deconv.errors import ShapeError
from numpy_deconv.functional.convolution import conv_clipped, conv_input_grad_clipped
from numpy_deconv.window import Window

OURS = NumbaBackend()
BOUNDS = st.sampled_from([(None, None), (0, None), (-0.5, 0.25)])


def near(got: np.ndarray, want: np.ndarray) -> None:
    """Sums in another order."""
    scale = float(np.abs(want).max(initial=1))
    precision = 1e-4 if got.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(got, want, rtol=0, atol=precision * scale)


def seen(x: np.ndarray, seed: int = 0) -> np.ndarray:
    """What a ReLU may have put out: zeros of both signs, NaN and other numbers."""
    rng = np.random.default_rng(seed)
    special = rng.choice(
        [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 1e-45], x.shape
    )
    return special.astype(x.dtype)


@given(problems(), BOUNDS, st.booleans())
def test_a_mask_is_the_gradient_of_a_relu(
    case: dict[str, Any], bounds: Any, last: bool
) -> None:
    x, weight, window, groups = (case[n] for n in ("x", "weight", "window", "groups"))
    where = fenced(seen(x), last)
    given_ = case["grad"], weight, None, x.shape[2:], window, groups
    got = OURS.conv_input_grad_clipped(*given_, *bounds, where)
    plain = OURS.conv_input_grad(*given_)
    if bounds != (None, None):
        plain = OURS.conv_input_grad_clipped(*given_, *bounds)
    np.testing.assert_array_equal(got, OURS.activation_grad(plain, where, "relu"))


@given(problems(), BOUNDS, st.integers(0, 9), st.integers(0, 20))
def test_written_into_a_larger_array(
    case: dict[str, Any], bounds: Any, before: int, after: int
) -> None:
    given_ = [case[n] for n in ("x", "weight", "bias", "window", "groups")]
    want = OURS.conv_clipped(*given_, *bounds) if any(
        b is not None for b in bounds
    ) else OURS.conv(*given_)  # fmt: skip
    channels = want.shape[1]
    room = OURS.room(want, before + channels + after, want.shape[2:])
    assert room.shape == (len(want), before + channels + after, *want.shape[2:])
    room[...] = 7
    out = room[:, before : before + channels]
    assert OURS.conv_clipped(*given_, *bounds, out=out) is out
    near(out, want)
    assert (room[:, :before] == 7).all()
    assert (room[:, before + channels :] == 7).all()
    elsewhere = np.full(want.shape, 7, want.dtype)  # channels first
    assert OURS.conv_clipped(*given_, *bounds, out=elsewhere) is elsewhere
    near(elsewhere, want)


@given(problems(), st.integers(0, 9), st.integers(0, 20))
def test_read_from_a_larger_array(
    case: dict[str, Any], before: int, after: int
) -> None:
    x, weight, bias, window, groups = (
        case[n] for n in ("x", "weight", "bias", "window", "groups")
    )
    inside, signal = _amid(x, before, after), _amid(case["grad"], before, after)
    near(OURS.conv(inside, weight, bias, window, groups),
         OURS.conv(x, weight, bias, window, groups))  # fmt: skip
    back = weight, None, x.shape[2:], window, groups
    near(OURS.conv_input_grad(signal, *back), OURS.conv_input_grad(case["grad"], *back))


def _amid(x: np.ndarray, before: int, after: int) -> np.ndarray:
    """The same numbers as some channels among others, which are NaN."""
    sides = [
        np.full((len(x), n, *x.shape[2:]), np.nan, x.dtype) for n in (before, after)
    ]
    return fenced(np.concatenate([sides[0], x, sides[1]], axis=1))[
        :, before : before + x.shape[1]
    ]


def last(*shape: int) -> np.ndarray:
    """Zeros ``(N, C, *size)``, channels last."""
    return np.moveaxis(np.zeros((shape[0], *shape[2:], shape[1])), -1, 1)


@pytest.mark.parametrize(
    ("x", "pitch"),
    [
        (last(2, 5, 3, 4), 5),
        (last(2, 5, 3, 4)[:, 1:3], 5),
        (last(2, 5, 3, 4)[:, 2:3], 5),
        (last(1, 5, 1, 1)[:, 1:3], 2),  # nothing follows
        (last(2, 5, 1, 1)[:, 1:3], 5),
        (last(2, 5, 3, 4)[:, ::2], 0),
        (last(2, 5, 3, 4)[:, 1:3, :, 1:], 0),
        (last(2, 5, 3, 4)[:, 1:3, ::2], 0),
        (last(2, 5, 3, 4)[:1, 1:3], 5),
        (last(4, 5, 3, 4)[::2, 1:3], 0),
        (last(2, 5, 3, 4)[:, 1:3, ::-1], 0),
        (np.zeros((2, 5, 3, 4)), 0),
        (np.zeros((2, 1, 3, 4)), 1),
        (np.broadcast_to(np.zeros((1, 5, 1, 1)), (2, 5, 3, 4)), 0),
    ],
)
def test_pitch(x: np.ndarray, pitch: int) -> None:
    assert pitch_of(x) == pitch


@pytest.mark.parametrize(
    "out",
    [np.zeros((1, 3, 4, 4), "f4"), np.zeros((1, 2, 4, 4)), np.zeros((2, 4, 4), "f4")],
)
def test_what_does_not_fit_is_not_written_to(out: np.ndarray) -> None:
    x, weight = np.ones((1, 1, 4, 4), "f4"), np.ones((2, 1, 1, 1), "f4")
    with use_backend(OURS), pytest.raises(ShapeError, match="out is float"):
        conv_clipped(x, weight, None, 0, None, out)
    assert not out.any()


def test_what_is_read_only_is_not_written_to() -> None:
    x, weight = np.ones((1, 1, 4, 4), "f4"), np.ones((2, 1, 1, 1), "f4")
    out = fenced(np.zeros((1, 2, 4, 4), "f4"))
    with use_backend(OURS), pytest.raises(ShapeError, match="and out writeable"):
        conv_clipped(x, weight, None, 0, None, out)


def test_a_mask_has_the_shape_of_the_gradient() -> None:
    grad, weight = np.ones((1, 2, 4, 4), "f4"), np.ones((2, 1, 1, 1), "f4")
    for where in (np.ones((1, 1, 4, 3), "f4"), np.ones((1, 1, 4, 4))):
        with pytest.raises(ShapeError, match="where is float"):
            conv_input_grad_clipped(grad, weight, (4, 4), None, None, where)


def test_half_precision_has_out_and_mask_too() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 3, 6, 6)).astype(np.float16)
    weight = rng.standard_normal((4, 3, 3, 3)).astype(np.float16)
    window = Window.of(3, 2)
    want = OURS.conv_clipped(x, weight, None, window, 1, 0, None)
    out = np.empty_like(want)
    assert OURS.conv_clipped(x, weight, None, window, 1, 0, None, out=out) is out
    np.testing.assert_array_equal(out, want)
    back = want, weight, None, (6, 6), window, 1, None, None
    plain = OURS.conv_input_grad(*back[:-2])
    got = OURS.conv_input_grad_clipped(*back, where=x)
    assert got.dtype == np.float16
    np.testing.assert_array_equal(got, plain * (x > 0))
