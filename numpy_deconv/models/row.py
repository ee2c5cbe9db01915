"""One row of an architecture's table, and the constructors that tables are written in.

A table reads like the figure in a paper: ``conv("conv1", "features.0", 3, 64, 11,
stride=4, padding=2)``. It holds no arrays: shapes and state-dict keys only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..layers import (
    BatchNorm,
    Clip,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Linear,
    MaxPool,
    ReLU,
)

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A node of an architecture: its layer type, and where its parameters come from.

    ``inputs`` names the nodes it reads; empty means the row above. ``key`` is the
    prefix of its parameters in a state dict, ``shapes`` their names and shapes,
    ``options`` the layer's other arguments.
    """

    name: str
    layer: type[Layer]
    inputs: tuple[str, ...] = ()
    key: str = ""
    shapes: Mapping[str, Shape] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


def conv(
    name: str,
    key: str,
    channels: int,
    out: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int | Literal["same"] = 0,
    groups: int = 1,
    bias: bool = True,
    inputs: tuple[str, ...] = (),
) -> Row:
    """A square 2-D convolution from ``channels`` to ``out`` channels."""
    shapes: dict[str, Shape] = {"weight": (out, channels // groups, kernel, kernel)}
    if bias:
        shapes["bias"] = (out,)
    options = {"stride": stride, "padding": padding, "groups": groups}
    return Row(name, Conv, inputs, key, shapes, options)


def linear(name: str, key: str, features: int, out: int) -> Row:
    """A fully connected layer from ``features`` to ``out`` numbers."""
    return Row(name, Linear, (), key, {"weight": (out, features), "bias": (out,)})


def batch_norm(name: str, key: str, channels: int, *, eps: float = 1e-5) -> Row:
    """Batch normalisation with its running statistics."""
    names = ("weight", "bias", "running_mean", "running_var")
    return Row(
        name, BatchNorm, (), key, dict.fromkeys(names, (channels,)), {"eps": eps}
    )


def relu(name: str) -> Row:
    """A rectifier."""
    return Row(name, ReLU)


def relu6(name: str) -> Row:
    """A rectifier that saturates at 6."""
    return Row(name, Clip, options={"low": 0.0, "high": 6.0})


def max_pool(name: str, kernel: int, stride: int, *, ceil_mode: bool = False) -> Row:
    """Max pooling; ``ceil_mode`` keeps a last window that overhangs the plane."""
    options = {"kernel_size": kernel, "stride": stride, "ceil_mode": ceil_mode}
    return Row(name, MaxPool, options=options)


def dropout(name: str, rate: float = 0.5) -> Row:
    """Dropout: the identity here, kept so that node names match the paper's."""
    return Row(name, Dropout, options={"rate": rate})


def flatten(name: str = "flatten") -> Row:
    """``(N, C, H, W)`` to ``(N, C*H*W)``."""
    return Row(name, Flatten)
