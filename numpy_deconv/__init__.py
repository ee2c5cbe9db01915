"""numpy_deconv: convolutional layers from scratch, and what one sees through them.

Array functions (``conv``, ``max_pool``, ``vjp`` ...) live here; layers, nets, rules,
models and methods in their modules. Everything is imported on first use, so that a
program which only mentions the library does not wait for all of it.
"""

from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .backend import Backend as Backend
    from .contract import check_backend as check_backend
    from .functional import *  # noqa: F403
    from .methods import segment as segment
    from .models import load_model as load_model
    from .net import Graph as Graph
    from .net import Node as Node
    from .net import Sequential as Sequential
    from .net import Tape as Tape
    from .registry import available_backends as available_backends
    from .registry import get_backend as get_backend
    from .registry import use_backend as use_backend

_HOMES = {
    "backend": "Backend",
    "contract": "check_backend",
    "functional": """
        adaptive_avg_pool adaptive_max_pool avg_pool batch_norm clip col2im concat conv
        conv_input_grad conv_transpose conv_weight_grad cross_entropy differentiable elu
        flatten gelu global_avg_pool global_max_pool hard_sigmoid hard_swish im2col
        leaky_relu linear local_response_norm log_softmax lp_pool max_pool max_unpool
        mse pad prelu relu sigmoid silu softmax softplus tanh upsample vjp
        """,
    "methods": "segment",
    "models": "load_model",
    "net": "Graph Node Sequential Tape",
    "registry": "available_backends get_backend use_backend",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}
_MODULES = ("io", "layers", "methods", "oracle", "report", "rules", "training", *_HOMES)

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    """Import a public name, or a module, when it is first asked for."""
    from importlib import import_module

    if name in _HOME_OF:
        found = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    elif name in _MODULES:
        found = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
