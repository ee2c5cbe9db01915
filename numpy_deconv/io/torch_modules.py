"""The tensors of a whole pickled ``nn.Module``, read off its state; it is never built.

A module's state is three dicts, ``_parameters``, ``_buffers`` and ``_modules``, which
is all that ``state_dict()`` looks at; what its classes do is not known here.
"""

from __future__ import annotations

from typing import Any

from .pickle_globals import Instance, Refused
from .torch_globals import TensorSpec

_MOST_MODULES = 100_000
_LONGEST_KEY = 4000


def tensors_of(value: object) -> dict[str, TensorSpec]:
    """The tensors of a state dict or of a module by key; empty for anything else.

    Raises :class:`Refused` for modules that hold each other without end.
    """
    if isinstance(value, dict):
        return {
            key: spec
            for key, spec in value.items()
            if isinstance(key, str) and isinstance(spec, TensorSpec)
        }
    return _of_module(value) if isinstance(value, Instance) else {}


def _of_module(top: Instance) -> dict[str, TensorSpec]:
    found: dict[str, TensorSpec] = {}
    pending: list[tuple[str, object]] = [("", top)]
    visited = 0
    while pending:
        prefix, module = pending.pop()
        visited += 1
        if visited > _MOST_MODULES or len(prefix) > _LONGEST_KEY:
            raise Refused("is damaged or hostile: its modules hold each other")
        state = module.state if isinstance(module, Instance) else None
        if not isinstance(state, dict):
            continue
        passing = state.get("_non_persistent_buffers_set")
        hidden = passing if isinstance(passing, list) else []
        for kind in ("_parameters", "_buffers"):
            for name, spec in _items(state, kind):
                if isinstance(spec, TensorSpec) and name not in hidden:
                    found[f"{prefix}{name}"] = spec
        # The first child is looked at first, as state_dict does.
        pending += [
            (f"{prefix}{name}.", child)
            for name, child in reversed(_items(state, "_modules"))
        ]
    return found


def _items(state: dict[Any, Any], name: str) -> list[tuple[str, object]]:
    held = state.get(name)
    if not isinstance(held, dict):
        return []
    return [(key, value) for key, value in held.items() if isinstance(key, str)]
