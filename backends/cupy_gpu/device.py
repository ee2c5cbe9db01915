"""Where kernels run: CuPy's current device, behind the few things that they need."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
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
        """The same values on the device; kept, so that a table is sent once."""

    def resident(self, array: Array) -> Array:
        """An operand where kernels can read it; one of the host is sent there."""

    def around(self, array: Array) -> AbstractContextManager[Any]:
        """The device that an array lies on made the current one, for a while."""

    def capability(self) -> int:
        """Compute capability as a number: 90 for 9.0."""

    def units(self) -> int:
        """Multiprocessors."""

    def product(self, a: Array, b: Array, *, turned: bool = False) -> Array:
        """``a @ b``, or ``a @ b.T`` where turned; or stacks of them. All contiguous,
        float32 or float64, and neither matrix is empty."""


#: What a launch may have at most: blocks along each axis, threads of a block.
MOST_BLOCKS, MOST_THREADS = (2**31 - 1, 65535, 65535), 1024


def fitting(kernel: Kernel, grid: Grid, block: Grid) -> None:
    """Raise BackendError for a launch that no card takes."""
    threads = math.prod(block)
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
        self._constants: dict[Any, Array] = {}
        self._residents = Residents()

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
        by_value = _by_value()  # arrays and numbers CuPy takes as they are
        given = [by_value(a) if type(a) is np.ndarray else a for a in arguments]
        with AS_MEMORY_ERROR:
            function(grid, block, tuple(given), shared_mem=shared)

    def _function(self, kernel: Kernel) -> Any:
        key = (self.xp.cuda.runtime.getDevice(), kernel)
        found = self._functions.get(key)
        if found is None:
            options = (*OPTIONS, *kernel.options)
            module = self.xp.RawModule(code=kernel.code, options=options)
            found = self._functions[key] = module.get_function(kernel.function)
        return found

    def constant(self, values: np.ndarray[Any, Any]) -> Array:
        number = self.xp.cuda.runtime.getDevice()
        key = (number, values.dtype.str, values.shape, values.tobytes())
        if key not in self._constants:
            self._constants[key] = self._sent(values)
        return self._constants[key]

    def resident(self, array: Array) -> Array:
        if not isinstance(array, np.ndarray):
            return array
        number = self.xp.cuda.runtime.getDevice()
        return self._residents.copy_of(array, number, self._sent)

    def _sent(self, values: np.ndarray[Any, Any]) -> Array:
        """Values of the host, there for all streams: what is kept may serve any."""
        sent = self.xp.asarray(values)
        self.xp.cuda.get_current_stream().synchronize()
        return sent

    def around(self, array: Array) -> AbstractContextManager[Any]:
        elsewhere = self._several and isinstance(array, self.xp.ndarray)
        return array.device if elsewhere else nullcontext()

    def capability(self) -> int:
        return int(self.xp.cuda.Device().compute_capability)

    def units(self) -> int:
        return int(self.xp.cuda.Device().attributes["MultiProcessorCount"])

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


def missing() -> str | None:
    """What keeps CuPy from computing here and what would help; None if nothing does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CuPy's, about paths it does not find
            import cupy
    except ImportError as error:
        return (
            f"cupy is not installed ({error}): pip install 'numpy-deconv[cuda12]', or "
            "[cuda13] for a driver of CUDA 13"
        )
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"no CUDA device ({error}): it needs an NVIDIA GPU and its driver"
    if count == 0:
        return "no CUDA device: it needs an NVIDIA GPU that this process may see"
    return None
