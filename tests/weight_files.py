"""Files that Paddle and Keras wrote themselves; ``make_weight_files.py`` made them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

ARCHIVE = Path(__file__).with_name("weight_files.zip")


def data_of(name: str) -> bytes:
    """The bytes of one of the files."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        return archive.read(name)


def put(folder: Path, name: str) -> Path:
    """One of the files, in a folder."""
    path = folder / name
    path.write_bytes(data_of(name))
    return path


def expected(name: str) -> dict[str, np.ndarray[Any, Any]]:
    """``x``, ``y`` and the weights by their framework's names; paddle or keras."""
    with np.load(io.BytesIO(data_of(f"{name}.npz"))) as arrays:
        return dict(arrays)
