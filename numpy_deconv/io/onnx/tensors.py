"""ONNX tensors as arrays: inside of the file, or in a file beside it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import FileFormatError
from ..raw_arrays import BFLOAT16, BOOL, checked_shape, decode, item_size, read_bytes
from ..regular_file import open_regular_file

CODES = {
    1: "f4",
    2: "u1",
    3: "i1",
    4: "u2",
    5: "i2",
    6: "i4",
    7: "i8",
    9: BOOL,
    10: "f2",
    11: "f8",
    12: "u4",
    13: "u8",
    16: BFLOAT16,
}
"""Element types by the numbers of TensorProto.DataType."""

_FIELDS = {
    "f4": "float_data",
    "f8": "double_data",
    "i8": "int64_data",
    "u4": "uint64_data",
    "u8": "uint64_data",
}
"""Where numbers stand that are not raw bytes; all others are in ``int32_data``."""

EXTERNAL = 1


def as_text(value: str | bytes) -> str:
    """A name of the file, that can be printed in one line.

    protobuf hands out bytes for one that is no UTF-8.
    """
    text = value if isinstance(value, str) else value.decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def element_code(number: int, what: str) -> str:
    """The code of an element type; FileFormatError for text, complex, 4 and 8 bit."""
    if number not in CODES:
        raise FileFormatError(
            f"{what} has element type {number}, which is not one that is read here: "
            "give the model in float32, from before it was quantised"
        )
    return CODES[number]


def read_tensor(tensor: Any, folder: Path | None) -> Array:
    """The array of a TensorProto.

    ``folder`` is where the model lies: external data are looked for there and below,
    and nowhere else. Raises FileFormatError for a tensor that does not hold together.
    """
    what = f"tensor {as_text(tensor.name)!r}"
    code = element_code(tensor.data_type, what)
    try:
        shape = checked_shape(list(tensor.dims))
    except ValueError as error:
        raise FileFormatError(f"{what} {error}") from error
    count = math.prod(shape)
    if tensor.data_location == EXTERNAL:
        raw = _external(tensor, folder, count * item_size(code), what)
        return decode(raw, code).reshape(shape)
    if tensor.HasField("raw_data") and (tensor.raw_data or not count):
        found = len(tensor.raw_data)
        if found != count * item_size(code):
            raise FileFormatError(
                f"{what} of shape {shape} needs {count * item_size(code)} bytes, but "
                f"the file holds {found} of it"
            )
        raw = np.frombuffer(tensor.raw_data, np.uint8).copy()
        return decode(raw, code).reshape(shape)
    numbers = getattr(tensor, _FIELDS.get(code, "int32_data"))
    if len(numbers) != count:
        raise FileFormatError(
            f"{what} of shape {shape} needs {count} numbers, but the file holds "
            f"{len(numbers)} of it"
        )
    return _from_numbers(numbers, code).reshape(shape)


def _from_numbers(numbers: Any, code: str) -> Array:
    if code in (BFLOAT16, "f2"):  # the bits of a half, each in an integer
        bits = np.array(numbers, np.int64).astype(np.uint16)
        return decode(bits.view(np.uint8), code, "<")
    if code in _FIELDS:
        return np.array(numbers, np.dtype(_FIELDS[code].removesuffix("_data"))).astype(
            np.dtype(code), copy=False
        )
    return np.array(numbers, np.int64).astype(np.dtype(code))


def _external(tensor: Any, folder: Path | None, needed: int, what: str) -> Any:
    """The bytes in another file: checked to be there before memory is asked for."""
    entries = {as_text(e.key): as_text(e.value) for e in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise FileFormatError(
            f"{what} is stored in {location!r} beside the model: load it from its path"
        )
    path = _inside(folder, location, what)
    try:
        start = int(entries.get("offset", "0") or 0)
        length = int(entries.get("length", needed) or needed)
    except ValueError as error:
        raise FileFormatError(
            f"{what} gives its place in {location!r} by something else than numbers"
        ) from error
    if length != needed or start < 0:
        raise FileFormatError(
            f"{what} needs {needed} bytes, but says that it has {length} from "
            f"{start} on in {location!r}"
        )
    file, size = open_regular_file(path) if needed else (None, 0)
    if file is None:
        return np.empty(0, np.uint8)
    with file:
        if start + needed > size:
            raise FileFormatError(
                f"{what} needs bytes {start} to {start + needed} of {location!r}, "
                f"which has only {size}: it is incomplete"
            )
        file.seek(start)
        try:
            return read_bytes(file, needed)
        except EOFError as error:
            raise FileFormatError(f"{location!r} became shorter: {error}") from error


def _inside(folder: Path, location: str, what: str) -> Path:
    """The file of that name in the model's folder; links out of it are not followed."""
    root = Path(os.path.realpath(folder))
    bad = not location or "\0" in location or os.path.isabs(location)
    path = root if bad else Path(os.path.realpath(root / location.replace("\\", "/")))
    if bad or root not in path.parents:
        raise FileFormatError(
            f"{what} is stored in {location!r}, which is not in the folder of the "
            "model: nothing outside of it is read"
        )
    return path
