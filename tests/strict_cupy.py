"""CuPy's manners without a GPU: arrays that NumPy may not look into.

As CuPy's, these arrays refuse to become NumPy's, refuse to meet them in one operation,
and stay what they are when reduced to one number. NumPy's functions reach them by its
protocols, as they reach CuPy's, if CuPy has them, with the parameters that it has
(cupy_signatures). What CuPy would do in any order, adding by atomics or writing two
values to one place, is refused. Computing is the stand-in's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cupy_signatures import require, require_function, require_ufunc

from numpy_deconv import registry
from numpy_deconv.backends.cupy_gpu import CupyBackend
from numpy_deconv.backends.cupy_gpu.device import Grid
from numpy_deconv.backends.cupy_gpu.kernel import Kernel
from numpy_deconv.backends.cupy_gpu.residence import Residents
from numpy_deconv.backends.cupy_gpu.stand_in import StandIn


class ndarray:
    """An array that lies "on the device": behind ``_host``, which is not to be read."""

    __slots__ = ("__weakref__", "_host")

    def __init__(self, host: Any):
        self._host = np.asarray(host)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        require_function(function, args, kwargs)
        if function in (np.asarray, np.array):  # like= sends it to the device
            return sys.modules["cupy"].asarray(*args, **kwargs)
        return _wrapped(function(*_opened(args), **_opened(kwargs)))

    def __array_ufunc__(
        self, ufunc: Any, method: str, *args: Any, **kwargs: Any
    ) -> Any:
        require_ufunc(ufunc.__name__, method, kwargs)
        result = ufunc(*_opened(args), **_opened(kwargs))
        out = kwargs.get("out")
        return out[0] if out else _wrapped(result)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        require(f"ndarray.{name}", 0, ())
        if name == "flags":
            return _Flags(self._host.flags)
        found = getattr(self._host, name)
        if not callable(found):
            return _wrapped(found)

        def method(*args: Any, **kwargs: Any) -> Any:
            require(f"ndarray.{name}", len(args), kwargs)
            return _wrapped(found(*_opened(args), **_opened(kwargs)))

        return method

    def item(self) -> Any:
        return self._host.item()

    def tolist(self) -> Any:
        return self._host.tolist()

    def get(self) -> np.ndarray[Any, Any]:
        return self._host.copy()

    def __getitem__(self, key: Any) -> Any:
        return _wrapped(self._host[_opened(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        keys = key if isinstance(key, tuple) else (key,)
        if any(isinstance(k, ndarray | list) for k in keys):
            places = np.arange(self._host.size).reshape(self._host.shape)
            written = places[_opened(key)]
            if len(np.unique(written)) != written.size:
                raise TypeError("two values for one place: CuPy leaves open which wins")
        self._host[_opened(key)] = _opened(value)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        return (ndarray(each) for each in self._host)

    def __bool__(self) -> bool:
        return bool(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __repr__(self) -> str:
        return f"device({self._host!r})"


ndarray.__module__ = "cupy"


class _Flags:
    """What CuPy tells of an array; not whether it is writeable."""

    def __init__(self, flags: Any):
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata = flags.owndata


_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "pow", "matmul", "and", "or")
_OPERATORS = (
    *_BINARY,
    *(f"r{name}" for name in _BINARY),
    *(f"i{name}" for name in _BINARY),
    *("mod", "xor", "lt", "le", "gt", "ge", "eq", "ne", "neg", "pos", "abs", "invert"),
)


def _operator(name: str) -> Callable[..., Any]:
    def apply(self: ndarray, *others: Any) -> Any:
        if any(isinstance(o, np.ndarray) for o in others):
            return NotImplemented
        result = getattr(self._host, f"__{name}__")(*_opened(others))
        if name[1:] in _BINARY and name[0] == "i":
            return self
        return result if result is NotImplemented else _wrapped(result)

    return apply


for _name in _OPERATORS:
    setattr(ndarray, f"__{_name}__", _operator(_name))
ndarray.__hash__ = None  # type: ignore[assignment]


def _opened(value: Any) -> Any:
    """What lies behind device arrays; an array of the host is refused."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, tuple | list):
        return type(value)(_opened(each) for each in value)
    if isinstance(value, dict):
        return {key: _opened(each) for key, each in value.items()}
    return value


