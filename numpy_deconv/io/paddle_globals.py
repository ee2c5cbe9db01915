"""The allow-list for Paddle's files: pickled NumPy arrays, and how Paddle wraps them.

An array becomes a :class:`PickledArray`, which only remembers what the file says of
it; :mod:`numpy_deconv.io.paddle_file` checks that and makes the array.
"""

from __future__ import annotations

import re
from typing import Any

from .pickle_globals import Ignored, Known, Refused, Stateful
from .raw_arrays import BFLOAT16, ByteOrder, checked_shape

_BAD_ARRAY = "is damaged or hostile: it describes an array wrongly"
_PLAIN = re.compile(r"b1|[iu][1248]|f[248]|c8|c16")
_PACKAGES = ("numpy.core", "numpy._core")


class PickledType(Stateful):
    """A dtype: its code, and its byte order as the state that BUILD brings."""

    def __init__(self, code: str) -> None:
        self.code = code

    @property
    def order(self) -> ByteOrder:
        """``">"`` if the state says so."""
        match self.state:
            case (_, ">", *_):
                return ">"
        return "<"


class PickledArray(Stateful):
    """An array whose shape, dtype and bytes come as the state of a BUILD."""

    def __init__(self, state: object = None) -> None:
        self.state = state

    def described(self) -> tuple[tuple[int, ...], str, ByteOrder, bool, bytes]:
        """Shape, element code, byte order, whether Fortran-ordered, and the bytes.

        Raises :class:`Refused` if the state is none of an array, or of objects.
        """
        match self.state:
            case (_, tuple(sizes), PickledType() as kind, fortran, bytes(raw)):
                try:
                    shape = checked_shape(sizes)
                except ValueError as error:
                    raise Refused(
                        f"is damaged or hostile: an array in it {error}"
                    ) from error
                # Paddle has no uint16: it is what it makes of bfloat16.
                code = BFLOAT16 if kind.code == "u2" else kind.code
                return shape, code, kind.order, bool(fortran), raw
            case (_, tuple(), PickledType(code=code), _, list()):
                raise Refused(f"holds an array of dtype {ascii(code)[:20]}, of objects")
        raise Refused(_BAD_ARRAY)


def _reconstruct(arguments: tuple[Any, ...]) -> PickledArray:
    return PickledArray()


def _from_buffer(arguments: tuple[Any, ...]) -> PickledArray:
    match arguments:
        case (raw, kind, sizes, "C" | "F" as order):
            return PickledArray((1, sizes, kind, order == "F", raw))
    raise Refused(_BAD_ARRAY)


def _dtype(arguments: tuple[Any, ...]) -> PickledType:
    match arguments:
        case (str(code), *_) if _PLAIN.fullmatch(code.lstrip("<>|=")):
            return PickledType(code.lstrip("<>|="))
        case (str(code), *_):
            raise Refused(f"holds an array of dtype {ascii(code)[:20]}, not of numbers")
    raise Refused(_BAD_ARRAY)


def _encode(arguments: tuple[Any, ...]) -> bytes:
    # How Python 3 pickles bytes by protocol 2.
    match arguments:
        case (str(text), "latin1" | "latin-1"):
            return text.encode("latin-1")
    raise Refused("is damaged: it encodes text as pickle never does")


def _no_bytes(arguments: tuple[Any, ...]) -> bytes:
    # How Python 3 pickles b"" by protocol 2.
    if arguments:
        raise Refused("is damaged: it makes bytes as pickle never does")
    return b""


def _tuple(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    match arguments:
        case ():
            return ()
        case (list(items) | tuple(items),):
            return tuple(items)
    raise Refused("is damaged: it holds a malformed tuple")


def _evaluated(arguments: tuple[Any, ...]) -> object:
    # Paddle pickles a static graph's tensor as eval("data", {"data": array}).
    match arguments:
        case ("data", {"data": value}):
            return value
    raise Refused(
        "asks to call builtins.eval, which plain weights never need; refused, and "
        "nothing in it was run"
    )


def _ignored(arguments: tuple[Any, ...]) -> Ignored:
    return Ignored()


PADDLE_GLOBALS: dict[str, Known] = {
    **{f"{p}.multiarray._reconstruct": Known(_reconstruct) for p in _PACKAGES},
    **{f"{p}.multiarray.scalar": Known(_ignored) for p in _PACKAGES},
    **{f"{p}.numeric._frombuffer": Known(_from_buffer) for p in _PACKAGES},
    "numpy.ndarray": Known(),
    "numpy.dtype": Known(_dtype),
    "_codecs.encode": Known(_encode),
    "collections.OrderedDict": Known(lambda arguments: {}),
    **{f"{b}.bytes": Known(_no_bytes) for b in ("builtins", "__builtin__")},
    **{f"{b}.tuple": Known(_tuple) for b in ("builtins", "__builtin__")},
    **{f"{b}.eval": Known(_evaluated) for b in ("builtins", "__builtin__")},
}
