"""Which relevance rule each layer of a net gets: published combinations, as data.

Named and composed as in zennit (Anders et al. 2021), after Montavon et al. 2019,
Lapuschkin et al. 2017 and Kohlbrenner et al. 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from . import layers
from .arrays import Array
from .errors import OptionError
from .layers import Layer
from .layers.arithmetic import Offset, Sub
from .layers.extend import Extend
from .layers.folding import Col2Im
from .layers.function import Function
from .layers.matmul import MatMul
from .layers.reduction import Reduce
from .layers.reshaping import Cast, Expand, Gather, Reshape, Slice, Transpose
from .layers.resize import Resize
from .layers.space_depth import DepthToSpace, SpaceToDepth
from .net import Graph
from .rules import Rule, Rules, Signals, gradient, identity, refuse
from .rules_relevance import alpha_beta, epsilon, flat, gamma, z_box, z_plus

WEIGHTED = (layers.Conv, layers.ConvTranspose, layers.Linear)


def _matmul(layer: MatMul, xs: tuple[Array, ...], gy: Array) -> Signals:
    """A product with a constant shares out; one of two signals has no rule."""
    if len(xs) == 1:
        return epsilon()(layer, xs, gy)
    return refuse(layer, xs, gy)


def _reduce(layer: Reduce, xs: tuple[Array, ...], gy: Array) -> Signals:
    """Sums and means share out, an extreme hands to its winners."""
    if layer.kind in ("sum", "mean"):
        return epsilon()(layer, xs, gy)
    if layer.kind in ("max", "min"):
        return layer.vjp(layer.forward(*xs)[1], gy)
    return refuse(layer, xs, gy)


_BASE: dict[Any, Rule] = {
    layers.Activation: identity,
    Function: identity,
    Offset: identity,  # and Scale: constants, as of a batch norm
    MatMul: Rule("matmul", _matmul, of_inputs=True),
    Reduce: Rule("reduce", _reduce, of_inputs=True),
    layers.PReLU: identity,
    layers.BatchNorm: identity,  # where it could not be merged into a convolution
    layers.LocalResponseNorm: identity,
    layers.Dropout: identity,
    layers.Identity: identity,
    **dict.fromkeys(
        (
            layers.Add,
            layers.AvgPool,
            layers.AdaptiveAvgPool,
            layers.GlobalAvgPool,
            layers.Upsample,
            Resize,
            Sub,
            Col2Im,
        ),
        epsilon(),
    ),
    **dict.fromkeys(
        (
            layers.MaxPool,
            layers.AdaptiveMaxPool,
            layers.GlobalMaxPool,
            layers.MaxUnpool,
            layers.Concat,
            layers.Flatten,
            layers.Pad,
            Cast,
            DepthToSpace,
            Expand,
            Extend,
            Gather,
            Reshape,
            Slice,
            SpaceToDepth,
            Transpose,
        ),
        gradient,
    ),
    Layer: refuse,
}


@dataclass(frozen=True)
class Composite:
    """A rule for convolutions, one for linear layers, and one for those that read the
    input first: a rule, ``"z_box"`` (which needs bounds), or None for no other."""

    name: str
    conv: Rule
    linear: Rule
    first: Rule | Literal["z_box"] | None = None

    def rules(self, net: Graph, low: Any = None, high: Any = None) -> Rules:
        """The rules for this very net; ``low`` and ``high`` bound its inputs.

        What is elementwise passes relevance, sums and averages share it out; what no
        rule was published for is refused. Raises OptionError if a z-box lacks bounds.
        """
        chosen: dict[Any, Rule] = {
            layers.Conv: self.conv,
            layers.ConvTranspose: self.conv,
            layers.Linear: self.linear,
        }
        if self.first == "z_box":
            if low is None or high is None:
                raise OptionError(
                    f"{self.name} needs the lowest and the highest input there is: "
                    "give low= and high="
                )
            first: Rule | None = z_box(low, high)
        else:
            first = self.first
        if first is not None:
            chosen |= {net[name]: first for name in first_weighted(net)}
        return Rules(self.name, {**_BASE, **chosen})


def first_weighted(net: Graph) -> list[str]:
    """The layers with weights that the input reaches without passing another one."""
    reached, found = {"input"}, []
    for name, node in net.nodes.items():
        if reached.isdisjoint(source.partition(":")[0] for source in node.inputs):
            continue
        if isinstance(node.layer, WEIGHTED):
            found.append(name)
        else:
            reached.add(name)
    return found


COMPOSITES = {
    made.name: made
    for made in (
        Composite("lrp_0", epsilon(0), epsilon(0)),
        Composite("epsilon", epsilon(), epsilon()),
        Composite("gamma", gamma(), gamma()),
        Composite("alpha2_beta1", alpha_beta(2, 1), alpha_beta(2, 1)),
        Composite("epsilon_plus", z_plus(), epsilon()),
        Composite("epsilon_plus_flat", z_plus(), epsilon(), flat()),
        Composite("epsilon_alpha2_beta1", alpha_beta(2, 1), epsilon()),
        Composite("epsilon_alpha2_beta1_flat", alpha_beta(2, 1), epsilon(), flat()),
        Composite("epsilon_gamma_box", gamma(), epsilon(), "z_box"),
    )
}
