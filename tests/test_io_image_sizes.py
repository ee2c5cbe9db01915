"""Resizing and cropping pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from numpy_deconv.errors import DTypeError, OptionError, ShapeError
from numpy_deconv.io.images import centre_crop, resize

PIXELS = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 10

FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", [(5, 9), (1, 1), (40, 3)])
def test_resize_is_pillows(name: str, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 17, 3), np.uint8)
    resampling = Image.Resampling[name.upper()]
    expected = np.asarray(Image.fromarray(noise).resize(size[::-1], resampling))
    assert resize(noise, size, name).tolist() == expected.tolist()


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 2), (4, 6, 5)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_resize_keeps_dtype_and_channels(shape: tuple[int, ...], dtype: Any) -> None:
    constant = np.full(shape, 7, dtype)
    found = resize(constant, (3, 8))
    assert found.dtype == dtype
    assert found.shape == (3, 8, *shape[2:])
    np.testing.assert_allclose(found, 7, rtol=1e-6)


def test_resize_reads_any_strides() -> None:
    noise = np.random.default_rng(0).normal(size=(6, 5, 3)).astype(np.float32)
    turned = noise.transpose(1, 0, 2)[::-1]
    assert (resize(turned, (4, 4)) == resize(turned.copy(), (4, 4))).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((PIXELS, (2, 2), "cubic"), OptionError, "'cubic' is not one of nearest"),
        ((PIXELS, (0, 2)), ShapeError, "must be positive, not 0 x 2"),
        ((PIXELS, (2,)), ShapeError, r"must be \(height, width\), not \(2,\)"),
        ((PIXELS, (2.5, 2)), ShapeError, r"must be \(height, width\), not \(2.5, 2\)"),
        ((PIXELS, 2), ShapeError, r"must be \(height, width\), not 2"),
        ((PIXELS[0, 0], (2, 2)), ShapeError, r"not \(3,\)"),
        ((PIXELS[:0], (2, 2)), ShapeError, r"not \(0, 3, 3\)"),
        ((PIXELS.astype("f8"), (2, 2)), DTypeError, "or float32, not float64"),
    ],
)
def test_resize_refuses(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        resize(*arguments)


@pytest.mark.parametrize(
    ("full", "part", "first"), [(5, 3, 1), (6, 3, 2), (8, 3, 2), (4, 4, 0), (5, 4, 0)]
)
def test_the_crop_begins_where_torchvision_begins(
    full: int, part: int, first: int
) -> None:
    line = np.arange(full)
    rows = np.repeat(line[:, None], 3, axis=1)
    assert centre_crop(rows, (part, 3))[:, 0].tolist() == list(line[first:][:part])
    columns = rows.T
    assert centre_crop(columns, (3, part))[0].tolist() == list(line[first:][:part])


def test_crop_keeps_channels_and_copies_nothing() -> None:
    found = centre_crop(PIXELS, (1, 2))
    assert found.shape == (1, 2, 3)
    assert np.shares_memory(found, PIXELS)


@pytest.mark.parametrize("size", [(3, 3), (2, 4)])
def test_a_crop_that_is_too_large(size: tuple[int, int]) -> None:
    with pytest.raises(ShapeError, match=r"out of an array of shape \(2, 3, 3\)"):
        centre_crop(PIXELS, size)
