"""numpy_deconv: convolutional layers from scratch, and what one sees through them.

Array functions (``conv``, ``max_pool``, ``vjp`` ...) live here; layers, nets, rules,
models and methods in their modules, imported on first use.
"""

from typing import TYPE_CHECKING, Any

from .backend import Backend
from .functional import *  # noqa: F403
from .functional import __all__ as _functions
from .registry import available_backends, get_backend, use_backend
from .version import __version__

if TYPE_CHECKING:
    from .contract import check_backend as check_backend
    from .models import load_model as load_model
    from .net import Graph as Graph
    from .net import Node as Node
    from .net import Sequential as Sequential
    from .net import Tape as Tape

_LAZY = {
    "Graph": "net",
    "Node": "net",
    "Sequential": "net",
    "Tape": "net",
    "check_backend": "contract",
    "load_model": "models",
}

__all__ = [
    "Backend",
    "__version__",
    "available_backends",
    "get_backend",
    "use_backend",
    *_functions,
    *_LAZY,
]


def __getattr__(name: str) -> Any:
    """Import a sub-module, or a public name that lives in one, on first use."""
    from importlib import import_module

    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    if name in (
        "contract",
        "io",
        "layers",
        "methods",
        "models",
        "net",
        "oracle",
        "report",
        "rules",
    ):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
