"""Backward rules: what a visualisation method does at each type of layer.

A method is a mapping from layer type to rule; a type it does not name gets the true
gradient. Going down through ReLU, with ``g`` the signal and ``x`` the layer's input::

    gradient      g * (x > 0)                  Simonyan et al. 2013
    deconvnet     max(g, 0)                    Zeiler & Fergus 2014, section 2.1
    guided        max(g, 0) * (x > 0)          Springenberg et al. 2015
    DeSaLiNet     max(g, 0) * (x > 0)          Mahendran & Vedaldi 2016

The deconvnet and DeSaLiNet also unpool by switches and pass the local response norm
unchanged. A layer that a method has no published rule for is refused, until the caller
says what to do with it::

    DECONVNET.replace({Clip: rectify_signal})
    DECONVNET.otherwise(gradient)  # at every layer that it refuses
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from . import layers
from .arrays import Array
from .errors import RuleError
from .functional.unpooling import check_overlap
from .layers import Layer
from .layers.arithmetic import Div, Maximum, Minimum, Pow
from .layers.function import Function
from .layers.layer import WithoutRule
from .layers.matmul import MatMul
from .layers.statistics import GroupNorm, InstanceNorm, LayerNorm
from .registry import current

Signals = tuple[Array | None, ...]


@dataclass(frozen=True)
class Rule:
    """One way down through one layer: ``apply(layer, saved, gy) -> gxs``.

    ``local`` promises that the rule needs no more of ``saved`` than ``layer.vjp``
    does, and makes zeros of zeros: it may then be given windows of a signal instead of
    whole planes, with a layer and a ``saved`` cut to fit, which is many times faster.
    Without the promise a method runs and projects everything in full. ``passes`` says
    that it looks at nothing but the signal. A rule ``of_inputs`` gets, in place of
    ``saved``, the tuple of what the layer read; it cannot be local. ``rectifying`` is
    ``apply`` with ``max(., 0)`` of what comes out, for where both are quicker together;
    ``early`` says that it is ``apply`` of ``max(., 0)`` of what goes in.
    """

    name: str
    apply: Callable[[Any, Any, Array], Signals] = field(compare=False)
    local: bool = field(default=False, compare=False)
    passes: bool = field(default=False, compare=False)
    of_inputs: bool = field(default=False, compare=False)
    rectifying: Callable[[Any, Any, Array], Signals] | None = field(
        default=None, compare=False
    )
    early: bool = field(default=False, compare=False)

    def __call__(self, layer: Layer, saved: Any, gy: Array) -> Signals:
        return self.apply(layer, saved, gy)

    def rectified(self, layer: Layer, saved: Any, gy: Array) -> Signals:
        """What comes out, and its negative part set to zero."""
        if self.rectifying is not None:
            return self.rectifying(layer, saved, gy)
        gxs = self.apply(layer, saved, gy)
        return tuple(None if gx is None else _rectified(gx) for gx in gxs)

    def masked(
        self,
        layer: Any,
        saved: Any,
        gy: Array,
        wheres: tuple[Array | None, ...],
        *,
        rectified: bool = False,
    ) -> Signals:
        """The gradient through ``layer`` and the ReLUs below it: zero wherever what
        such a ReLU took in or put out, ``wheres`` by slot, is not above zero."""
        given = {"low": 0} if rectified else {}
        return layer.vjp_masked(saved, gy, wheres, **given)

    def __repr__(self) -> str:
        return self.name


def _rectified(gy: Array) -> Array:
    return current(gy).activation(gy, "relu")


def _refuse(layer: Layer, saved: Any, gy: Array) -> Signals:
    raise RuleError(
        f"there is no published rule for {type(layer).__name__} here: say which to "
        f"use with rules.replace({{{type(layer).__name__}: gradient}}), take the "
        "gradient at all such layers with rules.otherwise(), or start below it"
    )


def _gradient(layer: Layer, saved: Any, gy: Array) -> Signals:
    return layer.vjp(saved, gy)


def _gradient_rectified(layer: Layer, saved: Any, gy: Array) -> Signals:
    if isinstance(layer, layers.Conv) and type(layer).vjp is layers.Conv.vjp:
        return layer.vjp_clipped(saved, gy, 0, None)
    gxs = layer.vjp(saved, gy)
    return tuple(None if gx is None else _rectified(gx) for gx in gxs)


def _identity(layer: Layer, saved: Any, gy: Array) -> Signals:
    return (gy,)


def _rectify_signal(layer: Layer, saved: Any, gy: Array) -> Signals:
    return (_rectified(gy),)


def _rectify_both(layer: Layer, saved: Any, gy: Array) -> Signals:
    return layer.vjp(saved, _rectified(gy))


def _scatter(layer: Any, saved: Any, gy: Array, *, overlap: str) -> Signals:
    return (layer.unpool(saved, gy, overlap),)


def _scatter_rectified(layer: Any, saved: Any, gy: Array, *, overlap: str) -> Signals:
    """Of a pick among those that meet, the sign may be looked at before, while there
    are fewer."""
    return (layer.unpool(saved, _rectified(gy), overlap),)


gradient = Rule("gradient", _gradient, local=True, rectifying=_gradient_rectified)
identity = Rule("identity", _identity, local=True, passes=True)
rectify_signal = Rule("rectify_signal", _rectify_signal, local=True, passes=True)
rectify_both = Rule("rectify_both", _rectify_both, local=True)
refuse = Rule("refuse", _refuse, local=True)


def scatter(overlap: str = "sum") -> Rule:
    """Unpool by the switches; ``overlap`` as in ``max_unpool``.

    Only ``"sum"`` is the adjoint of pooling. ``"assign"`` is what a deconvnet made of
    ``MaxUnpool2d`` does: on 3x3/2 pools it loses about a third of the signal's sum.
    """
    check_overlap(overlap)
    unpool = partial(_scatter, overlap=overlap)
    picks = overlap in ("assign", "first", "max")
    early = partial(_scatter_rectified, overlap=overlap) if picks else None
    name = f"scatter({overlap})"
    return Rule(name, unpool, True, rectifying=early, early=picks)


Key = type[Layer] | Layer


class Rules(Mapping[Key, Rule]):
    """An immutable, named mapping from layer type, or one layer, to :class:`Rule`.

    A layer itself is looked up first, then its own type, then its base classes.
    """

    def __init__(self, name: str, rules: Mapping[Any, Rule] | None = None):
        self.name = name
        self._rules: dict[Key, Rule] = dict(rules or {})
        given = self._rules.items()
        self._single = {id(key): r for key, r in given if isinstance(key, Layer)}

    def __getitem__(self, kind: Key) -> Rule:
        return self._rules[kind]

    def __iter__(self) -> Any:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __repr__(self) -> str:
        return f"Rules({self.name!r}, {self.settings()})"

    def for_layer(self, layer: Layer) -> Rule:
        """The rule for this layer: the true gradient unless it or its type is named."""
        if id(layer) in self._single:
            return self._single[id(layer)]
        for kind in type(layer).__mro__:
            if kind in self._rules:
                return self._rules[kind]
        return gradient

    def local_in(self, layers: Iterable[Layer]) -> bool:
        """Whether every rule that these layers get is local."""
        return all(self.for_layer(layer).local for layer in layers)

    def replace(self, changes: Mapping[Any, Rule], name: str | None = None) -> Rules:
        """The same rules with some of them changed or added."""
        return Rules(name or f"{self.name} (changed)", {**self._rules, **changes})

    def otherwise(self, rule: Rule = gradient) -> Rules:
        """The same rules with ``rule`` at every layer that they refuse.

        >>> DECONVNET.otherwise()[layers.SiLU]
        gradient
        """
        told = {kind: rule for kind, each in self._rules.items() if each is refuse}
        return self.replace(told, f"{self.name}, else {rule.name}")

    def settings(self) -> dict[str, str]:
        """What it says of types of layers in words, as a result's settings have it."""
        return {
            kind.__name__: rule.name
            for kind, rule in self._rules.items()
            if isinstance(kind, type)
        }


