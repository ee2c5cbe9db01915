"""A file is there complete or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from numpy_deconv.errors import OutputError
from numpy_deconv.io.atomic import atomic_write


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "file.bin"
    with atomic_write(target) as file:
        file.write(b"content")
        assert not target.exists()
    assert target.read_bytes() == b"content"
    assert names(target.parent) == ["file.bin"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_what_was_there(
    tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")
    with pytest.raises(error), atomic_write(target) as file:
        file.write(b"half of the n")
        raise error
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["file.bin"]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"cannot write .*file\.bin: No space left"),
        atomic_write(tmp_path / "file.bin"),
    ):
        raise OSError(28, "No space left on device")
    assert names(tmp_path) == []


def test_our_own_errors_pass_unchanged(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"^inner$"),
        atomic_write(tmp_path / "file.bin"),
    ):
        raise OutputError("inner")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it is a folder"), atomic_write(tmp_path):
        pass
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="named pipes")
def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (
        pytest.raises(OutputError, match="not a regular file"),
        atomic_write(tmp_path / "pipe"),
    ):
        pass
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(OutputError, match=r"cannot write .*below: "),
        atomic_write(tmp_path / "file" / "below"),
    ):
        pass


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_the_longest_name_the_system_takes(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 255)
    with atomic_write(target) as file:
        file.write(b"content")
    assert target.read_bytes() == b"content"


def test_a_path_that_cannot_be() -> None:
    with pytest.raises(OutputError, match="null character"), atomic_write("a\0b"):
        pass


def test_a_name_that_is_too_long_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 300)
    with (
        pytest.raises(OutputError, match=r"cannot write .*name too long"),
        atomic_write(path) as file,
    ):
        file.write(b"content")
    assert names(tmp_path) == []
