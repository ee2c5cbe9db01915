"""Random transformations: exact adjoints, what is drawn, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from central_differences import assert_is_adjoint
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from numpy_deconv import upsample
from numpy_deconv.errors import OptionError, ShapeError
from numpy_deconv.methods.ascent import Fit, Jitter, Pad, Roll, Rotate, Scale
from numpy_deconv.methods.ascent.presets import PRESETS
from numpy_deconv.methods.ascent.resampling import Rotation, resized
from numpy_deconv.methods.ascent.transforms import Transform, drawn

TRANSFORMS: dict[str, Transform] = {
    "roll": Roll(5),
    "roll both ways": Roll(3, both_ways=True),
    "jitter": Jitter(4),
    "pad": Pad(3, value=0.25),
    "pad reflect": Pad(2, mode="reflect"),
    "pad replicate": Pad(4, mode="replicate"),
    "scale": Scale((0.7, 1.3)),
    "rotate": Rotate((-25.0, 10.0, 33.0)),
    "rotate mirrored": Rotate((-40, 40), between=True, edge="symmetric"),
    "fit": Fit((6, 17)),
}
sizes = st.tuples(st.integers(5, 14), st.integers(5, 14))


def picture(*size: int) -> np.ndarray:
    return np.random.default_rng(6).normal(size=(2, 3, *size))


@pytest.mark.parametrize("name", TRANSFORMS)
@given(size=sizes, seed=st.integers(0, 50))
def test_adjoints(name: str, size: tuple[int, int], seed: int) -> None:
    change = TRANSFORMS[name].draw(size, np.random.default_rng(seed))
    x = picture(*size)
    assert change.apply(x).shape == (2, 3, *change.size)
    assert_is_adjoint(change.apply, change.adjoint, x)


@given(size=st.tuples(st.integers(9, 16), st.integers(9, 16)), seed=st.integers(0, 50))
def test_lucids_row_of_all_of_them(size: tuple[int, int], seed: int) -> None:
    transforms = PRESETS["lucid"].transforms
    change = drawn(transforms, size, np.random.default_rng(seed))
    x = picture(*size)
    assert change.size == size
    assert_is_adjoint(change.apply, change.adjoint, x)


@pytest.mark.parametrize("size", [(11,), (6, 7, 8)])
@pytest.mark.parametrize("name", ["roll", "jitter", "pad", "scale"])
def test_other_ranks(name: str, size: tuple[int, ...]) -> None:
    change = TRANSFORMS[name].draw(size, np.random.default_rng(1))
    assert_is_adjoint(change.apply, change.adjoint, picture(*size))


def test_what_is_drawn() -> None:
    rng = np.random.default_rng(0)
    x = np.zeros((1, 1, 40, 40))
    x[0, 0, 20, 20] = 1
    for transform, least, most in ((Roll(3), 0, 3), (Roll(2, both_ways=True), -2, 2)):
        seen = set()
        for _ in range(200):
            moved = transform.draw((40, 40), rng).apply(x)
            seen.add(tuple(int(i) - 20 for i in np.argwhere(moved[0, 0])[0]))
        span = range(least, most + 1)
        assert seen == {(row, column) for row in span for column in span}


def test_jitter_cuts_every_window_out() -> None:
    rng, x = np.random.default_rng(0), np.arange(12.0).reshape(1, 1, 3, 4)
    corners = {
        float(Jitter(1).draw((3, 4), rng).apply(x)[0, 0, 0, 0]) for _ in range(60)
    }
    assert corners == {0.0, 1.0, 4.0, 5.0}
    assert Jitter(1).draw((3, 4), rng).apply(x).shape == (1, 1, 2, 3)


def test_padding_is_filled() -> None:
    x = np.ones((1, 1, 2, 2))
    padded = Pad(1, value=0.5).draw((2, 2), np.random.default_rng(0)).apply(x)
    assert padded[0, 0].tolist() == [
        [0.5, 0.5, 0.5, 0.5],
        [0.5, 1.0, 1.0, 0.5],
        [0.5, 1.0, 1.0, 0.5],
        [0.5, 0.5, 0.5, 0.5],
    ]


@given(size=sizes, degrees=st.floats(-180, 180))
def test_rotation_is_scipys(size: tuple[int, int], degrees: float) -> None:
    x = picture(*size)
    options: dict[str, Any] = {"axes": (2, 3), "reshape": False, "order": 1}
    found = Rotation.of(size, degrees, "symmetric").apply(x)
    expected = ndimage.rotate(x, degrees, mode="reflect", **options)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    # scipy's own constant edge is not interpolated to: compare away from it
    inside = ndimage.rotate(
        np.ones_like(x), degrees, mode="constant", cval=np.nan, **options
    )
    found = Rotation.of(size, degrees).apply(x)
    seen = np.isfinite(inside)
    np.testing.assert_allclose(found[seen], expected[seen], atol=1e-9)


@given(
    size=sizes,
    out=st.tuples(st.integers(1, 25), st.integers(1, 25)),
)
def test_resizing_with_corners_is_scipys_zoom(
    size: tuple[int, int], out: tuple[int, int]
) -> None:
    x = picture(*size)
    zoom = (1, 1, *(o / i for o, i in zip(out, size, strict=True)))
    expected = ndimage.zoom(x, zoom, order=1)
    if expected.shape[2:] == out and min(out) > 1:
        np.testing.assert_allclose(resized(x, out, corners=True), expected, atol=1e-9)


def test_resizing_without_corners_is_upsampling() -> None:
    x = picture(7, 10)
    np.testing.assert_allclose(
        resized(x, (14, 25)), upsample(x, (2, 2.5), "bilinear"), atol=1e-12
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Roll(-1), "pixels of Roll .jitter. must be a whole number of at"),
        (lambda: Jitter(1.5), "pixels of Jitter must be a whole number"),  # type: ignore[arg-type]
        (lambda: Pad(-2), "pixels of Pad must be a whole number"),
        (lambda: Scale(()), "factors of Scale must be positive numbers"),
        (lambda: Scale((1.0, -2.0)), "factors of Scale must be positive numbers"),
        (lambda: Rotate(()), "degrees of Rotate must be numbers"),
        (lambda: Rotate((1.0,), between=True), "the two to draw between"),
        (lambda: Rotate((np.inf,)), "degrees of Rotate must be numbers"),
        (lambda: Rotation.of((3, 3), 5, "wrap"), "edge must be one of"),
    ],
)
def test_wrong_options(make: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()


def test_sizes_that_do_not_fit() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ShapeError, match=r"Jitter\(4\) leaves nothing of a picture"):
        Jitter(4).draw((9, 4), rng)
    with pytest.raises(ShapeError, match="only planes can be rotated, not 3 axes"):
        Rotate((5.0,)).draw((4, 4, 4), rng)