def _wrapped(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(value)
    if isinstance(value, tuple | list) and any(
        isinstance(v, np.ndarray) for v in value
    ):
        return type(value)(_wrapped(each) for each in value)
    return value


class _Runtime:
    """A card of 1 GiB."""

    @staticmethod
    def memGetInfo() -> tuple[int, int]:
        return 1 << 30, 1 << 30


class _Device:
    """Its only one, made the current one for a while."""

    def __init__(self, number: int = 0):
        self.id = number

    def __enter__(self) -> _Device:
        return self

    def __exit__(self, *_: Any) -> None:
        """It stays the current one."""


class OutOfMemoryError(MemoryError):
    """As CuPy's, which is a MemoryError too."""


class _Pool:
    """Nothing is kept."""

    @staticmethod
    def free_all_blocks() -> None:
        """Nothing to give back."""

    @staticmethod
    def free_bytes() -> int:
        return 0


class LookAlike(ModuleType):
    """What of CuPy's module is used here."""

    ndarray = ndarray
    OutOfMemoryError = OutOfMemoryError
    cuda = SimpleNamespace(runtime=_Runtime, Device=_Device)

    def get_default_memory_pool(self) -> type[_Pool]:
        return _Pool

    def asarray(self, values: Any, dtype: Any = None) -> ndarray:
        if not isinstance(values, ndarray):
            return ndarray(np.array(values, dtype))
        same = dtype is None or values.dtype == dtype
        return values if same else values.astype(dtype)

    array = asarray

    def ascontiguousarray(self, values: ndarray) -> ndarray:
        return ndarray(np.ascontiguousarray(_opened(values)))

    def asnumpy(self, values: ndarray) -> np.ndarray[Any, Any]:
        return values.get()

    def empty(self, shape: Any, dtype: Any) -> ndarray:
        return ndarray(np.empty(shape, dtype))


class LookAlikeDevice(StandIn):
    """The stand-in, on arrays that pass for CuPy's."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.xp = sys.modules["cupy"]
        self._residents = Residents()

    def launch(
        self,
        kernel: Kernel,
        grid: Grid,
        block: Grid,
        arguments: Sequence[Any],
        shared: int = 0,
    ) -> None:
        for a in arguments:  # what is not on the device must be a number or a struct
            if isinstance(a, np.ndarray) and a.dtype.names is None:
                raise TypeError("a kernel was given an array of the host")
        opened = [a._host if isinstance(a, ndarray) else a for a in arguments]
        super().launch(kernel, grid, block, opened, shared)

    def constant(self, values: Any) -> Any:
        return self.xp.asarray(values)

    def resident(self, array: Any) -> Any:
        if isinstance(array, ndarray):
            return array
        return self._residents.copy_of(array, 0, self.xp.asarray)

    def form_of(self, array: Any, key: Any, make: Callable[[], Any]) -> Any:
        return self._residents.form_of(array, key, make, make)

    def product(self, a: Any, b: Any, *, turned: bool = False) -> Any:
        return ndarray(super().product(_opened(a), _opened(b), turned=turned))


def installed(monkeypatch: pytest.MonkeyPatch) -> LookAlike:
    """The look-alike as ``cupy``, and the backend that computes on its arrays."""
    module = LookAlike("cupy")
    monkeypatch.setitem(sys.modules, "cupy", module)
    backend = CupyBackend(device=LookAlikeDevice())
    monkeypatch.setitem(registry._made, "cupy", backend)
    return module
