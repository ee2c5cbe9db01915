"""Class names: the shipped list, files, and looking a name up."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from numpy_deconv.errors import FileFormatError, OptionError
from numpy_deconv.models import labels
from numpy_deconv.models.labels import find, imagenet_labels, read_labels, short

PETS = ("tabby, tabby cat", "Egyptian cat", "dog, cat chaser", "cat chaser")


def test_imagenet_has_a_thousand_classes_in_the_order_of_their_synsets() -> None:
    labels = imagenet_labels()
    assert len(labels) == 1000
    # Well-known indices from both ends and the middle of the list.
    known = {0: "tench", 1: "goldfish", 207: "golden retriever", 281: "tabby"}
    known |= {285: "Egyptian cat", 504: "coffee mug", 657: "missile", 967: "espresso"}
    known |= {130: "flamingo", 999: "toilet tissue"}
    assert {index: short(labels[index]) for index in known} == known


def test_first_names_are_unique() -> None:
    assert len({short(label) for label in imagenet_labels()}) == 1000


def test_every_first_name_finds_its_own_class() -> None:
    labels = imagenet_labels()
    assert [find(labels, short(label)) for label in labels] == list(range(1000))


@pytest.mark.parametrize(
    ("name", "index"),
    [("tabby", 0), (" TABBY cat ", 0), ("egyptian CAT", 1), ("Cat Chaser", 3)],
)
def test_a_class_is_found_by_any_synonym_and_a_first_one_wins(
    name: str, index: int
) -> None:
    assert find(PETS, name) == index


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("taby", r"no class is called 'taby': did you mean 'tabby'\?"),
        ("gypti", "no class is called 'gypti': did you mean 'Egyptian cat'"),
        ("zebra", "no class is called 'zebra': there are"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        find(PETS, name)


def test_labels_are_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffcaf\u00e9 \r\nth\u00e9\r\n".encode())
    assert read_labels(path) == ("caf\u00e9", "th\u00e9")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b"cat\n\ndog\n", "line 2 is empty, but is class 1"),
        (b"\xff\xfe\xfa", "not a UTF-8 text file"),
    ],
)
def test_a_file_that_is_no_list_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=message):
        read_labels(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"labels .*absent\.txt does not exist"):
        read_labels(tmp_path / "absent.txt")


@pytest.mark.skipif(os.name != "posix", reason="named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match=r"labels .*pipe is not a regular file"):
        read_labels(tmp_path / "pipe")


def test_a_huge_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "MAX_BYTES", 2**20)
    path = tmp_path / "labels.txt"
    path.write_bytes(b"a" * 2**20)
    assert len(read_labels(path)) == 1
    path.write_bytes(b"a" * (2**20 + 1))
    with pytest.raises(FileFormatError, match="more than 1 MiB; give a text file"):
        read_labels(path)


def test_a_file_that_cannot_be_read_to_its_end_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(labels, "open_regular_file", lambda path: (Broken(), 1))
    with pytest.raises(FileFormatError, match=r"labels a\.txt: Input/output error"):
        read_labels("a.txt")
