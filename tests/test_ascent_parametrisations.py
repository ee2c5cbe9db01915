"""What is climbed instead of pixels: gradients, inverses, channels of any number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from central_differences import assert_is_gradient
from hypothesis import given
from hypothesis import strategies as st
from small_models import small_model, small_net

from numpy_deconv.errors import OptionError
from numpy_deconv.methods.ascent import DecorrelatedColours, Spectrum, Squash
from numpy_deconv.methods.ascent.parametrisations import (
    LUCID_COLOURS,
    decode,
    encode,
    params_shape,
)
from numpy_deconv.methods.ascent.space import Space

ROWS = {
    "pixels": (),
    "spectrum": (Spectrum(),),
    "white spectrum": (Spectrum(power=0),),
    "colours": (DecorrelatedColours(),),
    "sigmoid": (Squash(),),
    "lucid": (Spectrum(), DecorrelatedColours(), Squash()),
}


def space(*shape: int) -> Space:
    return replace(Space.of(small_net(), shape, "unit"), like=np.zeros(0))


shapes = st.tuples(
    st.sampled_from([1, 2, 3, 5]),
    *(st.integers(1, 9) for _ in range(2)),
)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("shape", [(3, 6, 7), (3, 7, 6), (1, 5, 5), (4, 8, 3), (2, 9)])
def test_gradients(row: str, shape: tuple[int, ...]) -> None:
    stages, where = ROWS[row], space(*shape)
    rng = np.random.default_rng(0)
    params = rng.normal(size=params_shape(stages, (1, *shape)))
    weights = rng.normal(size=(1, *shape))
    _, back = decode(stages, params, where)

    def total(at: np.ndarray) -> float:
        return float((decode(stages, at, where)[0] * weights).sum())

    assert_is_gradient(total, params, back(weights))


@pytest.mark.parametrize("row", ROWS)
@given(shape=shapes, seed=st.integers(0, 99))
def test_a_picture_comes_back(row: str, shape: tuple[int, ...], seed: int) -> None:
    where, stages = space(*shape), ROWS[row]
    picture = np.random.default_rng(seed).uniform(0.01, 0.99, (1, *shape))
    params = encode(stages, picture, where)
    assert params.shape == params_shape(stages, picture.shape)
    np.testing.assert_allclose(decode(stages, params, where)[0], picture, atol=1e-9)


def test_a_spectrum_is_what_lucid_makes() -> None:
    size, rng = (5, 8), np.random.default_rng(1)
    real, imaginary = rng.normal(size=(2, 1, 3, 5, 5))
    y, x = np.fft.fftfreq(5)[:, None], np.fft.fftfreq(8)[:5]
    scale = np.sqrt(40) / np.maximum(np.hypot(y, x), 1 / 8)
    expected = np.fft.irfft2(scale * (real + 1j * imaginary), size) / 4
    found, _ = decode((Spectrum(),), np.stack([real, imaginary]), space(3, *size))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_blue_first_is_red_first_turned_around() -> None:
    params = np.random.default_rng(1).normal(size=(1, 3, 4, 5))
    where = space(3, 4, 5)
    red_first, _ = decode((DecorrelatedColours(),), params, where)
    blue_first, _ = decode(
        (DecorrelatedColours(),), params, replace(where, reversed=True)
    )
    np.testing.assert_array_equal(blue_first, red_first[:, ::-1])
    grey = decode((DecorrelatedColours(),), params * [[[[1]], [[0]], [[0]]]], where)[0]
    matrix = np.array(LUCID_COLOURS)
    largest = np.linalg.norm(matrix, axis=0).max()
    np.testing.assert_allclose(grey[0, 1], params[0, 0] * 0.27 / largest)


def test_float32_stays_float32() -> None:
    where = space(3, 6, 7)
    for stages in ROWS.values():
        shape = params_shape(stages, (1, 3, 6, 7))
        params = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        picture, back = decode(stages, params, where)
        assert picture.dtype == np.float32
        assert back(picture).dtype == np.float32
        assert encode(stages, picture, where).dtype == np.float32


@pytest.mark.parametrize("units", ["input", "unit", "levels", "centred"])
def test_units_of_a_model(units: str) -> None:
    model = small_model()
    where = Space.of(model, None, units)
    low, high = model.preprocess.bounds
    ends = np.broadcast_to(low, (1, 3, 20, 24)), np.broadcast_to(high, (1, 3, 20, 24))
    pictures = [where.from_input(end) for end in ends]
    span = {"unit": 1, "levels": 255, "centred": 255}.get(units)
    if span is not None:
        np.testing.assert_allclose(pictures[1] - pictures[0], span, rtol=1e-5)
    if units in ("unit", "levels"):
        np.testing.assert_allclose(pictures[0], 0, atol=1e-4)
    for picture, end in zip(pictures, ends, strict=True):
        np.testing.assert_allclose(where.to_input(picture), end, atol=1e-5)
        np.testing.assert_allclose(
            where.clip(2 * picture + 1),
            where.clip(np.clip(2 * picture + 1, where.low, where.high)),
        )
    np.testing.assert_allclose(where.low, pictures[0][:, :, :1, :1], atol=1e-4)
    gradient = np.ones((1, 3, 20, 24), np.float32)
    step = where.to_input(pictures[0] + 1) - where.to_input(pictures[0])
    np.testing.assert_allclose(where.pull(gradient), step, atol=1e-5)


def test_mean_subtracted_levels_have_the_mean_at_zero() -> None:
    where = Space.of(small_model(), None, "centred")
    mean = np.array([0.5, 0.4, 0.45]).reshape(1, 3, 1, 1)
    np.testing.assert_allclose(where.low, -255 * mean, rtol=1e-5)


def test_units_that_there_are_not() -> None:
    with pytest.raises(OptionError, match="units must be one of"):
        Space.of(small_model(), None, "percent")  # type: ignore[arg-type]
