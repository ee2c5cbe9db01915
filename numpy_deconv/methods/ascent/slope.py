"""Value and gradient of an objective with respect to a net's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import NetError
from ...layers import Layer
from ...net import Graph, Node
from ...rules import GRADIENT, Rules
from ..subject import kept_for
from .objectives import Objective


@dataclass(frozen=True, eq=False)
class Goal(Layer):
    """An objective as the net's last layer, reading every layer it looks at.

    One way down from here gives the whole gradient, whatever the graph.
    """

    arity = None
    objective: Objective

    def forward(self, *xs: Array) -> tuple[Array, tuple[Array, ...]]:
        read = dict(zip(self.objective.layers, xs, strict=True))
        value, signals = self.objective.measure(read)
        return value.reshape(-1, 1), tuple(signals[name] for name in read)

    def vjp(self, saved: Any, gy: Array) -> tuple[Array | None, ...]:
        return tuple(
            gy.reshape(-1, *(1,) * (signal.ndim - 1)) * signal for signal in saved
        )

    def describe(self) -> str:
        return f"the objective {self.objective!r}"


class Slope:
    """An objective on a net, as a function from inputs to values and gradients."""

    def __init__(self, net: Graph, objective: Objective):
        objective = objective.on(net)
        self.name = "objective"
        while self.name in net:
            self.name += "'"
        goal = Node(Goal(objective), objective.layers)
        self.net = Graph({**net.nodes, self.name: goal})

    def __call__(self, x: Array, rules: Rules = GRADIENT) -> tuple[Array, Array]:
        """Value ``(N,)`` at ``x (N, C, *size)``, and its gradient by these rules.

        Raises NetError for a value that is not finite.
        """
        tape = self.net.run(x, until=self.name, keep=kept_for(rules, self.net))
        value = tape.output
        if not bool(np.isfinite(value).all()):
            raise NetError(
                "the objective is not finite: look for NaN or infinite values in the "
                "input or the weights, or climb in smaller steps"
            )
        gradient = tape.project(np.ones_like(value), start=self.name, rules=rules)
        return value[:, 0], gradient
