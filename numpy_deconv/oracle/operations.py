"""The operations the oracle knows: names, arguments, results, and how each is bounded.

Every public array function is one, under its own name, and so is its gradient, as
``"conv.backward"``, whose first input is the gradient that comes in; and batch
normalisation in training. ``u`` is the unit
roundoff, ``γ_n = n·u / (1 - n·u)`` (Higham 2002, section 3.1), ``A`` the same operation
on absolute values and ``n`` the number of terms of one element.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from .. import functional
from ..errors import OptionError

FORMULAS: Mapping[str, str] = {
    "moves": "0: the very bits",
    "sum": "γ_{n-1} · A",
    "products": "((1 + u_in)² (1 + γ_n) - 1) · A",
    "mean": "γ_{n+rank} · A",
    "smooth": "γ_r · A, with r roundings on the longest path to an element",
}


class Output(NamedTuple):
    """One result: the inputs it is linear in (all of them for sums), and its bound."""

    name: str
    kind: str
    factors: tuple[str, ...] = ()
    addend: str | None = None

    @property
    def formula(self) -> str:
        """The hard bound, before the rounding of the result."""
        return FORMULAS[self.kind]


@dataclass(frozen=True)
class Operation:
    """A function, or its gradient, as the oracle sees it.

    ``inputs`` are its arrays in order (of a variadic one any number), ``optional``
    those that may be absent, ``attributes`` the rest with defaults; an attribute
    without one is ``REQUIRED``.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[Output, ...]
    optional: frozenset[str] = frozenset()
    variadic: bool = False

    @property
    def forward(self) -> str:
        """Name of the function itself, of ``"conv.backward"`` too."""
        return self.name.removesuffix(".backward")

    @property
    def is_backward(self) -> bool:
        """Whether this is a gradient."""
        return self.name.endswith(".backward")

    @property
    def function(self) -> Callable[..., Any]:
        """The array function behind it, which only for training is the oracle's own."""
        if self.forward == "batch_norm_training":
            from .batch_training import batch_norm_training

            return batch_norm_training
        return getattr(functional, self.forward)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes and their defaults."""
        return _attributes(self)

    def adds_up(self, name: str) -> bool:
        """Whether that output is a sum: its errors should have either sign. A power or
        an exponential leans to one side."""
        kinds = {output.name: output.kind for output in self.outputs}
        return kinds.get(name, "moves") in ("sum", "products", "mean")

    def output(self, name: str | None = None) -> Output:
        """The output of that name, or the first."""
        if name is None:
            return self.outputs[0]
        for output in self.outputs:
            if output.name == name:
                return output
        names = tuple(output.name for output in self.outputs)
        raise OptionError(f"{self.name} has no output {name!r}: it has {names}")


REQUIRED = "required"


@cache
def _attributes(of: Operation) -> Mapping[str, Any]:
    from inspect import Parameter, signature  # slow to import

    found = {}
    for name, parameter in signature(of.function).parameters.items():
        if name not in of.inputs and parameter.kind is not Parameter.VAR_POSITIONAL:
            none = parameter.default is Parameter.empty
            found[name] = REQUIRED if none else parameter.default
    return MappingProxyType(found)


OPERATIONS: dict[str, Operation] = {}


def _add(
    name: str, inputs: str, *outputs: Output, optional: str = "", variadic: bool = False
) -> None:
    OPERATIONS[name] = Operation(
        name, tuple(inputs.split()), outputs, frozenset(optional.split()), variadic
    )


def _out(kind: str, name: str, factors: str = "", addend: str | None = None) -> Output:
    return Output(name, kind, tuple(factors.split()), addend)


_SWITCHES = _out("moves", "switches")

# convolutions and linear layers
for _name in ("conv", "conv_transpose", "linear"):
    _add(
        _name,
        "x weight bias",
        _out("products", "y", "x weight", "bias"),
        optional="bias",
    )
    _add(
        f"{_name}.backward",
        "grad x weight bias",
        _out("products", "x", "grad weight"),
        _out("products", "weight", "grad x"),
        _out("sum", "bias", "grad"),
        optional="bias",
    )
_add("conv_input_grad", "grad weight", _out("products", "y", "grad weight"))
_add("conv_weight_grad", "grad x", _out("products", "y", "grad x"))

# columns
_add("im2col", "x", _out("moves", "y", "x"))
_add("im2col.backward", "grad x", _out("sum", "x", "grad"))
_add("col2im", "columns", _out("sum", "y", "columns"))
_add("col2im.backward", "grad columns", _out("moves", "columns", "grad"))

# pools
for _name in ("max_pool", "adaptive_max_pool"):
    _add(_name, "x", _out("moves", "y"), _SWITCHES)
_add("global_max_pool", "x", _out("moves", "y"))
for _name in ("max_pool", "adaptive_max_pool", "global_max_pool"):
    _add(f"{_name}.backward", "grad x", _out("sum", "x", "grad"))
for _name in ("avg_pool", "adaptive_avg_pool", "global_avg_pool"):
    _add(_name, "x", _out("mean", "y", "x"))
    _add(f"{_name}.backward", "grad x", _out("mean", "x", "grad"))
_add("lp_pool", "x", _out("smooth", "y"))
_add("lp_pool.backward", "grad x", _out("smooth", "x"))
_add("max_unpool", "y switches", _out("sum", "y", "y"))
_add("max_unpool.backward", "grad y switches", _out("mean", "y", "grad"))

# what only moves elements
for _name in ("pad", "flatten"):
    _add(_name, "x", _out("moves", "y", "x"))
_add("pad.backward", "grad x", _out("sum", "x", "grad"))
_add("flatten.backward", "grad x", _out("moves", "x", "grad"))
_add("concat", "arrays", _out("moves", "y"), variadic=True)
_add("concat.backward", "grad arrays", _out("moves", "arrays"), variadic=True)
_add("upsample", "x", _out("smooth", "y", "x"))
_add("upsample.backward", "grad x", _out("smooth", "x", "grad"))

# one element at a time
for _name in ("relu", "clip"):
    _add(_name, "x", _out("moves", "y"))
    _add(f"{_name}.backward", "grad x", _out("moves", "x"))
for _name in (
    *("leaky_relu", "elu", "sigmoid", "tanh", "silu", "gelu"),
    *("hard_sigmoid", "hard_swish", "softplus"),
):
    _add(_name, "x", _out("smooth", "y"))
    _add(f"{_name}.backward", "grad x", _out("smooth", "x"))
_add("prelu", "x weight", _out("smooth", "y"))
_add("prelu.backward", "grad x weight", _out("smooth", "x"), _out("smooth", "weight"))

# elements weighed against each other
for _name in ("softmax", "log_softmax", "local_response_norm"):
    _add(_name, "x", _out("smooth", "y"))
    _add(f"{_name}.backward", "grad x", _out("smooth", "x"))
_add(
    "batch_norm", "x mean var weight bias", _out("smooth", "y"), optional="weight bias"
)
_add(
    "batch_norm.backward",
    "grad x mean var weight bias",
    *(_out("smooth", name) for name in ("x", "mean", "var", "weight", "bias")),
    optional="weight bias",
)
_add(
    "batch_norm_training",
    "x mean var weight bias",
    *(_out("smooth", name) for name in ("y", "mean", "var")),
    optional="weight bias",
)
_add(
    "batch_norm_training.backward",
    "grad x mean var weight bias",
    *(_out("smooth", name) for name in ("x", "weight", "bias")),
    optional="weight bias",
)
_add("cross_entropy", "logits labels", _out("smooth", "y"))
_add("cross_entropy.backward", "grad logits labels", _out("smooth", "logits"))
_add("mse", "x target", _out("smooth", "y"))
_add("mse.backward", "grad x target", _out("smooth", "x"), _out("smooth", "target"))


def operation(name: str) -> Operation:
    """The operation of that name; OptionError names the nearest if there is none."""
    if name in OPERATIONS:
        return OPERATIONS[name]
    from difflib import get_close_matches

    near = get_close_matches(str(name), OPERATIONS, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}" if near else f"one of {list(OPERATIONS)}"
    raise OptionError(f"the oracle knows no operation {name!r}: {hint}")
