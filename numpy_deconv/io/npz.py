"""NumPy's ``.npz`` archives, without pickles and without zip bombs.

Headers are matched against the few forms a plain array can have, never evaluated, and
what they declare is compared with the file before any array is made
(https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
"""

from __future__ import annotations

import math
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DTypeError, FileFormatError, OptionError
from .atomic import PathLike, atomic_write
from .raw_arrays import ByteOrder, checked_shape, decode
from .regular_file import open_regular_file

# Compressed weights are at most a few times smaller than the arrays; zeros can be a
# thousand times smaller, which the fixed part allows for in small files.
MAX_EXPANSION = 64
FREE_BYTES = 64 * 2**20

_SUFFIX = ".npy"
_MAGIC = b"\x93NUMPY"
_MAX_HEADER_BYTES = 10_000
_LONGEST_REASON = 300
_DESCR = re.compile(r"['\"]descr['\"]\s*:\s*(?:['\"]([<>|=]?)(\w+)['\"]|(\[))")
_PLAIN = re.compile(r"b1|[iu][1248]|f[248]|c8|c16")
_ORDER = re.compile(r"['\"]fortran_order['\"]\s*:\s*(True|False)")
# Python 2 wrote sizes as 3L.
_SHAPE = re.compile(r"['\"]shape['\"]\s*:\s*\(([\d,L\s]*)\)")

# All that zipfile and zlib raise on damaged archives.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
)


def read_npz(path: PathLike) -> dict[str, NDArray[Any]]:
    """Every array of the archive by name, in the order of the archive.

    Raises :class:`FileFormatError` if it is not such an archive, is damaged, holds an
    array of objects (which only pickle could read) or anything else than plain
    arrays, or declares more than ``64 * size + 64 MiB`` of data.

    Example::

        weights = read_npz("model.npz")
    """
    file, size = open_regular_file(path)
    with file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_directory(archive, size)
                return {
                    info.filename.removesuffix(_SUFFIX): _read_member(archive, info)
                    for info in archive.infolist()
                }
        except _DAMAGE as error:
            # zipfile puts whole names into its messages, however long and odd.
            reason = ascii(str(error))[1:-1][:_LONGEST_REASON]
            raise FileFormatError(f"{path} is not a sound .npz: {reason}") from error


def write_npz(path: PathLike, arrays: Mapping[str, ArrayLike]) -> None:
    """Write ``arrays`` so that ``path`` holds all of them or is left as it was.

    Equal arrays give equal files: no dates are stored. Raises :class:`DTypeError`
    for arrays that are not plain numbers, :class:`OptionError` for a name that a zip
    archive cannot hold, and :class:`OutputError` if the file cannot be written.

    Example::

        write_npz("model.npz", {"conv1.weight": weight})
    """
    plain = {name: np.asarray(value) for name, value in arrays.items()}
    for name, array in plain.items():
        if (
            not isinstance(name, str)
            or not name
            or re.search(r"[\0\\\ud800-\udfff]", name)
        ):
            raise OptionError(f"{name!r} cannot be the name of an array in a .npz")
        if not _PLAIN.fullmatch(array.dtype.str[1:]):
            raise DTypeError(
                f"array {name!r} is {array.dtype}, which .npz can hold only by "
                "pickling or not at all; convert it to a plain number type"
            )
    with atomic_write(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in plain.items():
            info = zipfile.ZipInfo(name + _SUFFIX, date_time=(1980, 1, 1, 0, 0, 0))
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _check_directory(archive: zipfile.ZipFile, size: int) -> None:
    members = archive.infolist()
    names = [info.filename for info in members]
    if len(set(names)) != len(names):
        raise ValueError("two members have the same name")
    declared = sum(info.file_size for info in members)
    # Members that overlap are how a small zip expands without end.
    if sum(info.compress_size for info in members) > size:
        raise ValueError("its members overlap")
    if declared > MAX_EXPANSION * size + FREE_BYTES:
        raise ValueError(f"its {size} bytes would expand to {declared}")
    for info in members:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"member {_shown(info)} is neither stored nor deflated")
        if not info.filename.endswith(_SUFFIX):
            raise ValueError(f"member {_shown(info)} is not an array")


def _shown(info: zipfile.ZipInfo) -> str:
    return ascii(info.filename.removesuffix(_SUFFIX))[:80]


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(info) as member:
        start = member.read(8)
        if start[:6] != _MAGIC or start[6] not in (1, 2, 3):
            raise ValueError(f"member {_shown(info)} is not an array")
        width = 2 if start[6] == 1 else 4
        length = int.from_bytes(member.read(width), "little")
        if length > _MAX_HEADER_BYTES:
            raise ValueError(f"array {_shown(info)} has a header of {length} bytes")
        header = member.read(length).decode("latin-1")
        code, byte_order, fortran, shape = _parse_header(header, _shown(info))
        data_bytes = math.prod(shape) * np.dtype(code).itemsize
        present = info.file_size - 8 - width - length
        if data_bytes != present:
            raise ValueError(
                f"array {_shown(info)} of shape {shape} needs {data_bytes} "
                f"bytes, the file has {present}"
            )
        # A bytearray, so that the array is writable; frombuffer copies nothing.
        raw = np.frombuffer(bytearray(member.read(data_bytes)), np.uint8)
        flat = decode(raw, code, byte_order)
    # Not ascontiguousarray, which gives an array without axes one axis.
    return np.asarray(flat.reshape(shape, order="F" if fortran else "C"), order="C")


def _parse_header(
    header: str, name: str
) -> tuple[str, ByteOrder, bool, tuple[int, ...]]:
    descr, order, shape = (
        pattern.search(header) for pattern in (_DESCR, _ORDER, _SHAPE)
    )
    if descr is None or order is None or shape is None:
        raise ValueError(f"array {name} has a header that cannot be read")
    byte_order, code, structured = descr.groups()
    if code is not None and code.startswith("O"):
        raise ValueError(
            f"array {name} holds Python objects, which can only be unpickled and "
            "that can run code; save it again as plain numbers"
        )
    if structured or not _PLAIN.fullmatch(code):
        raise ValueError(f"array {name} is {code or 'structured'}, not plain numbers")
    sizes = [int(size) for size in re.findall(r"\d+", shape.group(1))]
    try:
        checked = checked_shape(sizes)
    except ValueError as error:
        raise ValueError(f"array {name} {error}") from error
    return code, ">" if byte_order == ">" else "<", order.group(1) == "True", checked
