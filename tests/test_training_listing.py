"""Lists of pictures and folders of classes."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_training import picture_folder

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.training import pictures_below, read_listing
from numpy_deconv.training.listing import check_classes


def test_a_list(tmp_path: Path) -> None:
    text = "\ufeffcats/a b.jpg 0\n\n  dogs/c.png\t11 \r\nlast.png  3"
    (tmp_path / "train_list.txt").write_text(text, encoding="utf-8")
    found = read_listing(tmp_path / "train_list.txt")
    names = ["cats/a b.jpg", "dogs/c.png", "last.png"]
    assert [str(p.relative_to(tmp_path)) for p in found.paths] == names
    assert found.labels == (0, 11, 3)
    assert found.classes == 12
    assert found.names == ()
    below = read_listing(tmp_path / "train_list.txt", root="elsewhere")
    assert below.paths[2] == Path("elsewhere/last.png")


@pytest.mark.parametrize("line", ["alone.png", "a.png -1", "a.png 1.5", "5", "a.png x"])
def test_lines_that_say_no_class(tmp_path: Path, line: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"a.png 0\n{line}\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match=r"line 2: .* is not a path and a class"):
        read_listing(path)


def test_files_that_are_no_list(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xff\xd8\xff\xe0 0")
    with pytest.raises(FileFormatError, match="is no list: not a UTF-8 text file"):
        read_listing(path)
    path.write_text("\n \n", encoding="utf-8")
    with pytest.raises(FileFormatError, match="lists no pictures"):
        read_listing(path)
    with pytest.raises(FileFormatError, match="does not exist"):
        read_listing(tmp_path / "absent.txt")


def test_a_folder_per_class(tmp_path: Path) -> None:
    picture_folder(tmp_path, each=2)
    (tmp_path / "pictures" / "class 1" / "notes.txt").write_text("no picture")
    found = read_listing(tmp_path / "pictures")
    assert found.names == ("class 0", "class 1", "class 2")
    assert found.labels == (0, 0, 1, 1, 2, 2)
    assert [p.name for p in found.paths] == [f"{n}.png" for n in (0, 3, 1, 4, 2, 5)]
    assert list(found.paths) == pictures_below(tmp_path)
    with pytest.raises(FileFormatError, match="holds no folders with pictures"):
        read_listing(tmp_path / "pictures" / "class 1")


def test_another_listing_has_another_digest(tmp_path: Path) -> None:
    path = picture_folder(tmp_path, each=2)
    one = read_listing(path)
    assert one.digest() == read_listing(path, root="elsewhere").digest()
    path.write_text(path.read_text().replace("2.png 2", "2.png 1"))
    assert one.digest() != read_listing(path).digest()


def test_a_label_that_no_class_has(tmp_path: Path) -> None:
    listing = read_listing(picture_folder(tmp_path))
    check_classes(listing, 3)
    with pytest.raises(OptionError, match=r"2\.png is of class 2, but there are 2 cl"):
        check_classes(listing, 2)
