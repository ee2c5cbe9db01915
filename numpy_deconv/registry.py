"""Which backends exist, which one is chosen, and what is missing for the others.

The array's type picks the family (NumPy or CuPy); ``use_backend`` picks the
implementation within it, else ``NUMPY_DECONV_BACKEND``, else the reference. What
happens to be installed never does: an oracle's answer must not change after a
``pip install``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from .arrays import Array, family
from .backend import Backend, NumpyBackend
from .errors import BackendError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "numpy_deconv.backends"
VARIABLE = "NUMPY_DECONV_BACKEND"
INSTALL = {
    "numba": "pip install 'numpy-deconv[numba]'",
    "cupy": "pip install 'numpy-deconv[cuda12]'",
}

_selected: ContextVar[Backend | None] = ContextVar("numpy_deconv_backend", default=None)
_made: dict[str, Backend] = {"numpy": NumpyBackend()}


class BackendState(NamedTuple):
    """One registered backend: usable (``ready``), or what is missing and the remedy."""

    name: str
    ready: bool
    detail: str


def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # slow to import, and rarely needed

    return {point.name: point for point in entry_points(group=GROUP)}


def _load(point: EntryPoint) -> type[Backend]:
    """The class behind an entry point, able to run; else BackendError."""
    remedy = INSTALL.get(point.name)
    hint = f": {remedy}" if remedy else ""
    try:
        backend = point.load()
    except Exception as error:  # other people's code: nothing it does may end ours
        raise BackendError(
            f"backend {point.name!r} is registered, but {error}{hint}"
        ) from error
    if not (isinstance(backend, type) and issubclass(backend, Backend)):
        raise BackendError(
            f"backend {point.name!r} is registered as {point.value}, which is not a "
            "subclass of numpy_deconv.Backend"
        )
    missing = backend.missing()
    if missing is not None:
        raise BackendError(f"backend {point.name!r} cannot run here: {missing}")
    return backend


def available_backends() -> dict[str, BackendState]:
    """Every registered backend with its state, the reference first."""
    states = {"numpy": BackendState("numpy", True, "ready")}
    for name, point in sorted(_entry_points().items()):
        try:
            _load(point)
        except BackendError as error:
            states[name] = BackendState(name, False, str(error))
        else:
            states[name] = BackendState(name, True, "ready")
    return states


def get_backend(name: str, **options: Any) -> Backend:
    """The backend of that name; one without options is made once and kept.

    Raises BackendError for a name nobody registered, and, told apart, for a backend
    whose dependency or device is missing.
    """
    if not options and name in _made:
        return _made[name]
    if name == "numpy":
        kind: type[Backend] = NumpyBackend
    else:
        points = _entry_points()
        if name not in points:
            known = ", ".join(repr(n) for n in ("numpy", *sorted(points)))
            raise BackendError(f"there is no backend {name!r}: registered are {known}")
        kind = _load(points[name])
    try:
        backend = kind(**options)
    except TypeError as error:
        raise BackendError(
            f"backend {name!r} does not take {options}: {error}"
        ) from error
    if not options:
        _made[name] = backend
    return backend


@contextmanager
def use_backend(name: str | Backend, **options: Any) -> Iterator[Backend]:
    """Compute with this backend inside the ``with`` block (or decorated function).

    The choice is a context variable: threads started inside the block do not see it.

    >>> with use_backend("numpy") as backend:
    ...     backend.name
    'numpy'
    """
    if isinstance(name, Backend) and options:
        raise BackendError(
            f"options {options} are for making a backend, and {name.name!r} is made: "
            "give its name, or no options"
        )
    backend = name if isinstance(name, Backend) else get_backend(name, **options)
    token = _selected.set(backend)
    try:
        yield backend
    finally:
        _selected.reset(token)


def selected_backend() -> Backend:
    """The backend chosen by ``use_backend``, the environment, or the default."""
    return _selected.get() or get_backend(os.environ.get(VARIABLE) or "numpy")


def current(array: Array) -> Backend:
    """The backend that computes on this array."""
    backend = selected_backend()
    sort = family(array)
    if backend.family == sort:
        return backend
    if sort == "cupy":
        return get_backend("cupy")
    raise BackendError(
        f"backend {backend.name!r} is selected, but the array is a NumPy array: move "
        "it to the device first (cupy.asarray), or select another backend"
    )


def beside(value: Array, x: Array) -> Array:
    """A constant, such as a layer's parameter, where ``x`` lies.

    One that nobody can write to, as a loaded model's, is sent to a GPU only once.
    """
    return value if family(value) == family(x) else current(x).resident(value)


def placed(array: Array) -> Array:
    """An array of the host where the selected backend computes."""
    return selected_backend().resident(array)
