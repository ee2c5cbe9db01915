"""Pictures in: every source, every failure in one sentence, and sizes."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.io.images import read_image

# 2 x 3, all pixels different.
PIXELS = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 10


def encode(pixels: Any, form: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


# Sources ----------------------------------------------------------------------------


def test_every_source(tmp_path: Path) -> None:
    data = encode(PIXELS)
    (tmp_path / "a.png").write_bytes(data)
    sources = (
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        data,
        Image.fromarray(PIXELS),
        PIXELS,
    )
    for source in sources:
        found = read_image(source)
        assert found.tolist() == PIXELS.tolist()
        assert found.dtype == np.uint8
        assert found.flags.writeable
        assert found.flags.c_contiguous
        assert not np.shares_memory(found, PIXELS)


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "TGA"])
def test_lossless_formats(form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    assert read_image(encode(PIXELS, form, **options)).tolist() == PIXELS.tolist()


def test_jpeg_in_grey_and_in_four_colours() -> None:
    flat = np.full((16, 16, 3), 100, np.uint8)
    assert abs(read_image(encode(flat, "JPEG")).astype(int) - 100).max() <= 2
    grey = Image.fromarray(flat[..., 0])
    assert abs(read_image(encode(grey, "JPEG")).astype(int) - 100).max() <= 2
    # Pillow writes and reads these inverted, as Photoshop does.
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    found = read_image(encode(cyan, "JPEG", quality=100)).astype(int)
    assert abs(found - [0, 255, 255]).max() <= 4


def test_16_bit_png() -> None:
    deep = Image.fromarray(np.array([[0, 257, 65535]], np.uint16))
    assert read_image(encode(deep))[0, :, 0].tolist() == [0, 1, 255]


def test_transparency_is_composited_on_white() -> None:
    clear = np.zeros((1, 1, 4), np.uint8)
    assert read_image(encode(clear)).tolist() == [[[255, 255, 255]]]


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "lime", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_image(data)[0, 0].tolist() == [255, 0, 0]


def test_one_pixel() -> None:
    assert read_image(encode(PIXELS[:1, :1])).shape == (1, 1, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_exif_orientation(orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read_image(encode(PIXELS, form, exif=exif))
    # Where row 0 and column 0 of the file are in the scene: EXIF 2.32, table 6.
    upright = {
        1: PIXELS,
        2: PIXELS[:, ::-1],
        3: PIXELS[::-1, ::-1],
        4: PIXELS[::-1],
        5: PIXELS.transpose(1, 0, 2),
        6: PIXELS.transpose(1, 0, 2)[:, ::-1],
        7: PIXELS.transpose(1, 0, 2)[::-1, ::-1],
        8: PIXELS.transpose(1, 0, 2)[::-1],
    }[orientation]
    assert found.tolist() == upright.tolist()


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\xff"])
def test_a_damaged_exif_block_is_ignored(exif: bytes) -> None:
    assert read_image(encode(PIXELS, exif=exif)).tolist() == PIXELS.tolist()


def test_a_pil_image_is_left_as_it_was() -> None:
    image = Image.fromarray(PIXELS)
    image.getexif()[0x0112] = 6
    assert read_image(image, max_pixels=2).shape[2] == 3
    assert np.asarray(image).tolist() == PIXELS.tolist()


# Failures ---------------------------------------------------------------------------


def test_missing_folder_and_empty(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"cat\.jpg does not exist"):
        read_image(tmp_path / "cat.jpg")
    with pytest.raises(FileFormatError, match="is a folder"):
        read_image(tmp_path)
    (tmp_path / "empty.png").touch()
    with pytest.raises(FileFormatError, match=r"empty\.png is empty"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(FileFormatError, match="image data is not a picture"):
        read_image(b"")


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_text("<html>404 Not Found</html>")
    with pytest.raises(FileFormatError, match=r"cat\.jpg is not a picture in a known"):
        read_image(tmp_path / "cat.jpg")


def test_formats_that_start_a_program_are_not_read() -> None:
    eps = encode(PIXELS, "EPS")
    with pytest.raises(FileFormatError, match="not a picture in a known format"):
        read_image(eps)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_truncated_pictures(form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    data = encode(noise, form)
    with pytest.raises(FileFormatError, match=r"is damaged or truncated|not a picture"):
        read_image(data[: len(data) // 2])


def test_values_that_are_not_finite_name_the_file(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[np.nan]], np.float32))
    (tmp_path / "map.tiff").write_bytes(encode(image, "TIFF"))
    with pytest.raises(FileFormatError, match=r"map\.tiff cannot be read: its values"):
        read_image(tmp_path / "map.tiff")


@pytest.mark.parametrize("source", [None, 7, [PIXELS]])
def test_sources_that_are_none(source: Any) -> None:
    with pytest.raises(OptionError, match="path, bytes, a PIL image or an array, not"):
        read_image(source)


@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1),
)
@settings(deadline=None, max_examples=200)
def test_flipped_bits_are_an_error_of_ours_or_a_picture(
    form: str, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(encode(PIXELS, form))
    for position, bit in flips:
        data[position % len(data)] ^= 1 << bit
    try:
        found = read_image(bytes(data), max_pixels=10_000)
    except FileFormatError:
        return
    assert found.ndim == 3
    assert found.shape[0] * found.shape[1] <= 10_000


# Large pictures ---------------------------------------------------------------------


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_large_picture_is_made_smaller(form: str) -> None:
    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    pixels = np.broadcast_to(ramp[None, :, None], (300, 400, 3))
    found = read_image(encode(np.array(pixels), form), max_pixels=7500)
    assert found.shape == (75, 100, 3)
    assert abs(found[40, :, 1].astype(int) - ramp[2::4].astype(int)).max() <= 4


def test_a_large_jpeg_is_not_decoded_at_full_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = encode(np.zeros((300, 400, 3), np.uint8), "JPEG")
    monkeypatch.delattr(Image.Image, "resize")
    assert read_image(data, max_pixels=7500).shape == (75, 100, 3)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 1000))
@settings(deadline=None)
@example(1, 300, 10)
@example(300, 1, 10)
@example(300, 300, 1)
def test_the_limit_always_holds(width: int, height: int, limit: int) -> None:
    found = read_image(Image.new("L", (width, height)), max_pixels=limit)
    assert found.shape[0] * found.shape[1] <= limit
    if width * height <= limit:
        assert found.shape == (height, width, 3)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_cannot_be(limit: int) -> None:
    with pytest.raises(OptionError, match=f"max_pixels is {limit}, it must be at"):
        read_image(PIXELS, max_pixels=limit)


def png_header(width: int, height: int) -> bytes:
    data = bytearray(encode(Image.new("1", (8, 8))))
    body = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + data[24:29]
    data[12:29] = body
    data[29:33] = zlib.crc32(body).to_bytes(4, "big")
    return bytes(data)


def test_a_decompression_bomb_is_refused_in_one_sentence() -> None:
    with pytest.raises(FileFormatError, match="too many pixels to be decoded safely"):
        read_image(png_header(50_000, 50_000))


def test_pillow_does_not_warn_of_bombs() -> None:
    # Over Pillow's limit, under twice that: it would warn, and warnings are errors.
    with pytest.raises(FileFormatError, match="damaged or truncated"):
        read_image(png_header(10_000, 10_000))
    image = Image.new("1", (10_000, 10_000), 1)
    assert read_image(encode(image), max_pixels=100).tolist() == [[[255] * 3] * 10] * 10
