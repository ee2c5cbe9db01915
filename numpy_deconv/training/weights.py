"""A net with weights of its own, to be changed in place."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np

from ..arrays import Array, family, to_numpy
from ..errors import DTypeError, NetError
from ..layers import Layer
from ..net import Graph, Node
from ..registry import placed


def with_own_weights(net: Graph, x: Array | None = None) -> Graph:
    """The same net over copies of its parameters, writable and C-contiguous.

    They lie where ``x`` does, or where the selected backend computes. What was one
    array or one layer at several places is one again.

    Raises DTypeError for parameters that are neither float32 nor float64.
    """
    arrays: dict[int, Array] = {}
    layers: dict[int, Layer] = {}
    for name, node in net.nodes.items():
        old = node.layer
        if id(old) in layers:
            continue
        layers[id(old)] = new = copy.copy(old)
        for field, value in old.params.items():
            if value.dtype not in (np.float32, np.float64):
                raise DTypeError(
                    f"{name}.{field} is {value.dtype}: training is done in float32 or "
                    "float64, convert the weights"
                )
            if id(value) not in arrays:
                arrays[id(value)] = copied(value, x)
            # layers are frozen for everybody but the one who makes them
            object.__setattr__(new, field, arrays[id(value)])
    return Graph(
        {n: Node(layers[id(node.layer)], node.inputs) for n, node in net.nodes.items()}
    )


def copied(value: Array, x: Array | None) -> Array:
    """A copy to write to, where ``x`` lies or the selected backend computes."""
    if x is None:
        own = value.copy(order="C")
        return placed(own) if isinstance(own, np.ndarray) else own
    if family(x) == "numpy":
        return np.array(to_numpy(value), order="C")
    return np.asarray(value, like=x).copy(order="C")


def shared(params: Mapping[str, Array]) -> dict[str, list[str]]:
    """The names of each array, under the first of them."""
    first: dict[int, str] = {}
    names: dict[str, list[str]] = {}
    for name, value in params.items():
        names.setdefault(first.setdefault(id(value), name), []).append(name)
    return names


def put(params: Mapping[str, Array], values: Mapping[str, Array]) -> None:
    """Write values into the parameters of those names.

    Raises NetError if one is missing or has another shape or dtype.
    """
    for name, old in params.items():
        new = values.get(name)
        if new is None or new.shape != old.shape or new.dtype != old.dtype:
            found = "is missing" if new is None else f"is {new.shape} of {new.dtype}"
            raise NetError(f"{name} is {old.shape} of {old.dtype}, but here it {found}")
    for name, old in params.items():
        old[...] = np.asarray(values[name], like=old)


def limit_filters(weight: Array, rms: float) -> None:
    """Scale each filter ``weight[k]`` down to this root mean square, if it is above.

    Zeiler & Fergus 2014, section 3, where it keeps a few filters of the first layer
    from dominating.
    """
    flat = weight.reshape(len(weight), -1)
    sizes = np.sqrt(np.square(to_numpy(flat), dtype=np.float64).mean(axis=1))
    for number in np.flatnonzero(sizes > rms).tolist():
        flat[number] *= float(rms / sizes[number])
