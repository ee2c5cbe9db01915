"""Every pixel format as RGB, by the rules in to_rgb."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from numpy_deconv.errors import DTypeError, FileFormatError, ShapeError
from numpy_deconv.io.image_modes import from_pixels, to_rgb


def rgb(image: Image.Image) -> Any:
    converted = to_rgb(image)
    assert converted.mode == "RGB"
    return np.asarray(converted).tolist()


def grey(values: Any, dtype: str) -> list[int]:
    """The converted values of a one-line grey image, once all channels are equal."""
    line = rgb(Image.fromarray(np.array([values], dtype)))[0]
    assert all(red == green == blue for red, green, blue in line)
    return [red for red, _, _ in line]


def test_rgb_stays() -> None:
    assert rgb(Image.new("RGB", (1, 1), (1, 2, 3))) == [[[1, 2, 3]]]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 7, 7),
        ("1", 1, 255),
        ("LA", (0, 0), 255),
        ("LA", (100, 255), 100),
        ("LA", (0, 51), 204),
        ("La", (0, 51), 204),
    ],
)
def test_grey_modes(mode: str, colour: Any, expected: int) -> None:
    assert rgb(Image.new(mode, (1, 1), colour)) == [[[expected] * 3]]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (10, 20, 30, 255), [10, 20, 30]),
        ("RGBA", (10, 20, 30, 0), [255, 255, 255]),
        ("RGBA", (0, 255, 0, 51), [204, 255, 204]),
        ("RGBa", (0, 51, 0, 51), [204, 255, 204]),
        ("CMYK", (0, 0, 0, 0), [255, 255, 255]),
        ("CMYK", (255, 0, 0, 0), [0, 255, 255]),
        ("YCbCr", (128, 128, 128), [128, 128, 128]),
        ("HSV", (0, 0, 200), [200, 200, 200]),
    ],
)
def test_colour_modes(mode: str, colour: Any, expected: list[int]) -> None:
    assert rgb(Image.new(mode, (1, 1), colour)) == [[expected]]


def test_a_palette_with_and_without_transparency() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    assert rgb(image) == [[[10, 20, 30], [40, 50, 60]]]
    image.info["transparency"] = 1
    assert rgb(image) == [[[10, 20, 30], [255, 255, 255]]]
    image.info["transparency"] = bytes([255, 0])
    assert rgb(image) == [[[10, 20, 30], [255, 255, 255]]]


def test_one_transparent_colour() -> None:
    image = Image.new("RGB", (1, 1), (1, 2, 3))
    image.info["transparency"] = (1, 2, 3)
    assert rgb(image) == [[[255, 255, 255]]]
    image = Image.new("L", (1, 1), 7)
    image.info["transparency"] = 7
    assert rgb(image) == [[[255, 255, 255]]]


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4"])
def test_16_bit_grey_is_divided_by_257(dtype: str) -> None:
    every = np.arange(65536)
    assert grey(every, dtype) == np.rint(every / 257).astype(int).tolist()


def test_wider_integers_are_stretched() -> None:
    assert grey([-100, 0, 100], "<i4") == [0, 128, 255]
    assert grey([0, 10**9, 2 * 10**9], "<i4") == [0, 128, 255]
    assert grey([-3, -3], "<i4") == [0, 0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 2.0, 254.6], [0, 2, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, 500.0], [0, 255]),
        ([-3.0, -3.0], [0, 0]),
        ([300.0, 300.0], [255, 255]),
    ],
)
def test_floats(values: list[float], expected: list[int]) -> None:
    assert grey(values, "f4") == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite(bad: float) -> None:
    with pytest.raises(FileFormatError, match="values are not all finite"):
        grey([0.0, bad], "f4")


@pytest.mark.parametrize(
    ("shape", "mode"), [((2, 3), "L"), ((2, 3, 3), "RGB"), ((2, 3, 4), "RGBA")]
)
def test_arrays_as_images(shape: tuple[int, ...], mode: str) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    for view in (array, np.asfortranarray(array), array[::-1, ::-1]):
        image = from_pixels(view)
        assert image.mode == mode
        assert np.asarray(image).tolist() == view.tolist()


@pytest.mark.parametrize("shape", [(3,), (2, 3, 1), (2, 3, 5), (0, 3), (1, 2, 3, 3)])
def test_shapes_that_are_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(H, W\), \(H, W, 3\) or \(H, W, 4\), not"):
        from_pixels(np.zeros(shape, np.uint8))


def test_dtypes_that_are_no_image() -> None:
    with pytest.raises(DTypeError, match="uint8, not float32: stretch them first"):
        from_pixels(np.zeros((2, 2), np.float32))
