"""What a kernel is called with: as words of memory, and as a key to its code.

Compiled code is for one kind of each argument: an array's element type, number of axes
and contiguity, or the type of a number. It finds an array by the address of NumPy's
object, whose first fields (data, axes, lengths, strides) are part of NumPy's binary
interface: so a call costs Python one small integer an argument.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

#: An array's kind; a number's is its type, a tuple's its class and its elements'.
ArrayKind = tuple[np.dtype[Any], int, bool]
Kinds = tuple[Any, ...]

#: Words before the arguments of a shared kernel: its team, and what is to be done.
HEADER = 5
header = struct.Struct(f"={HEADER}q").pack

#: How a number is packed into a word of eight bytes.
_FORMATS = {
    int: "q",
    bool: "?7x",
    float: "d",
    np.float64: "d",
    np.float32: "f4x",
    np.int64: "q",
    np.bool_: "?7x",
}

#: Where an array's fields begin in its object: behind what every Python object has.
FIELDS = object.__basicsize__
DATA, LENGTHS, STRIDES = FIELDS, FIELDS + 16, FIELDS + 24


class Fixed:
    """Arguments that are the same in every call of a plan, made words once."""

    __slots__ = ("args", "kind", "words")

    def __init__(self, *args: Any):
        self.args = args  # whose addresses are among the words
        kinds, self.words = words_of(args)
        self.kind = _groups.setdefault(kinds, _Group(kinds))


class _Group:
    """The kinds of fixed arguments; one object for equal ones, soon compared."""

    def __init__(self, kinds: Kinds):
        self.kinds = kinds


_groups: dict[Kinds, _Group] = {}


def words_of(args: tuple[Any, ...]) -> tuple[Kinds, list[Any]]:
    """The kinds of the arguments, and their words: the elements of tuples, arrays'
    addresses, which are good for as long as somebody holds the arrays."""
    kinds: list[Any] = []
    words: list[Any] = []
    for argument in args:
        kind = type(argument)
        if kind is np.ndarray or isinstance(argument, np.ndarray):
            flags = argument.flags
            kinds.append((argument.dtype, argument.ndim, flags.c_contiguous))
            words.append(id(argument))
        elif kind is Fixed:
            kinds.append(argument.kind)
            words += argument.words
        elif isinstance(argument, tuple):
            kinds.append((kind, *map(type, argument)))
            words += argument
        else:
            kinds.append(kind)
            words.append(argument)
    return tuple(kinds), words


def written_out(kinds: Kinds) -> Kinds:
    """The same with fixed arguments' kinds one by one."""
    found: list[Any] = []
    for kind in kinds:
        found += kind.kinds if isinstance(kind, _Group) else (kind,)
    return tuple(found)


def packer(kinds: Kinds) -> Callable[..., bytes]:
    """What makes bytes of the words of such arguments."""
    formats = ["="]
    for kind in kinds:
        if is_array(kind):
            formats.append("q")
        else:
            formats += map(_format, numbers_of(kind))
    return struct.Struct("".join(formats)).pack


def packed_words(args: tuple[Any, ...]) -> tuple[Kinds, bytes]:
    """The kinds of arguments, and their words as bytes."""
    kinds, words = words_of(args)
    return kinds, packer(written_out(kinds))(*words)


def is_array(kind: Any) -> bool:
    """Whether it is an array's kind."""
    return isinstance(kind, tuple) and isinstance(kind[0], np.dtype)


def numbers_of(kind: Any) -> tuple[type, ...]:
    """The types of the numbers that a number or a tuple is made of."""
    return kind[1:] if isinstance(kind, tuple) else (kind,)


def _format(kind: type) -> str:
    try:
        return _FORMATS[kind]
    except KeyError:
        raise TypeError(f"kernels take arrays and numbers, not {kind}") from None


def spelled(kinds: Kinds) -> str:
    """The kinds as text, the same in every process."""
    names = []
    for kind in kinds:
        if is_array(kind):
            dtype, axes, contiguous = kind
            names.append(f"{dtype.str}{axes}{'C' if contiguous else 'A'}")
        else:
            inner = "".join(map(_format, numbers_of(kind)))
            made = f"{kind[0].__qualname__}:" if isinstance(kind, tuple) else ""
            names.append(made + inner)
    return ",".join(names)
