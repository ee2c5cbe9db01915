"""Stretching values to pixels and tiling pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from numpy_deconv.errors import DTypeError, OptionError, ShapeError
from numpy_deconv.io.pictures import stretch, tile


@given(
    npst.arrays(
        st.sampled_from(["f8", "f4", "f2", "i8", "i2", "u1", "b1"]),
        npst.array_shapes(min_dims=0, max_dims=3),
        elements=None,
    ).filter(lambda array: bool(np.isfinite(array).all()))
)
def test_stretch_is_the_linear_map(values: Any) -> None:
    before = values.copy()
    found = stretch(values)
    assert found.dtype == np.uint8
    assert found.shape == values.shape
    assert (values == before).all()
    low, high = (float(end) for end in (values.min(), values.max()))
    if low == high:
        assert (found == np.rint(np.clip(values.astype("f8"), 0, 255))).all()
        return
    assert (found.min(), found.max()) == (0, 255)
    order = np.argsort(values, axis=None, kind="stable")
    assert (np.diff(found.ravel()[order].astype(int)) >= 0).all()
    # In halves, since the range of finite floats can overflow.
    share = (values.astype("f8") / 2 - low / 2) / max(high / 2 - low / 2, 5e-324)
    if high - low > 1e-300:
        np.testing.assert_allclose(found, share * 255, atol=0.5 + 1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-1.0, 0.0, 3.0], [0, 64, 255]),
        ([0, 1], [0, 255]),
        ([0.0, 0.0], [0, 0]),
        ([7.4, 7.4], [7, 7]),
        ([-3, -3], [0, 0]),
        ([1e9, 1e9], [255, 255]),
        ([False, True], [0, 255]),
        ([-1.7e308, 0.0, 1.7e308], [0, 128, 255]),
        ([0.0, 5e-324], [0, 255]),
        ([], []),
    ],
)
def test_stretch_by_hand(values: Any, expected: list[int]) -> None:
    assert stretch(values).tolist() == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_stretch_refuses_what_is_not_finite(bad: float) -> None:
    with pytest.raises(OptionError, match="1 of 3 values are NaN or infinite"):
        stretch([0.0, bad, 1.0])


@pytest.mark.parametrize("values", [np.zeros(2, complex), np.array(["a"])])
def test_stretch_refuses_what_is_not_real(values: Any) -> None:
    with pytest.raises(DTypeError, match="only real numbers become pixels"):
        stretch(values)


@given(
    count=st.integers(1, 7),
    columns=st.integers(1, 9),
    gap=st.integers(0, 3),
    height=st.integers(1, 3),
    width=st.integers(1, 3),
)
def test_every_pixel_of_the_grid(
    count: int, columns: int, gap: int, height: int, width: int
) -> None:
    images = [
        np.full((height, width, 3), index + 1, np.uint8) for index in range(count)
    ]
    found = tile(images, columns, gap, background=0)
    rows = -(-count // columns)
    assert found.shape == (
        rows * height + (rows - 1) * gap,
        columns * width + (columns - 1) * gap,
        3,
    )
    for y, x in np.ndindex(*found.shape[:2]):
        row, inner_y = divmod(y, height + gap)
        column, inner_x = divmod(x, width + gap)
        index = row * columns + column
        inside = inner_y < height and inner_x < width and index < count
        assert found[y, x].tolist() == [index + 1 if inside else 0] * 3


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (2, 2), (4, 2), (5, 3), (9, 3), (10, 4)]
)
def test_without_columns_the_grid_is_square(count: int, columns: int) -> None:
    found = tile(np.zeros((count, 1, 1, 3), np.uint8), gap=0)
    assert found.shape[1] == columns


def test_a_coloured_background_and_other_dtypes() -> None:
    found = tile([np.zeros((1, 1, 3), np.float32)] * 2, 2, 1, (0.1, 0.2, 0.3))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, 1], [0.1, 0.2, 0.3])


ONE = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([],), ShapeError, "no pictures to tile"),
        (([ONE[..., 0]],), ShapeError, r"are \(H, W, 3\), not \(2, 2\)"),
        (([ONE[..., :1]],), ShapeError, r"not \(2, 2, 1\)"),
        (([ONE, ONE[:1]],), ShapeError, "picture 1 is .* resize them to one size"),
        (([ONE, ONE.astype("f4")],), DTypeError, "picture 1 is float32, the first"),
        (([ONE], 0), OptionError, "columns is 0"),
        (([ONE], 1, -1), OptionError, "gap -1"),
    ],
)
def test_tile_refuses(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tile(*arguments)
