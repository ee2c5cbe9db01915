"""Where kernels run: CuPy's current device, behind the few things that they need."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from operator import le
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from ...arrays import Array
from ...errors import BackendError
from .kernel import THREADS, Kernel
from .products import multiply, product_shape
from .residence import Residents

Grid = tuple[int, ...]

#: NVRTC's options beside the macros. Products and sums may be fused, as on any GPU.
OPTIONS = ("-std=c++17",)
#: How CUDA and cuBLAS say that memory ran out; CuPy's own pool raises MemoryError.
OUT_OF_MEMORY = ("ALLOC_FAILED", "OUT_OF_MEMORY", "cudaErrorMemoryAllocation")
#: Shared memory that a block has without asking for more.
PLAIN_SHARED = 48 << 10
HERE = nullcontext()
#: Structs and tables that are kept; all are let go where there are more.
MOST_KEPT = 1 << 14
#: Of a card's memory so much (one in eight) may hold weights as kernels read them.
KEPT_SHARE = 8


class Device(Protocol):
    """What the backend asks of the place where it computes."""

    xp: ModuleType
    index: str | None  # forces the type of indices, for tests
    specialises: bool  # whether to compile a kernel anew for each window's shape

    def launch(
        self,
        kernel: Kernel,
        grid: Grid,
        block: Grid,
        arguments: Sequence[Any],
        shared: int = 0,
    ) -> None:
        """Run ``kernel``. Arrays go by pointer, NumPy scalars and structs by value."""

    def constant(self, values: np.ndarray[Any, Any]) -> Array:
        """A table that never changes, on the device; found by who it is, sent once."""

    def resident(self, array: Array) -> Array:
        """An operand where kernels can read it; one of the host is sent there."""

    def form_of(self, array: Array, key: Any, make: Callable[[], Array]) -> Array:
        """``make()``, what kernels read instead of ``array``. It is kept under ``key``
        as long as the array where nobody can change that, as in :meth:`resident`."""

    def around(self, array: Array) -> AbstractContextManager[Any]:
        """The device that an array lies on made the current one, for a while."""

    def capability(self) -> int:
        """Compute capability as a number: 90 for 9.0."""

    def units(self) -> int:
        """Multiprocessors."""

    def cache(self) -> int:
        """Bytes of the cache that all of them share."""

    def product(self, a: Array, b: Array, *, turned: bool = False) -> Array:
        """``a @ b``, or ``a @ b.T`` where turned; or stacks of them. All contiguous,
        float32 or float64, and neither matrix is empty."""


#: What a launch may have at most: blocks along each axis, threads of a block.
MOST_BLOCKS, MOST_THREADS = (2**31 - 1, 65535, 65535), 1024
FEW_BLOCKS = min(MOST_BLOCKS)


def fitting(kernel: Kernel, grid: Grid, block: Grid) -> None:
    """Raise BackendError for a launch that no card takes."""
    threads = math.prod(block)
    if threads <= MOST_THREADS and max(grid) <= FEW_BLOCKS:
        return
    most = MOST_BLOCKS[: len(grid)]
    if threads <= MOST_THREADS and all(map(le, grid, most)):
        return
    raise BackendError(
        f"{kernel.function} would take {grid} blocks of {threads} threads, and a card "
        f"takes {most} of {MOST_THREADS}: compute fewer samples or channels at a time"
    )


def over(total: int, threads: int = THREADS) -> tuple[Grid, Grid]:
    """Grid and block with a thread for each of ``total``."""
    return (max(1, -(-total // threads)),), (threads,)


class CudaDevice:
    """CuPy's current device. Modules are kept per device, as CuPy keeps their code.

    Kernels run on CuPy's current stream, and are compiled for each window's shape
    unless ``specialises`` is False.
    """

    index: str | None = None

    def __init__(self, *, specialises: bool = True) -> None:
        import cupy

        self.xp, self.specialises = cupy, specialises
        self._several = cupy.cuda.runtime.getDeviceCount() > 1
        self._functions: dict[tuple[int, Kernel], Any] = {}
        self._constants: dict[tuple[int, int], tuple[Any, Array]] = {}
        self._values: dict[int, tuple[Any, Any]] = {}
        self._residents = Residents(cupy.cuda.runtime.memGetInfo()[1] // KEPT_SHARE)
        self._by_value = _by_value()
        self._nothing = self._by_value(np.zeros(1, np.uint64))

    def launch(
        self,
        kernel: Kernel,
        grid: Grid,
        block: Grid,
        arguments: Sequence[Any],
        shared: int = 0,
    ) -> None:
        fitting(kernel, grid, block)
        function = self._function(kernel)
        if shared > PLAIN_SHARED:
            function.max_dynamic_shared_size_bytes = shared
        given = [
            self._value(a) if a is None or type(a) is np.ndarray else a
            for a in arguments
        ]
        with AS_MEMORY_ERROR:
            function(grid, block, tuple(given), shared_mem=shared)

    def _value(self, struct: np.ndarray[Any, Any] | None) -> Any:
        """A struct as CuPy hands it to a kernel, by value. That takes longer than the
        launch, so it is done once for structs that never change. None is a null
        pointer; of None itself CuPy 13 makes no argument, and the launch crashes."""
        if struct is None:
            return self._nothing
        kept = self._values.get(id(struct))
        if kept is not None:
            return kept[1]
        value = self._by_value(struct)
        if not struct.flags.writeable:
            if len(self._values) >= MOST_KEPT:
                self._values.clear()
            self._values[id(struct)] = struct, value
        return value

    def _function(self, kernel: Kernel) -> Any:
        key = (self.xp.cuda.runtime.getDevice(), kernel)
        found = self._functions.get(key)
        if found is None:
            options = (*OPTIONS, *kernel.options)
            module = self.xp.RawModule(code=kernel.code, options=options)
            found = self._functions[key] = module.get_function(kernel.function)
        return found

    def constant(self, values: np.ndarray[Any, Any]) -> Array:
        key = self.xp.cuda.runtime.getDevice(), id(values)
        kept = self._constants.get(key)
        if kept is None:
            if len(self._constants) >= MOST_KEPT:
                self._constants.clear()
            kept = self._constants[key] = values, self._sent(values)
        return kept[1]

    def resident(self, array: Array) -> Array:
        if not isinstance(array, np.ndarray):
            return array
        number = self.xp.cuda.runtime.getDevice()
        return self._residents.copy_of(array, number, self._sent)

    def form_of(self, array: Array, key: Any, make: Callable[[], Array]) -> Array:
        def finished() -> Array:
            made = make()
            self.xp.cuda.get_current_stream().synchronize()  # any may read it later
            return made

        return self._residents.form_of(array, key, make, finished)

    def _sent(self, values: np.ndarray[Any, Any]) -> Array:
        """Values of the host, there for all streams: what is kept may serve any."""
        sent = self.xp.asarray(values)
        self.xp.cuda.get_current_stream().synchronize()
        return sent

    def around(self, array: Array) -> AbstractContextManager[Any]:
        elsewhere = self._several and isinstance(array, self.xp.ndarray)
        return array.device if elsewhere else HERE

    def capability(self) -> int:
        return int(self.xp.cuda.Device().compute_capability)

    def units(self) -> int:
        return int(self.xp.cuda.Device().attributes["MultiProcessorCount"])

    def cache(self) -> int:
        return int(self.xp.cuda.Device().attributes["L2CacheSize"])

    def product(self, a: Array, b: Array, *, turned: bool = False) -> Array:
        out = self.xp.empty(product_shape(a, b, turned), a.dtype)
        with AS_MEMORY_ERROR:
            multiply(a, b, turned, out)
        return out


class _AsMemoryError:
    """What libraries say of too little memory, as the one error that methods know."""

    def __enter__(self) -> None:
        """Nothing is kept: one serves all threads."""

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if error is None or isinstance(error, MemoryError):
            return
        if any(word in str(error) for word in OUT_OF_MEMORY):
            raise MemoryError(str(error)) from error


AS_MEMORY_ERROR = _AsMemoryError()


@lru_cache
def _by_value() -> Any:
    """CuPy's wrapper of a struct that goes to a kernel as its bytes."""
    from cupy.cuda.function import CNumpyArray

    return CNumpyArray
