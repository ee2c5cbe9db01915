"""Opening a file to read, with one sentence for every way in which that fails."""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path

from ..errors import FileFormatError
from .atomic import PathLike


def open_regular_file(path: PathLike) -> tuple[BufferedReader, int]:
    """The opened file and its size in bytes, which is at least 1.

    Raises :class:`FileFormatError` if nothing is there, or if it is a folder, a
    device, unreadable or empty.
    """
    location = Path(path)
    try:
        if location.is_dir():
            raise FileFormatError(f"{path} is a folder; name a file in it")
        if not location.exists():
            raise FileFormatError(f"{path} does not exist; check the path")
        # Opening a named pipe would wait for a writer for ever.
        if not location.is_file():
            raise FileFormatError(f"{path} is not a regular file")
        file = open(location, "rb")  # noqa: SIM115 - the caller closes it
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileFormatError(f"{path} cannot be read: {reason}") from error
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        file.close()
        raise FileFormatError(f"{path} is empty")
    return file, size
