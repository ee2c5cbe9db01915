"""The opcodes of a pickle that only push a value, and those that are refused: data.

``pickletools`` in the standard library documents all of them. A converter takes the
bytes after the opcode and gives the value, or raises ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

Converter = Callable[[bytes], object]


def unsigned(raw: bytes) -> int:
    """Little-endian integer from 0."""
    return int.from_bytes(raw, "little")


def signed(raw: bytes) -> int:
    """Little-endian integer in two's complement."""
    return int.from_bytes(raw, "little", signed=True)


def _float(raw: bytes) -> float:
    value: float = struct.unpack(">d", raw)[0]
    return value


def _text(raw: bytes) -> str:
    # pickle lets lone surrogates pass in both directions.
    return raw.decode("utf-8", "surrogatepass")


def _python_2_text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _integer_line(line: bytes) -> int:
    booleans = {b"00": False, b"01": True}
    return booleans[line] if line in booleans else int(line)


def _long_line(line: bytes) -> int:
    return int(line.removesuffix(b"L"))


def _text_line(line: bytes) -> str:
    return line.decode("raw-unicode-escape")


CONSTANTS: Mapping[bytes, object] = {b"N": None, b"\x88": True, b"\x89": False}

# Nothing reads sets, and adding to a real one would hash whatever a file holds.
FRESH: Mapping[bytes, Callable[[], object]] = {
    b"]": list,
    b"}": dict,
    b")": tuple,
    b"\x8f": list,
}

# opcode: (width in bytes, converter)
FIXED: Mapping[bytes, tuple[int, Converter]] = {
    b"K": (1, unsigned),
    b"M": (2, unsigned),
    b"J": (4, signed),
    b"G": (8, _float),
}

# opcode: (width in bytes of the length that comes first, converter)
PREFIXED: Mapping[bytes, tuple[int, Converter]] = {
    b"\x8c": (1, _text),
    b"X": (4, _text),
    b"\x8d": (8, _text),
    b"U": (1, _python_2_text),
    b"T": (4, _python_2_text),
    b"C": (1, bytes),
    b"B": (4, bytes),
    b"\x8e": (8, bytes),
    b"\x96": (8, bytes),
    b"\x8a": (1, signed),
    b"\x8b": (4, signed),
}

# opcode: converter of the line that follows (protocol 0)
LINES: Mapping[bytes, Converter] = {
    b"I": _integer_line,
    b"L": _long_line,
    b"F": float,
    b"V": _text_line,
}

REFUSED: Mapping[bytes, str] = {
    b"S": "the text strings of Python 2's pickle protocol 0",
    b"P": "persistent ids of pickle protocol 0",
    b"\x82": "pickle's extension registry",
    b"\x83": "pickle's extension registry",
    b"\x84": "pickle's extension registry",
    b"\x97": "out-of-band buffers",
    b"\x98": "out-of-band buffers",
}
