"""PNG files and the text in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from numpy_deconv.errors import (
    DTypeError,
    FileFormatError,
    OptionError,
    OutputError,
    ShapeError,
)
from numpy_deconv.io.images import read_image, read_png_metadata, write_png

PRINTABLE_ASCII = st.characters(min_codepoint=32, max_codepoint=126)
PIXELS = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 10


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3), (2, 3, 4), (1, 1)])
def test_pixels_come_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    write_png(tmp_path / "a.png", pixels[::-1])
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image).tolist() == pixels[::-1].tolist()


def test_a_pil_image(tmp_path: Path) -> None:
    write_png(tmp_path / "a.PNG", Image.fromarray(PIXELS), {"seed": "0"})
    assert read_image(tmp_path / "a.PNG").tolist() == PIXELS.tolist()
    assert read_png_metadata(tmp_path / "a.PNG") == {"seed": "0"}


@given(
    st.dictionaries(
        st.text(
            st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=79
        ),
        st.text(st.characters(exclude_categories=["Cs"])),
        max_size=4,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_comes_back(tmp_path: Path, metadata: dict[str, str]) -> None:
    write_png(tmp_path / "a.png", PIXELS, metadata)
    assert read_png_metadata(tmp_path / "a.png") == metadata


def test_equal_pictures_give_equal_files(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, PIXELS, {"seed": "0"})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_no_metadata(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", PIXELS)
    assert read_png_metadata(tmp_path / "a.png") == {}


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    write_png(tmp_path / "new" / "folder" / "a.png", PIXELS)
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["a.png"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*a\.png: "):
        write_png(tmp_path / "file" / "a.png", PIXELS)


@pytest.mark.parametrize(
    ("pixels", "metadata", "error", "message"),
    [
        (PIXELS.astype("f4"), {}, DTypeError, "pixels are uint8, not float32"),
        (PIXELS[:0], {}, ShapeError, r"not \(0, 3, 3\)"),
        (Image.new("CMYK", (1, 1)), {}, DTypeError, "CMYK.*; convert it to RGB"),
        (PIXELS, {"": "a"}, OptionError, "key '' must be 1 to 79"),
        (PIXELS, {"a" * 80: "a"}, OptionError, "must be 1 to 79 printable ASCII"),
        (PIXELS, {"Größe": "a"}, OptionError, "key 'Größe' must be"),
        (PIXELS, {"seed": 0}, OptionError, "metadata 'seed': 0 must be text"),
        (PIXELS, {"seed": "\ud800"}, OptionError, "'seed' is not valid text"),
    ],
)
def test_what_cannot_be_written(
    tmp_path: Path, pixels: Any, metadata: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        write_png(tmp_path / "a.png", pixels, metadata)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.jpg", "a", "png"])
def test_another_suffix(tmp_path: Path, name: str) -> None:
    with pytest.raises(OptionError, match=r"give it the suffix \.png"):
        write_png(tmp_path / name, PIXELS)


def test_metadata_of_what_is_no_png(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png", "BMP")
    with pytest.raises(FileFormatError, match=r"a\.png is not a picture in a known"):
        read_png_metadata(tmp_path / "a.png")


def test_metadata_of_a_truncated_png(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", PIXELS, {"seed": "0"})
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:-30])
    with pytest.raises(FileFormatError, match="damaged or truncated"):
        read_png_metadata(tmp_path / "a.png")
