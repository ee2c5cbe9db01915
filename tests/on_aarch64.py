"""A plugin of pytest: kernels are ARM's, and run in an emulator.

``python -m pytest -p on_aarch64 tests/test_numba_pooling.py``

Python and NumPy stay on this machine. What a kernel's call is given is copied into a
process of QEMU, where the code that LLVM made of it for aarch64 answers, and what it
wrote is copied back; what lies between arrays must be untouched. Threads of a team are
this machine's affair: the guest does all tasks of a job alone.
"""

from __future__ import annotations

import atexit
import ctypes
import struct
import subprocess
import tempfile
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
from numba_elsewhere import (
    COMPILER,
    MACHINES,
    emulator,
    import_for,
    retold,
    target_machine,
)

Array = npt.NDArray[Any]
MACHINE = MACHINES["aarch64"]
PROGRAM = Path(__file__).with_name("aarch64_guest.c")

import_for(MACHINE)

from numpy_deconv.backends.numba_cpu import building  # noqa: E402
from numpy_deconv.backends.numba_cpu.arguments import (  # noqa: E402
    DATA,
    FIELDS,
    HEADER,
    LENGTHS,
    STRIDES,
    Kinds,
    is_array,
    numbers_of,
    packer,
    written_out,
)
from numpy_deconv.backends.numba_cpu.compiled import Kernel  # noqa: E402
from numpy_deconv.backends.numba_cpu.native import Entry  # noqa: E402

BASE = 0x40_0000_0000  # where a guest has nothing of its own
PAGE = 4096

_folder = tempfile.TemporaryDirectory(prefix="numpy_deconv_aarch64_")
_guests: list[Guest] = []


@atexit.register
def _end() -> None:
    for guest in _guests:
        guest.process.kill()
        guest.process.wait()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How much was asked of the emulator."""
    calls = sum(guest.calls for guest in _guests)
    terminalreporter.write_line(f"{len(_guests)} kernels of aarch64, {calls} calls")


def up(number: int, step: int = PAGE) -> int:
    """The next multiple of a step."""
    return -(-number // step) * step


class Memory:
    """What a call can see, laid out as the guest will have it from BASE on: the words,
    an object for each array, and the arrays' elements, each run on pages of its own."""

    def __init__(self, words: bytes, arrays: list[tuple[int, Array]]):
        self.arrays = [array for _, array in arrays]
        objects = up(len(words))
        room = up(FIELDS + 64, 64)
        size = up(objects + sum(room + 16 * a.ndim for a in self.arrays))
        self.runs: list[tuple[int, int, int]] = []  # from, to, and where in the guest
        for low, high in self._extents():
            place = size + PAGE + low % PAGE
            self.runs.append((low, high, place))
            size = up(place + high - low)
        size += PAGE
        self.before = bytearray(size)
        self.before[: len(words)] = words
        for low, high, place in self.runs:
            self.before[place : place + high - low] = ctypes.string_at(low, high - low)
        for position, array in arrays:
            struct.pack_into("q", self.before, position, BASE + objects)
            sizes = objects + room
            for field, value in (
                (DATA, self._place(array)),
                (LENGTHS, BASE + sizes),
                (STRIDES, BASE + sizes + 8 * array.ndim),
            ):
                struct.pack_into("q", self.before, objects + field, value)
            numbers = (*array.shape, *array.strides)
            struct.pack_into(f"{len(numbers)}q", self.before, sizes, *numbers)
            objects = sizes + 8 * len(numbers)

    def _extents(self) -> list[tuple[int, int]]:
        """Runs of this machine's memory that hold the arrays, none twice."""
        found: list[tuple[int, int]] = []
        full = [array for array in self.arrays if array.size]
        for low, high in sorted(map(np.lib.array_utils.byte_bounds, full)):
            if found and low <= found[-1][1]:
                low, high = found[-1][0], max(high, found.pop()[1])
            found.append((low, high))
        return found

    def _place(self, array: Array) -> int:
        address = int(array.__array_interface__["data"][0])
        for low, high, place in self.runs:
            if low <= address < high:
                return BASE + place + address - low
        return BASE  # of none of its elements

    def take_back(self, name: str, after: bytes) -> None:
        """What the guest wrote into arrays; AssertionError if it wrote elsewhere."""
        end = 0
        for low, high, place in (*self.runs, (0, 0, len(after))):
            if after[end:place] != self.before[end:place]:
                raise AssertionError(f"{name} wrote beside its arrays")
            end = place + high - low
            if after[place:end] != self.before[place:end]:
                ctypes.memmove(low, after[place:end], high - low)


class Guest:
    """A kernel in a process that takes itself for an ARM machine."""

    def __init__(self, kernel: Kernel, form: str, kinds: Kinds):
        self.name, self.kinds, self.shared = kernel.name, kinds, form != "plain"
        target = target_machine(MACHINE)
        module, _, _ = building.optimised(kernel, form, kinds)
        file = Path(_folder.name) / f"{kernel.name}-{len(_guests)}"
        object_file = file.with_name(f"{file.name}.o")
        object_file.write_bytes(target.emit_object(retold(module, target)))
        parts = [str(PROGRAM), str(object_file), "-o", str(file), "-lm"]
        subprocess.run([COMPILER, "-O2", "-static", *parts], check=True)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([str(emulator()), str(file)], **pipes)
        self.alone, self.calls = Lock(), 0
        _guests.append(self)

    def call(self, packed: bytes) -> int:
        """As the kernel's own code: the words of a call in, a whole number out."""
        words, first = bytearray(packed), 0
        if self.shared:
            tasks = struct.unpack_from("q", words, 16)[0]
            struct.pack_into(f"{HEADER}q", words, 0, 0, 0, tasks, tasks, 0)
            first = 8 * HEADER
        arrays = []
        for kind in self.kinds:
            if is_array(kind):
                address = ctypes.c_void_p.from_buffer_copy(words, first)
                arrays.append((first, ctypes.cast(address, ctypes.py_object).value))
            first += 8 * (1 if is_array(kind) else len(numbers_of(kind)))
        memory = Memory(bytes(words), arrays)
        with self.alone:
            told = self._ask(memory.before)
            self.calls += 1
        memory.take_back(self.name, told[8:])
        # on its own it always is done with all of a job
        return 1 if self.shared else int.from_bytes(told[:8], "little", signed=True)

    def _ask(self, memory: bytearray) -> bytes:
        pipes = self.process
        if pipes.stdin is None or pipes.stdout is None:
            raise AssertionError("a guest without pipes")
        pipes.stdin.write(struct.pack("2q", BASE, len(memory)) + memory)
        pipes.stdin.flush()
        told = pipes.stdout.read(8 + len(memory))
        if len(told) != 8 + len(memory):
            raise AssertionError(f"{self.name} ended with {pipes.wait()}")
        return told


_made_here = Kernel._made


def _made(self: Kernel, form: str, kinds: Kinds) -> Entry:
    if self.name.startswith("job."):  # what the threads here wait in
        return _made_here(self, form, kinds)
    kinds = written_out(kinds)
    return Entry(Guest(self, form, kinds).call, packer(kinds))


Kernel._made = _made  # type: ignore[method-assign]
