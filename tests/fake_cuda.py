"""CuPy's ways to a kernel, by their documentation: what it would refuse is refused.

``RawModule`` takes keywords only, options as a tuple of strings; a kernel a grid and a
block of plain numbers, arguments as a tuple of arrays on the device, numbers of the
types that CuPy knows, and wrapped structs; ``shared_mem`` is all it has besides. None
is refused: of it CuPy 13 makes no argument, and the driver reads from address 0.
"""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

NUMBERS = tuple(np.dtype(letter).type for letter in "?bhilqBHILQefdFD")
LARGEST = 227 << 10  # bytes of shared memory that a block can ask for


class CUDARuntimeError(RuntimeError):
    """As CuPy's."""


class ndarray:
    """On the device; of C order, as whatever kernels are given."""

    def __init__(self, shape: Any, dtype: Any, place: int = 0):
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self.size = int(np.prod(self.shape, dtype=object))
        self.flags = SimpleNamespace(c_contiguous=True)
        self.ndim, self.itemsize = len(self.shape), self.dtype.itemsize
        self.nbytes = self.size * self.itemsize
        self.device = Device(place)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, part: slice) -> ndarray:
        count = len(range(*part.indices(len(self))))
        return ndarray((count, *self.shape[1:]), self.dtype, self.device.id)


ndarray.__module__ = "cupy"


class Device:
    """A context in which another device is the current one."""

    current = 0

    def __init__(self, number: int | None = None):
        self.id = Device.current if number is None else number
        self.compute_capability = "90"
        self.attributes = {"MultiProcessorCount": 132, "L2CacheSize": 50 << 20}

    def __enter__(self) -> Device:
        self._before, Device.current = Device.current, self.id
        return self

    def __exit__(self, *_: Any) -> None:
        Device.current = self._before


class CNumpyArray:
    """A struct that goes to a kernel as its bytes."""

    def __init__(self, value: np.ndarray[Any, Any]):
        assert isinstance(value, np.ndarray)
        self.value = value


class RawKernel:
    """Remembers its launches."""

    def __init__(self, name: str, options: tuple[str, ...]):
        self.name, self.options = name, options
        self.launches: list[tuple[Any, ...]] = []
        self._most = 48 << 10

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        """That a launch may ask for."""
        return self._most

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size: int) -> None:
        if not 0 <= size <= LARGEST:
            raise CUDARuntimeError("CUDA_ERROR_INVALID_VALUE")
        self._most = size

    def __call__(
        self, grid: Any, block: Any, args: Any, *, shared_mem: int = 0
    ) -> None:
        for sizes in (grid, block):
            assert type(sizes) is tuple
            assert 1 <= len(sizes) <= 3
            assert all(type(n) is int and n > 0 for n in sizes), sizes
        assert type(args) is tuple
        for each in args:
            plain = type(each) in (*NUMBERS, int, float, bool)
            if not plain and not isinstance(each, ndarray | CNumpyArray):
                raise TypeError(f"Unsupported type {type(each)}")
        if shared_mem > self._most:
            raise CUDARuntimeError("CUDA_ERROR_INVALID_VALUE")
        self.launches.append((Device.current, grid, block, args, shared_mem))


class RawModule:
    """Compiles nothing."""

    made: list[RawModule] = []  # noqa: RUF012  a test empties it

    def __init__(self, *, code: str, options: tuple[str, ...] = ()):
        assert type(code) is str
        assert type(options) is tuple
        assert all(type(o) is str and o.startswith("-") for o in options)
        self.code, self.options = code, options
        self.kernels: list[RawKernel] = []
        RawModule.made.append(self)

    def get_function(self, name: str) -> RawKernel:
        """One of the code's functions."""
        assert f" {name}(" in self.code
        self.kernels.append(RawKernel(name, self.options))
        return self.kernels[-1]


class _Stream:
    def __init__(self) -> None:
        self.waited = 0

    def synchronize(self) -> None:
        self.waited += 1


def module(devices: int = 1) -> Any:
    """What of CuPy a device asks for."""
    made: Any = ModuleType("cupy")
    Device.current, RawModule.made = 0, []
    runtime = SimpleNamespace(
        getDevice=lambda: Device.current,
        getDeviceCount=lambda: devices,
        memGetInfo=lambda: (1 << 30, 1 << 33),
        CUDARuntimeError=CUDARuntimeError,
    )
    stream = _Stream()
    made.cuda = ModuleType("cupy.cuda")
    made.cuda.runtime, made.cuda.Device = runtime, Device
    made.cuda.get_current_stream = lambda: stream
    made.cuda.function = ModuleType("cupy.cuda.function")
    made.cuda.function.CNumpyArray = CNumpyArray
    made.ndarray, made.RawModule = ndarray, RawModule
    made.empty = lambda shape, dtype: ndarray(shape, dtype, Device.current)
    made.asarray = lambda values: ndarray(values.shape, values.dtype, Device.current)
    made.ascontiguousarray = lambda array: array
    return made