_UNPUBLISHED: tuple[type[Layer], ...] = (
    layers.ELU,
    layers.Sigmoid,
    layers.Tanh,
    layers.SiLU,
    layers.GELU,
    layers.HardSigmoid,
    layers.HardSwish,
    layers.Softplus,
    layers.Mul,
    layers.LpPool,
    layers.Softmax,
    layers.LogSoftmax,
    Div,
    Function,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    MatMul,
    Maximum,
    Minimum,
    Pow,
    WithoutRule,
)
_LEAKY: tuple[type[Layer], ...] = (layers.LeakyReLU, layers.PReLU, layers.Clip)
_POOLS: tuple[type[Layer], ...] = (
    layers.MaxPool,
    layers.AdaptiveMaxPool,
    layers.GlobalMaxPool,
)

GRADIENT = Rules("gradient")

DECONVNET = Rules(
    "deconvnet",
    {
        layers.ReLU: rectify_signal,
        **dict.fromkeys(_POOLS, scatter("sum")),
        layers.LocalResponseNorm: identity,
        **dict.fromkeys(_LEAKY + _UNPUBLISHED, refuse),
    },
)

GUIDED = Rules(
    "guided_backprop",
    {
        layers.ReLU: rectify_both,
        **dict.fromkeys(_LEAKY, rectify_both),
        **dict.fromkeys(_UNPUBLISHED, refuse),
    },
)

DESALINET = Rules(
    "desalinet",
    {
        layers.ReLU: rectify_both,
        **dict.fromkeys(_POOLS, scatter("sum")),
        layers.LocalResponseNorm: identity,
        **dict.fromkeys(_LEAKY + _UNPUBLISHED, refuse),
    },
)

DECONVNET_RELU6 = DECONVNET.replace({layers.Clip: rectify_signal}, "deconvnet_relu6")
"""The deconvnet on a net of ReLU6 units: not published, the nearest there is."""

RULES = {
    rules.name: rules
    for rules in (GRADIENT, DECONVNET, DECONVNET_RELU6, GUIDED, DESALINET)
}
