"""Finding the weights in what a training script saved: wrappers and prefixes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from .pickle_globals import Instance, Refused

# Under which keys training scripts keep the weights, most specific first.
WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "weights",
    "params",
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema",
)
# What nn.DataParallel, torch.compile, Lightning modules and averaged models put
# before every key.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")

COUNTERS = ("n_averaged", "num_updates", "decay")

Weight = TypeVar("Weight")
Entries = Callable[[object], Mapping[str, Weight]]


@dataclass(frozen=True)
class Found(Generic[Weight]):
    """The weights by name, and what else was there, in words."""

    weights: dict[str, Weight]
    left_out: tuple[str, ...]


def find_state_dict(saved: object, entries: Entries[Weight]) -> Found[Weight]:
    """The weights in ``saved``, at its top or under one of :data:`WRAPPERS`.

    ``entries`` gives the weights that a value holds directly, by name, and nothing for
    a value that holds none. A prefix of :data:`PREFIXES` that all share is taken off.
    Raises :class:`Refused` if there are none, saying what there is.
    """

    def word(value: object) -> str:
        if isinstance(value, Instance):
            return value.kind.name
        return "tensor" if entries({"": value}) else type(value).__name__

    beside = saved if isinstance(saved, dict) else {}
    # The wrappers first: a checkpoint may have a tensor (a best score) beside them.
    for wrapper in WRAPPERS:
        weights, taken = entries(beside.get(wrapper)), {wrapper}
        if weights:
            break
    else:
        weights = entries(saved)
        taken = set(weights)
    if weights:
        named, counters = _without_prefix(dict(weights))
        others = [
            f"{ascii(key)[:60].strip(chr(39))} ({word(value)})"
            for key, value in beside.items()
            if not (isinstance(key, str) and key in taken)
        ]
        return Found(named, (*counters, *others))
    if isinstance(saved, Instance):
        raise saved.kind.refuse_object()
    if not isinstance(saved, dict):
        what = word(saved)
        what = "a single tensor" if what == "tensor" else f"one {what}"
        raise Refused(
            f"holds {what}; save a dict from names to tensors, such as "
            "model.state_dict()"
        )
    keys = ", ".join(ascii(key)[:40] for key in list(saved)[:8])
    raise Refused(
        f"holds no tensor at its top level or under a usual key; it has: "
        f"{keys or 'nothing'}"
    )


def _without_prefix(weights: dict[str, Weight]) -> tuple[dict[str, Weight], list[str]]:
    """The weights without the prefixes that all share, and the counters beside them."""
    # An averaged model counts its updates beside the module.
    inner = {key: value for key, value in weights.items() if key not in COUNTERS}
    named = weights
    for prefix in PREFIXES:
        if inner and all(key.startswith(prefix) for key in inner):
            inner = {key.removeprefix(prefix): value for key, value in inner.items()}
            named = inner
    return named, [key for key in COUNTERS if key in weights and key not in named]
