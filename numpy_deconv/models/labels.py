"""Class names: the shipped ImageNet list, lists from a file, and looking a name up."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cache
from os import PathLike
from pathlib import Path

from ..errors import FileFormatError, OptionError
from ..io.regular_file import open_regular_file

DATA = Path(__file__).parent / "data"
"""The folder of the data files that are part of the package."""

MAX_BYTES = 16 * 2**20
"""Of a file of labels: a thousand times the ImageNet list."""


@cache
def imagenet_labels() -> tuple[str, ...]:
    """The 1000 classes of ImageNet-1k in order, each with its synonyms.

    Example::

        imagenet_labels()[281]  # "tabby, tabby cat"
    """
    return read_labels(DATA / "imagenet_labels.txt")


def read_labels(path: str | PathLike[str]) -> tuple[str, ...]:
    """The lines of a UTF-8 text file: the name of class 0, of class 1, ...

    Raises:
        FileFormatError: if it cannot be read, is not text, is larger than 16 MiB, or
            holds no line or an empty one.
    """
    try:
        file, _ = open_regular_file(path)
    except FileFormatError as error:
        raise FileFormatError(f"labels {error}") from error
    try:
        with file:
            # Not by its size, which a file that is being written does not keep.
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FileFormatError(f"labels {path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise FileFormatError(
            f"labels {path}: more than {MAX_BYTES >> 20} MiB; give a text file with "
            "one class name a line"
        )
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise FileFormatError(f"labels {path}: not a UTF-8 text file") from error
    if not lines:
        raise FileFormatError(f"labels {path}: the file is empty")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise FileFormatError(
                f"labels {path}: line {number} is empty, but is class {number - 1}"
            )
    return tuple(line.strip() for line in lines)


def short(label: str) -> str:
    """The first of a label's synonyms."""
    return label.split(", ")[0]


LISTED = 30  # so many class names fit into a sentence


def find(labels: Sequence[str], name: str) -> int:
    """The index of the class that ``name`` is one of the synonyms of.

    Case matters only between names that differ in nothing else (ImageNet has a
    "Cardigan", a dog, and a "cardigan"); a first synonym goes before later ones.

    Raises:
        OptionError: if there is none, naming the nearest.
    """
    sought = name.strip()
    folded = sought.casefold()
    synonyms = [label.casefold().split(", ") for label in labels]
    for matches in (
        [index for index, label in enumerate(labels) if short(label) == sought],
        [index for index, names in enumerate(synonyms) if names[0] == folded],
        [index for index, names in enumerate(synonyms) if folded in names],
    ):
        if matches:
            return matches[0]
    known = {name: index for index, names in enumerate(synonyms) for name in names}
    near = [known[match] for match in difflib.get_close_matches(folded, known)]
    near += [index for name, index in known.items() if folded in name][:3]
    names = dict.fromkeys(repr(short(labels[index])) for index in near)
    if names:
        hint = f": did you mean {' or '.join(names)}?"
    elif len(labels) <= LISTED:
        hint = f": there are {', '.join(labels)}"
    else:
        hint = f": there are {len(labels)}, {short(labels[0])!r} the first of them"
    raise OptionError(f"no class is called {name!r}{hint}")
