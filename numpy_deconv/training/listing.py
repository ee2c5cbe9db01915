"""Which pictures there are and of what class: a list, or a folder per class."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from ..errors import FileFormatError, OptionError
from ..io.regular_file import open_regular_file

MOST_BYTES = 1 << 30
MOST_DIGITS = 9
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
    *(".ppm", ".pgm", ".tga", ".avif", ".jp2"),
)


@dataclass(frozen=True)
class Listing:
    """Paths of pictures, the class of each, and the classes' names if they have any."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def classes(self) -> int:
        """How many classes there are: one more than the largest label."""
        return len(self.names) or max(self.labels) + 1

    def digest(self) -> str:
        """A few letters that another listing would not have."""
        pairs = zip(self.paths, self.labels, strict=True)
        lines = "\n".join(f"{path.name} {label}" for path, label in pairs)
        coded = lines.encode("utf-8", "surrogateescape")
        return hashlib.sha256(coded).hexdigest()[:16]


def read_listing(
    source: str | PathLike[str], *, root: str | PathLike[str] | None = None
) -> Listing:
    """The pictures of a list, one ``path label`` a line, or of a folder per class.

    Paths in a list are below ``root``, by default the list's own folder. A label is a
    whole number from 0; what stands before it is the path, spaces and all. Empty lines
    say nothing. In a folder, each folder in it is a class, in the order of their names,
    with all pictures anywhere below it.

    Raises FileFormatError for a list that is none, naming the line, or a folder without
    pictures.

    Example::

        read_listing("cat_12/train_list.txt").classes  # 12
    """
    path = Path(source)
    if path.is_dir():
        return _read_folder(path)
    base = path.parent if root is None else Path(root)
    try:
        file, _ = open_regular_file(path)
        with file:
            text = file.read(MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is no list: not a UTF-8 text file") from error
    paths, labels = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, _, label = line.strip().replace("\t", " ").rpartition(" ")
        if not name.strip() or not label.isdecimal() or len(label) > MOST_DIGITS:
            raise FileFormatError(
                f"{path}, line {number}: {line.strip()[:80]!r} is not a path and a "
                "class, a whole number from 0, with a space between them"
            )
        paths.append(base / name.strip())
        labels.append(int(label))
    if not paths:
        raise FileFormatError(f"{path} lists no pictures")
    return Listing(tuple(paths), tuple(labels))


def _read_folder(folder: Path) -> Listing:
    names = sorted(child.name for child in folder.iterdir() if child.is_dir())
    found = [
        (path, label)
        for label, name in enumerate(names)
        for path in pictures_below(folder / name)
    ]
    if not found:
        raise FileFormatError(
            f"{folder} holds no folders with pictures: give each class a folder in it, "
            "or a list of paths and labels"
        )
    paths, labels = zip(*found, strict=True)
    return Listing(paths, labels, tuple(names))


def pictures_below(folder: Path) -> list[Path]:
    """Every file anywhere in a folder that is named like a picture, in order."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )


def check_classes(listing: Listing, classes: int) -> None:
    """Raises OptionError if there is a label that no class has."""
    for path, label in zip(listing.paths, listing.labels, strict=True):
        if label >= classes:
            raise OptionError(
                f"{path} is of class {label}, but there are {classes} classes: 0 to "
                f"{classes - 1}"
            )
