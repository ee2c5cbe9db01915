"""Every way in which a file cannot be opened is one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.regular_file import open_regular_file


def test_file_and_size(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    file, size = open_regular_file(tmp_path / "file")
    with file:
        assert (file.read(), size) == (b"12345", 5)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"absent does not exist; check the path"):
        open_regular_file(tmp_path / "absent")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="is a folder; name a file in it"):
        open_regular_file(tmp_path)


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileFormatError, match="file is empty"):
        open_regular_file(tmp_path / "file")


@pytest.mark.skipif(os.name != "posix", reason="named pipes")
def test_pipe_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match="not a regular file"):
        open_regular_file(tmp_path / "pipe")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Not by chmod, which does not stop the superuser.
    (tmp_path / "file").write_bytes(b"12345")

    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(FileFormatError, match="cannot be read: Permission denied"):
        open_regular_file(tmp_path / "file")


def test_a_path_that_cannot_be() -> None:
    with pytest.raises(FileFormatError, match="does not exist"):
        open_regular_file("a\0b")
