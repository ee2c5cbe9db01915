"""What an HDF5 file says of an array's elements and shape, and text in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .hdf5_bytes import Blocks, Cursor
from .pickle_globals import Refused
from .raw_arrays import BFLOAT16, ByteOrder, checked_shape

_FIXED_POINT, _FLOAT, _STRING, _OPAQUE, _ENUM, _VARIABLE = 0, 1, 3, 5, 8, 9
# (bytes, exponent bits, mantissa bits) of the floating-point formats there are.
_FLOATS = {
    (2, 5, 10): "f2",
    (2, 8, 7): BFLOAT16,
    (4, 8, 23): "f4",
    (8, 11, 52): "f8",
}


@dataclass(frozen=True)
class Element:
    """One element: ``code`` as in :mod:`numpy_deconv.io.raw_arrays`, "" if no number.

    ``text`` says that it is a string: of ``size`` bytes, or, if ``variable``, a
    reference to one.
    """

    size: int
    code: str = ""
    order: ByteOrder = "<"
    text: bool = False
    variable: bool = False


def read_element(cursor: Cursor) -> Element:
    """The datatype message at the cursor, which is left behind it."""
    kind = cursor.number(1) & 0x0F
    bits = cursor.number(3)
    size = cursor.number(4)
    order: ByteOrder = ">" if bits & 1 else "<"
    if kind == _FIXED_POINT and size in (1, 2, 4, 8):
        cursor.take(4)
        return Element(size, f"{'i' if bits & 8 else 'u'}{size}", order)
    if kind == _FLOAT:
        cursor.take(5)
        exponent, _, mantissa = cursor.take(3)
        cursor.take(4)
        return Element(size, _FLOATS.get((size, exponent, mantissa), ""), order)
    if kind == _STRING:
        return Element(size, text=True)
    if kind == _VARIABLE:
        return Element(size, text=bits & 0x0F == 1, variable=True)
    # h5py has no other form for the bfloat16 that Keras hands to it.
    if kind == _OPAQUE and size == 2:
        return Element(size, BFLOAT16)
    # An enumeration's first property is the type of its values: a bool is one.
    if kind == _ENUM:
        return read_element(cursor)
    return Element(size)


def read_shape(cursor: Cursor) -> tuple[int, ...]:
    """The sizes in the dataspace message at the cursor.

    Raises :class:`Refused` for what is no array that NumPy can hold.
    """
    version, rank, _ = cursor.number(1), cursor.number(1), cursor.number(1)
    if version == 1:
        cursor.take(5)
    elif version == 2:
        if cursor.number(1) == 2:
            return (0,)
    else:
        raise Refused(f"is damaged: an HDF5 dataspace of version {version}")
    try:
        return checked_shape([cursor.length() for _ in range(min(rank, 64))])
    except ValueError as error:
        raise Refused(f"is damaged or hostile: an array in it {error}") from error


def read_text(blocks: Blocks, message: bytes) -> tuple[str, list[str] | None]:
    """An attribute's name, and its strings; None if it holds something else."""
    cursor = blocks.cursor(message)
    version = cursor.number(1)
    if version not in (1, 2, 3):
        raise Refused(f"is damaged: an HDF5 attribute of version {version}")
    cursor.take(1)
    sizes = [cursor.number(2) for _ in range(3)]
    cursor.take(1 if version == 3 else 0)
    parts = []
    for size in sizes:
        parts.append(cursor.take(size))
        if version == 1:
            cursor.align()
    name = parts[0].rstrip(b"\0").decode("utf-8", "replace")
    element = read_element(blocks.cursor(parts[1]))
    if not element.text:
        return name, None
    count = math.prod(read_shape(blocks.cursor(parts[2])))
    if count > cursor.left or count * element.size > cursor.left:
        raise Refused("is damaged: an HDF5 attribute is cut short")
    raw = [cursor.take(element.size) for _ in range(count)]
    return name, [_string(blocks, piece, element) for piece in raw]


def _string(blocks: Blocks, raw: bytes, element: Element) -> str:
    if element.variable:
        cursor = blocks.cursor(raw)
        length = cursor.number(4)
        raw = _from_heap(blocks, cursor.address(), cursor.number(4))[:length]
    # Padded with zeros, or with blanks as Fortran does.
    return raw.rstrip(b"\0 ").decode("utf-8", "replace")


def _from_heap(blocks: Blocks, address: int | None, index: int) -> bytes:
    if not address or not index:
        return b""
    held = blocks.heap(address)
    if index not in held:
        raise Refused("is damaged: an HDF5 text is not where it should be")
    return held[index]
