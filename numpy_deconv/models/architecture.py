"""An architecture as data: a table of rows that arrays of fitting shapes make a net."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import FileFormatError, OptionError
from ..net import Graph, Node
from .fit import Fit, fit
from .preprocess import Preprocess
from .row import Row, Shape

ARGUMENTS = {"running_mean": "mean", "running_var": "var"}
"""State-dict names of parameters whose layer argument is called otherwise."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network without its numbers.

    ``rows`` are in order of computation, the last one is the output (logits, before
    any softmax). ``preprocess`` is what the published weights expect of a picture,
    ``source`` the publication. The last row with parameters is the classifier: its
    number of outputs may differ from the default, as it does after fine-tuning.

    Example::

        weights = ALEXNET.random_weights(seed=0, classes=5)
        net = ALEXNET.build(weights)
    """

    name: str
    rows: tuple[Row, ...]
    preprocess: Preprocess
    source: str

    @property
    def classifier(self) -> Row:
        """The last row that has parameters."""
        return next(row for row in reversed(self.rows) if row.shapes)

    @property
    def classes(self) -> int:
        """The number of classes of the published network."""
        return self.classifier.shapes["weight"][0]

    def parameters(self, classes: int | None = None) -> dict[str, Shape]:
        """Every parameter's shape by its state-dict key, in order of computation."""
        classifier = self.classifier
        shapes: dict[str, Shape] = {}
        for row in self.rows:
            for parameter, shape in row.shapes.items():
                if row is classifier and classes is not None:
                    shape = (classes, *shape[1:])
                shapes[f"{row.key}.{parameter}"] = shape
        return shapes

    def fit(self, weights: Mapping[str, Any]) -> Fit:
        """How well arrays fit; the number of classes is the arrays' own."""
        weight = weights.get(f"{self.classifier.key}.weight")
        classes = weight.shape[0] if weight is not None and weight.ndim else None
        return fit(self.parameters(classes), weights)

    def check(self, weights: Mapping[str, Any]) -> None:
        """Pass if every parameter is there in its shape and nothing else is.

        ``num_batches_tracked`` entries are ignored.

        Raises:
            FileFormatError: listing all missing, extra and misshapen arrays at once.
        """
        result = self.fit(weights)
        if not result.complete:
            raise FileFormatError(
                f"these weights are not {self.name}'s "
                f"({result.fitting} of its {result.wanted} parameters fit):\n{result}"
            )

    def build(self, weights: Mapping[str, Any]) -> Graph:
        """The net with these arrays as its parameters, which are not copied.

        Raises:
            FileFormatError: if the arrays do not fit, see :meth:`check`.
        """
        self.check(weights)
        nodes: dict[str, Node] = {}
        above = "input"
        for row in self.rows:
            arrays = {
                ARGUMENTS.get(parameter, parameter): weights[f"{row.key}.{parameter}"]
                for parameter in row.shapes
            }
            layer = row.layer(**arrays, **row.options)
            nodes[row.name] = Node(layer, row.inputs or (above,))
            above = row.name
        return Graph(nodes)

    def weights_of(self, net: Graph) -> dict[str, Any]:
        """The arrays of a net that was built of this, as :meth:`build` takes them.

        Raises:
            NetError: if the net lacks one of the layers.
        """
        return {
            f"{row.key}.{parameter}": getattr(
                net[row.name], ARGUMENTS.get(parameter, parameter)
            )
            for row in self.rows
            for parameter in row.shapes
        }

    def random_weights(
        self, seed: int = 0, classes: int | None = None
    ) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """Float32 weights from N(0, 2 / fan-in); biases 0, batch norm the identity.

        Fan-in is the number of inputs that one output sums (He et al. 2015, eq. 10).
        Each array has its own random stream, so that another ``classes`` changes
        nothing but the classifier.

        Raises:
            OptionError: if the seed is negative or there are no classes.
        """
        if seed < 0:
            raise OptionError(f"seed is {seed}, but must be 0 or more")
        if classes is not None and classes < 1:
            raise OptionError(f"classes is {classes}, but must be 1 or more")
        weights = {}
        for index, (key, shape) in enumerate(self.parameters(classes).items()):
            if len(shape) > 1:
                stream = np.random.default_rng((seed, index))
                array = stream.standard_normal(shape, dtype=np.float32)
                array *= math.sqrt(2 / math.prod(shape[1:]))
            else:
                value = key.endswith((".running_var", ".weight"))
                array = np.full(shape, value, dtype=np.float32)
            weights[key] = array
        return weights
