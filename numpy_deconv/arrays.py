"""Arrays at the border: what comes in becomes a NumPy (or CuPy) array, or an error.

Precision has one rule here. float32 and float64 stay what they are; float16 and
bfloat16 are computed in float32 and rounded once at the end; integers are summed in
int64 and handed back exactly or not at all.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .errors import DTypeError, ShapeError

Array = Any  # numpy.ndarray, or cupy.ndarray, which the core never imports
Kernel = TypeVar("Kernel", bound=Callable[..., Any])

#: What arrays are made of that need no look at them: a small layer takes no longer.
_READY = frozenset(np.dtype(name) for name in ("f2", "f4", "f8", "i4", "i8", "u1"))
_FLOATS = frozenset(np.dtype(name) for name in ("f2", "f4", "f8"))

_CUDA_DEVICES = (2, 3, 13)  # DLPack: kDLCUDA, kDLCUDAHost, kDLCUDAManaged


def family(array: Array) -> str:
    """``"numpy"`` or ``"cupy"``: which sort of backend an array belongs to."""
    return "cupy" if type(array).__module__.partition(".")[0] == "cupy" else "numpy"


def as_array(value: Any, name: str) -> Array:
    """View ``value`` as a NumPy array, or as a CuPy array if it lies on a GPU.

    Takes anything with ``__dlpack__`` or ``__array__``, without a copy where possible
    (not in another byte order, nor off its alignment).
    Raises DTypeError for complex numbers, text and objects.
    """
    if type(value) is np.ndarray and value.dtype in _READY and value.flags.aligned:
        return value
    if isinstance(value, np.ndarray):
        if isinstance(value, np.ma.MaskedArray):
            raise DTypeError(
                f"{name} is a masked array, whose mask would be lost: pass "
                f"{name}.filled(value)"
            )
        array = np.asarray(value)
    elif family(value) == "cupy":
        array = value
    else:
        array = _imported(value, name)
    if isinstance(array, np.ndarray) and not (
        array.dtype.isnative and array.flags.aligned
    ):
        array = array.astype(array.dtype.newbyteorder("="))
    if not is_real(array.dtype):
        raise DTypeError(
            f"{name} has dtype {array.dtype}: use float32 or float64 (float16, "
            "bfloat16 and integers where the operation is exact in them)"
        )
    return array


def _imported(value: Any, name: str) -> Array:
    if getattr(value, "requires_grad", False) and hasattr(value, "detach"):
        value = value.detach()
    if hasattr(value, "__dlpack_device__"):
        try:
            device = int(value.__dlpack_device__()[0])
            if device in _CUDA_DEVICES:
                return _import_cupy(name).from_dlpack(value)
            return np.from_dlpack(value)
        except DTypeError:  # a TypeError too, but ours, and final
            raise
        except (BufferError, TypeError, ValueError, RuntimeError) as error:
            if not hasattr(value, "__array__"):
                raise DTypeError(f"{name} cannot be read: {error}") from error
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DTypeError(
            f"{name} ({type(value).__name__}) cannot be read as an array: {error}"
        ) from error


def _import_cupy(name: str) -> Any:
    try:
        import cupy
    except ImportError as error:
        raise DTypeError(
            f"{name} lies on a GPU, and CuPy is not installed: pip install "
            "'numpy-deconv[cuda12]', or move it to the CPU"
        ) from error
    return cupy


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Whether this is ``ml_dtypes.bfloat16``, which NumPy itself does not know."""
    return dtype.name == "bfloat16"


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether the dtype is one of the four floating-point types of the contract."""
    return dtype in _FLOATS or is_bfloat16(dtype)


def is_real(dtype: np.dtype[Any]) -> bool:
    """Whether the dtype is a float of the contract or an integer."""
    return is_float(dtype) or dtype.kind in "iu"


def require_float(array: Array, name: str, operation: str) -> None:
    """Raise DTypeError unless ``array`` is floating point."""
    if not is_float(array.dtype):
        raise DTypeError(
            f"{operation} is not exact in {array.dtype}: pass {name} as float32 or "
            "float64"
        )


def require_same_dtype(**arrays: Array) -> None:
    """Raise DTypeError for a mixture of dtypes; integers mix, None is left out."""
    given = {name: a.dtype for name, a in arrays.items() if a is not None}
    if len(set(given.values())) < 2:
        return
    if any(is_float(d) for d in given.values()):
        listed = ", ".join(f"{name} is {dtype}" for name, dtype in given.items())
        raise DTypeError(f"{listed}: convert them to one dtype, nothing is promoted")


def require_rank(array: Array, name: str) -> tuple[int, ...]:
    """The spatial sizes of an ``(N, C, *spatial)`` array of spatial rank 1 to 3."""
    return spatial(array.shape, name)


def spatial(shape: tuple[int, ...], name: str) -> tuple[int, ...]:
    """The spatial sizes of an array of this shape, as :func:`require_rank`."""
    if not 3 <= len(shape) <= 5:
        raise ShapeError(
            f"{name} has shape {shape}: expected (N, C, *spatial) with 1 to 3 "
            "spatial axes; add axes with [None]"
        )
    return tuple(shape[2:])


def accumulator(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype sums are formed in: float32 for halves, int64 for integers."""
    if dtype in (np.float32, np.float64):
        return dtype
    return np.dtype(np.float32 if is_float(dtype) else np.int64)


def narrowed(array: Array, dtype: np.dtype[Any]) -> Array:
    """``array`` as ``dtype``; integers that do not fit raise DTypeError."""
    if array.dtype == dtype:
        return array
    if dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        low, high = int(array.min()), int(array.max())
        if low < limits.min or high > limits.max:
            raise DTypeError(
                f"the result reaches from {low} to {high}, which {dtype} cannot hold: "
                "convert the input to a wider integer"
            )
    return array.astype(dtype)


def widened(kernel: Kernel) -> Kernel:
    """Run a kernel in the accumulator dtype and round once, at the end.

    The first array decides the result's dtype. float32 and float64 pass untouched.
    """

    @functools.wraps(kernel)
    def run(*arguments: Any, **options: Any) -> Any:
        dtype = next(a.dtype for a in arguments if hasattr(a, "dtype"))
        wide = accumulator(dtype)
        if wide == dtype:
            return kernel(*arguments, **options)
        result = kernel(*(_wide(a, wide) for a in arguments), **options)
        if isinstance(result, tuple):
            return tuple(None if r is None else narrowed(r, dtype) for r in result)
        return narrowed(result, dtype)

    return run  # type: ignore[return-value]


def _wide(argument: Any, dtype: np.dtype[Any]) -> Any:
    """Values are widened; integer indices beside floating values are not."""
    if not hasattr(argument, "dtype") or is_float(argument.dtype) != is_float(dtype):
        return argument
    return argument.astype(dtype)


def to_numpy(array: Array) -> np.ndarray[Any, Any]:
    """The same values in host memory: pictures and files are made there."""
    if family(array) == "cupy":
        return sys.modules["cupy"].asnumpy(array)
    return np.asarray(array)
