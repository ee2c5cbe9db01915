"""The folder of the results: found writable before any work, left tidy after none."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from ..errors import OutputError

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".html")


def make_writable(folder: Path) -> list[Path]:
    """Make a folder and try to write into it; the folders that are new, deepest first.

    Raises OutputError, with nothing left behind, if a file is in the way, the system
    refuses, or the name is that of a picture.
    """
    made: list[Path] = []
    try:
        if folder.suffix.lower() in PICTURE_SUFFIXES and not folder.is_dir():
            raise OutputError(
                f"--out {folder} would be a folder named like a picture: give the "
                "folder that the pictures go into"
            )
        for step in reversed([folder, *folder.parents]):
            if not step.is_dir():
                if step.exists():
                    raise NotADirectoryError(None, f"{step} is not a folder")
                step.mkdir()
                made.insert(0, step)
        probe = folder / f".{secrets.token_hex(8)}.partial"
        try:
            probe.touch(exist_ok=False)
        finally:
            probe.unlink(missing_ok=True)
    except BaseException as error:
        remove_empty(made)
        if isinstance(error, OutputError) or not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write into the folder {folder}: {reason}; choose another with "
            "--out"
        ) from error
    return made


def remove_empty(folders: list[Path]) -> None:
    """Remove those of the folders, deepest first, that nothing was written into."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
