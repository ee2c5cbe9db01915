"""Where kernels run: CuPy's current device, behind the few things that they need."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from ...arrays import Array
from .kernel import THREADS, Kernel
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

    def matmul(self, a: Array, b: Array) -> Array:
        """Product of matrices or stacks of them; float16 is summed in float32."""


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
        function = self._function(kernel)
        if shared > PLAIN_SHARED:
            function.max_dynamic_shared_size_bytes = shared
        with _as_memory_error():
            function(grid, block, tuple(map(_argument, arguments)), shared_mem=shared)

    def _function(self, kernel: Kernel) -> Any:
        key = (self.xp.cuda.runtime.getDevice(), kernel)
        if key not in self._functions:
            options = (*OPTIONS, *kernel.options)
            module = self.xp.RawModule(code=kernel.code, options=options)
            self._functions[key] = module.get_function(kernel.function)
        return self._functions[key]

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
        return array.device if isinstance(array, self.xp.ndarray) else nullcontext()

    def capability(self) -> int:
        return int(self.xp.cuda.Device().compute_capability)

    def units(self) -> int:
        return int(self.xp.cuda.Device().attributes["MultiProcessorCount"])

    def matmul(self, a: Array, b: Array) -> Array:
        with _as_memory_error():
            return self.xp.matmul(a, b)


@contextmanager
def _as_memory_error() -> Iterator[None]:
    """What libraries say of too little memory, as the one error that methods know."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if any(word in str(error) for word in OUT_OF_MEMORY):
            raise MemoryError(str(error)) from error
        raise


def _argument(value: Any) -> Any:
    """CuPy takes arrays and scalars as they are; a struct goes as its bytes."""
    if isinstance(value, np.ndarray):
        return _by_value()(value)
    return value


@lru_cache
def _by_value() -> Any:
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
