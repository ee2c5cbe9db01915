"""A pickle reader that has no way to call anything.

Python's own unpickler imports and calls whatever a file names. This one is a small
stack machine for the same opcodes (``pickletools`` in the standard library documents
them) whose values are plain containers. A global name becomes an inert marker: either
a :class:`Known` one from the caller's table, which maps arguments to a value by a
function of ours, or a foreign one, and a file that calls or merely mentions a foreign
name is refused by that name. Only an object of a foreign class is let pass, as an
:class:`Instance` without behaviour; with such a one, mentions are let pass too.

Attributes are never set (BUILD puts the state aside or drops it), the memo is a
dictionary, and nothing longer than the rest of the file is ever allocated, so a file
costs memory in proportion to its size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BufferedIOBase
from typing import Any

from .pickle_globals import Foreign, Ignored, Instance, Known, Refused, Stateful
from .pickle_opcodes import (
    CONSTANTS,
    FIXED,
    FRESH,
    LINES,
    PREFIXED,
    REFUSED,
    unsigned,
)

# Any other key (a tuple, say) cannot name a weight, and hashing a tuple that is nested
# a million deep would overflow the stack.
_KEY_TYPES = (str, int, float, bool, bytes, type(None))
_ONE_READ = 2**16
_ENDS_EARLY = "is truncated or damaged: a pickle in it ends too early"


class RestrictedUnpickler:
    """Reads one pickle from where ``file`` stands; ``load`` leaves it right after.

    ``size`` is the length of the whole file, ``known`` the allow-list by dotted name,
    ``persistent_load`` maps a persistent id to a value. ``load`` raises
    :class:`Refused`, and nothing else, for whatever bytes it is given.

    Example::

        RestrictedUnpickler(io.BytesIO(b"K\\x07."), 3, {}).load()  # 7
    """

    def __init__(
        self,
        file: BufferedIOBase,
        size: int,
        known: Mapping[str, Known],
        persistent_load: Callable[[object], object] | None = None,
    ) -> None:
        self._file = file
        self._size = size
        self._known = known
        self._persistent_load = persistent_load
        self._stack: list[Any] = []
        self._below_marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._foreign: Foreign | None = None
        self._holds_objects = False

    def load(self) -> object:
        """The value that the pickle describes."""
        try:
            while (opcode := self._take(1)) != b".":
                self._step(opcode)
            value = self._stack.pop()
        except (IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise Refused("is damaged: its pickle does not hold together") from error
        if self._foreign is not None and not self._holds_objects:
            raise self._foreign.refuse_mention()
        return value

    def _step(self, opcode: bytes) -> None:
        if opcode in CONSTANTS:
            self._stack.append(CONSTANTS[opcode])
        elif opcode in FRESH:
            self._stack.append(FRESH[opcode]())
        elif opcode in FIXED:
            width, convert = FIXED[opcode]
            self._stack.append(convert(self._take(width)))
        elif opcode in PREFIXED:
            width, convert = PREFIXED[opcode]
            self._stack.append(convert(self._take(self._unsigned(width))))
        elif opcode in LINES:
            self._stack.append(LINES[opcode](self._line()))
        elif opcode in REFUSED:
            raise Refused(f"uses {REFUSED[opcode]}; refused, and nothing in it was run")
        elif opcode in _HANDLERS:
            _HANDLERS[opcode](self)
        else:
            raise Refused(f"is damaged: {opcode!r} is not an opcode of a pickle")

    # Reading -----------------------------------------------------------------------

    def _take(self, count: int) -> bytes:
        # read() reserves what it is asked for before it finds the file shorter.
        if count > _ONE_READ and count > self._size - self._file.tell():
            raise Refused(_ENDS_EARLY)
        data = self._file.read(count)
        if len(data) != count:
            raise Refused(_ENDS_EARLY)
        return data

    def _line(self) -> bytes:
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise Refused(_ENDS_EARLY)
        return line[:-1]

    def _unsigned(self, width: int) -> int:
        return unsigned(self._take(width))

    # Stack -------------------------------------------------------------------------

    def _mark(self) -> None:
        self._below_marks.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        items = self._stack
        self._stack = self._below_marks.pop()
        return items

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def _duplicate(self) -> None:
        self._stack.append(self._stack[-1])

    def _collect(self, make: Callable[[list[Any]], Any]) -> None:
        items = self._since_mark()
        self._stack.append(make(items))

    def _tuple(self, count: int) -> None:
        items = tuple(self._stack[-count:])
        if len(items) != count:
            raise IndexError(count)
        self._stack[-count:] = [items]

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Ignored):
            raise TypeError(type(target))

    def _append(self) -> None:
        item = self._stack.pop()
        self._extend([item])

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if isinstance(target, dict):
            target.update(_pairs(items))
        elif not isinstance(target, Ignored):
            raise TypeError(type(target))

    def _set_item(self) -> None:
        items = self._stack[-2:]
        del self._stack[-2:]
        self._set_items(items)

    def _remember(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _recall(self, index: int) -> None:
        self._stack.append(self._memo[index])

    # Globals -----------------------------------------------------------------------

    def _global(self, module: object, name: object) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise TypeError("a global's name is not text")
        full_name = f"{module}.{name}"
        known = self._known.get(full_name)
        if known is None:
            foreign = Foreign.of(full_name)
            self._foreign = self._foreign or foreign
            self._stack.append(foreign)
        elif known.refusal is not None:
            raise Refused(known.refusal)
        else:
            self._stack.append(known)

    def _global_from_stack(self) -> None:
        name = self._stack.pop()
        self._global(self._stack.pop(), name)

    def _call(self, callee: object, arguments: object) -> None:
        if isinstance(callee, Foreign):
            raise callee.refuse_call()
        if not isinstance(callee, Known) or callee.build is None:
            raise TypeError("a value is called that is no function")
        if not isinstance(arguments, tuple):
            raise TypeError("a function is called without a tuple of arguments")
        self._stack.append(callee.build(arguments))

    def _reduce(self) -> None:
        arguments = self._stack.pop()
        self._call(self._stack.pop(), arguments)

    def _instance(self) -> None:
        module, name = self._line().decode(), self._line().decode()
        arguments = tuple(self._since_mark())
        self._global(module, name)
        self._call(self._stack.pop(), arguments)

    def _object(self) -> None:
        callee, *arguments = self._since_mark()
        self._call(callee, tuple(arguments))

    def _new_object(self) -> None:
        arguments = self._stack.pop()
        kind = self._stack.pop()
        if isinstance(kind, Foreign):
            self._holds_objects = True
            self._stack.append(Instance(kind))
        else:
            self._call(kind, arguments)

    def _new_object_with_keywords(self) -> None:
        self._stack.pop()
        self._new_object()

    def _build(self) -> None:
        # The state would become attributes or go to a __setstate__.
        state = self._stack.pop()
        if isinstance(self._stack[-1], Stateful):
            self._stack[-1].state = state

    def _persistent(self) -> None:
        if self._persistent_load is None:
            raise TypeError("a persistent id where there can be none")
        self._stack.append(self._persistent_load(self._stack.pop()))


def _pairs(items: list[Any]) -> dict[Any, Any]:
    pairs = zip(items[::2], items[1::2], strict=True)
    return {key: value for key, value in pairs if isinstance(key, _KEY_TYPES)}


_HANDLERS: dict[bytes, Callable[[RestrictedUnpickler], object]] = {
    b"\x80": lambda machine: machine._take(1),
    b"\x95": lambda machine: machine._take(8),
    b"(": RestrictedUnpickler._mark,
    b"0": RestrictedUnpickler._pop,
    b"1": RestrictedUnpickler._since_mark,
    b"2": RestrictedUnpickler._duplicate,
    b"t": lambda machine: machine._collect(tuple),
    b"l": lambda machine: machine._collect(list),
    b"d": lambda machine: machine._collect(_pairs),
    b"\x91": lambda machine: machine._collect(list),
    b"\x85": lambda machine: machine._tuple(1),
    b"\x86": lambda machine: machine._tuple(2),
    b"\x87": lambda machine: machine._tuple(3),
    b"a": RestrictedUnpickler._append,
    b"e": lambda machine: machine._extend(machine._since_mark()),
    b"\x90": lambda machine: machine._extend(machine._since_mark()),
    b"s": RestrictedUnpickler._set_item,
    b"u": lambda machine: machine._set_items(machine._since_mark()),
    b"p": lambda machine: machine._remember(int(machine._line())),
    b"q": lambda machine: machine._remember(machine._unsigned(1)),
    b"r": lambda machine: machine._remember(machine._unsigned(4)),
    b"\x94": lambda machine: machine._remember(len(machine._memo)),
    b"g": lambda machine: machine._recall(int(machine._line())),
    b"h": lambda machine: machine._recall(machine._unsigned(1)),
    b"j": lambda machine: machine._recall(machine._unsigned(4)),
    b"c": lambda machine: machine._global(
        machine._line().decode(), machine._line().decode()
    ),
    b"\x93": RestrictedUnpickler._global_from_stack,
    b"R": RestrictedUnpickler._reduce,
    b"i": RestrictedUnpickler._instance,
    b"o": RestrictedUnpickler._object,
    b"\x81": RestrictedUnpickler._new_object,
    b"\x92": RestrictedUnpickler._new_object_with_keywords,
    b"b": RestrictedUnpickler._build,
    b"Q": RestrictedUnpickler._persistent,
}
