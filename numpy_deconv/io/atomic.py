"""Writing a file so that it is there complete, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import NumpyDeconvError, OutputError

PathLike = str | os.PathLike[str]


@contextmanager
def atomic_write(path: PathLike) -> Iterator[BinaryIO]:
    """A binary file that takes the name ``path`` only when the block ends well.

    The bytes go to a temporary name in the same folder, which is made if it is
    missing; after an error in the block the temporary file is gone and whatever was
    at ``path`` before is untouched. A symbolic link is followed, not replaced.

    Raises :class:`OutputError` if ``path`` is a folder or a device, or if the system
    refuses (no permission, disk full, too long a name).

    Example::

        with atomic_write("out/weights.bin") as file:
            file.write(b"...")
    """
    if "\0" in os.fspath(path):
        raise OutputError(f"cannot write {path!r}: no path has a null character")
    target = Path(os.path.realpath(path))
    # The name does not grow with the target's: that may already be as long as allowed.
    partial = target.parent / f".{secrets.token_hex(8)}.partial"
    try:
        if target.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder; name a file in it")
        # os.replace would put a plain file where, say, /dev/null was.
        if target.exists() and not target.is_file():
            raise OutputError(f"cannot write {path}: it is not a regular file")
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "xb") as file:
            yield file
        os.replace(partial, target)
    except OSError as error:
        if isinstance(error, NumpyDeconvError):
            raise
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
