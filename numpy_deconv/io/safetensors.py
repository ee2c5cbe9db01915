"""The safetensors format, read strictly and written always contiguous.

A file is ``u64 header length | JSON header | data``; the header gives each array its
dtype, its shape and its byte range ``[begin, end)`` within the data, and the ranges
must tile the data without a hole (https://github.com/huggingface/safetensors).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DTypeError, FileFormatError, OptionError
from .atomic import PathLike, atomic_write
from .raw_arrays import (
    BFLOAT16,
    BOOL,
    checked_shape,
    decode,
    item_size,
    read_bytes,
)
from .regular_file import open_regular_file

MAX_HEADER_BYTES = 100_000_000

_CODES = {
    "F64": "f8",
    "F32": "f4",
    "F16": "f2",
    "BF16": BFLOAT16,
    "I64": "i8",
    "I32": "i4",
    "I16": "i2",
    "I8": "i1",
    "U64": "u8",
    "U32": "u4",
    "U16": "u2",
    "U8": "u1",
    "BOOL": BOOL,
    "C64": "c8",
}
_TAGS = {
    np.dtype(code).name: tag for tag, code in _CODES.items() if code != BFLOAT16
} | {"bfloat16": "BF16"}  # the name of ml_dtypes.bfloat16
_METADATA = "__metadata__"


@dataclass(frozen=True)
class _Entry:
    name: str
    code: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_safetensors(path: PathLike) -> dict[str, NDArray[Any]]:
    """Every array of the file by name, in the order of its header.

    The arrays are writable, C-contiguous and share no memory; bfloat16 comes back as
    float32, exactly. Raises :class:`FileFormatError` if the file is not a valid
    safetensors file, before memory is asked for that the file could not fill.

    Example::

        weights = read_safetensors("model.safetensors")
        weights["conv1.weight"].shape  # (64, 3, 7, 7)
    """
    file, size = open_regular_file(path)
    with file:
        try:
            header, data_start = _read_header(file, size)
            header.pop(_METADATA, None)
            entries = [_entry(name, value) for name, value in header.items()]
            _check_tiling(entries, size - data_start)
            found = {}
            for entry in sorted(entries, key=lambda entry: entry.begin):
                file.seek(data_start + entry.begin)
                raw = read_bytes(file, entry.end - entry.begin)
                found[entry.name] = decode(raw, entry.code).reshape(entry.shape)
        except (ValueError, EOFError) as error:
            raise FileFormatError(f"{path} {error}") from error
    return {entry.name: found[entry.name] for entry in entries}


def read_metadata(path: PathLike) -> dict[str, str]:
    """The strings in the file's ``__metadata__``; empty if it has none.

    Raises :class:`FileFormatError` if the header is not valid.
    """
    file, size = open_regular_file(path)
    with file:
        try:
            header, _ = _read_header(file, size)
        except ValueError as error:
            raise FileFormatError(f"{path} {error}") from error
    metadata: dict[str, str] = header.get(_METADATA, {})
    return metadata


def write_safetensors(
    path: PathLike,
    arrays: Mapping[str, ArrayLike],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write ``arrays`` so that ``path`` holds all of them or is left as it was.

    Each is written in C order whatever its strides (the official package scrambles
    a transposed array). Wide dtypes come first, so every array starts aligned.

    Raises :class:`DTypeError` for a dtype the format does not have,
    :class:`OptionError` for names or metadata that are not text, and
    :class:`OutputError` if the file cannot be written.

    Example::

        write_safetensors("model.safetensors", {"weight": np.zeros((2, 3), "f4")})
    """
    header: dict[str, Any] = {}
    if metadata is not None:
        for key, value in metadata.items():
            if not (isinstance(key, str) and isinstance(value, str)):
                raise OptionError(f"metadata {key!r}: {value!r} must be text to text")
        header[_METADATA] = dict(metadata)
    plain = {name: np.asarray(value) for name, value in arrays.items()}
    for name, array in plain.items():
        if not isinstance(name, str) or name == _METADATA:
            raise OptionError(f"{name!r} cannot be the name of an array")
        if array.dtype.name not in _TAGS:
            raise DTypeError(
                f"array {name!r} is {array.dtype}, which safetensors does not have; "
                f"convert it to one of {', '.join(_TAGS)}"
            )
    ordered = sorted(plain, key=lambda name: (-plain[name].dtype.itemsize, name))
    position = 0
    for name in ordered:
        array = plain[name]
        header[name] = {
            "dtype": _TAGS[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [position, position + array.nbytes],
        }
        position += array.nbytes
    text = _header_text(header)
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in ordered:
            array = plain[name]
            if array.dtype.kind in "iufc":
                array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _header_text(header: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        problem = f"a name or metadata value is not valid text: {error}"
        raise OptionError(problem) from error
    return text + b" " * (-len(text) % 8)


def _read_header(file: BufferedReader, size: int) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(file.read(8), "little")
    if size < 10 or length > size - 8:
        raise ValueError(
            "is not a safetensors file, or is truncated: its header would be "
            f"{length} bytes in a file of {size}"
        )
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"has a header of {length} bytes, over {MAX_HEADER_BYTES}")
    text = file.read(length)
    if not text.startswith(b"{"):
        raise ValueError("is not a safetensors file: its header is not a JSON object")
    try:
        header = json.loads(text.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"has a header that is not valid JSON: {error}") from error
    metadata = header.get(_METADATA, {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise ValueError("has __metadata__ that is not text to text")
    return header, 8 + length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("a key appears twice")
    return unique


def _entry(name: str, value: object) -> _Entry:
    what = f"array {ascii(name)[:80]}"
    if not isinstance(value, dict) or value.keys() != {
        "dtype",
        "shape",
        "data_offsets",
    }:
        raise ValueError(f"describes {what} by something else than dtype, shape, range")
    code = _CODES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
    if code is None:
        raise ValueError(
            f"stores {what} as {ascii(value['dtype'])[:40]}, which is not one of "
            f"{', '.join(_CODES)}; convert it before saving"
        )
    try:
        shape = checked_shape(value["shape"])
        begin, end = _checked_range(value["data_offsets"])
    except ValueError as error:
        raise ValueError(f"has a bad entry for {what}: {error}") from error
    if end - begin != math.prod(shape) * item_size(code):
        raise ValueError(
            f"gives {what} of shape {shape} {end - begin} bytes, but it needs "
            f"{math.prod(shape) * item_size(code)}"
        )
    return _Entry(name, code, shape, begin, end)


def _checked_range(offsets: object) -> tuple[int, int]:
    match offsets:
        case [int(begin), int(end)] if 0 <= begin <= end < 2**63:
            return begin, end
    raise ValueError("its data_offsets are not two ordered integers")


def _check_tiling(entries: list[_Entry], data_size: int) -> None:
    position = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != position:
            raise ValueError(
                f"has a hole or an overlap before array {ascii(entry.name)[:80]}: "
                f"it begins at byte {entry.begin} instead of {position}"
            )
        position = entry.end
    if position != data_size:
        raise ValueError(
            f"is truncated or has extra bytes: its arrays take {position} bytes, "
            f"the file holds {data_size}"
        )
