"""Writing layers that work element by element, and normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...layers import (
    ELU,
    GELU,
    Add,
    BatchNorm,
    Clip,
    Dropout,
    HardSigmoid,
    HardSwish,
    Identity,
    Layer,
    LeakyReLU,
    LocalResponseNorm,
    LogSoftmax,
    Mul,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from ...layers.arithmetic import Div, Maximum, Minimum, Offset, Pow, Scale, Sub, Where
from ...layers.function import Function
from ...layers.matmul import MatMul
from ...layers.statistics import GroupNorm, InstanceNorm, LayerNorm
from .writing import Place, cannot, writes

_PLAIN: dict[type[Layer], str] = {
    ReLU: "Relu",
    Sigmoid: "Sigmoid",
    Tanh: "Tanh",
    HardSwish: "HardSwish",
    Identity: "Identity",
    Dropout: "Dropout",
    Mul: "Mul",
}
_OPERATIONS: dict[type[Layer], str] = {
    Sub: "Sub",
    Div: "Div",
    Pow: "Pow",
    Maximum: "Max",
    Minimum: "Min",
    Where: "Where",
    MatMul: "MatMul",
}
_FUNCTIONS = {
    "line_clipped": "HardSigmoid",
    "thresholded": "ThresholdedRelu",
}
"""Functions whose operator is not called as they are, with a capital letter."""


@writes(*_PLAIN)
def _plain(place: Place) -> None:
    place.node(_PLAIN[type(place.layer)], place.inputs)


@writes(Add)
def _add(place: Place) -> None:
    place.node("Add" if len(place.inputs) == 2 else "Sum", place.inputs)


@writes(Offset, Scale)
def _with_value(place: Place) -> None:
    kind = "Mul" if isinstance(place.layer, Scale) else "Add"
    place.node(kind, [*place.inputs, place.parameter("value")])


@writes(*_OPERATIONS)
def _operation(place: Place) -> None:
    layer: Any = place.layer
    inputs, operands = iter(place.inputs), []
    for index, value in enumerate(layer.constants or (None,) * layer.operands):
        operand = (
            next(inputs) if value is None else place.parameter(f"operand{index}", value)
        )
        operands.append(operand)
    place.node(_OPERATIONS[type(layer)], operands)


@writes(LeakyReLU)
def _leaky_relu(place: Place) -> None:
    layer: Any = place.layer
    place.node("LeakyRelu", place.inputs, alpha=float(layer.slope))


@writes(ELU)
def _elu(place: Place) -> None:
    layer: Any = place.layer
    place.node("Elu", place.inputs, alpha=float(layer.alpha))


@writes(SiLU)
def _silu(place: Place) -> None:
    share = place.node("Sigmoid", place.inputs, "sigmoid")
    place.node("Mul", [place.inputs[0], share])


@writes(GELU)
def _gelu(place: Place) -> None:
    layer: Any = place.layer
    place.node("Gelu", place.inputs, approximate=layer.approximate)


@writes(HardSigmoid)
def _hard_sigmoid(place: Place) -> None:
    place.node("HardSigmoid", place.inputs, alpha=1 / 6, beta=0.5)


@writes(Clip)
def _clip(place: Place) -> None:
    layer: Any = place.layer
    bounds = [
        "" if bound is None else place.scalar(name, bound)
        for name, bound in (("low", layer.low), ("high", layer.high))
    ]
    place.node("Clip", [*place.inputs, *bounds])


@writes(Softplus)
def _softplus(place: Place) -> None:
    """Above the threshold it is a straight line either way, to the last bit but few."""
    layer: Any = place.layer
    if layer.beta == 1:
        place.node("Softplus", place.inputs)
        return
    beta = place.scalar("beta", layer.beta)
    scaled = place.node("Mul", [*place.inputs, beta], "scaled")
    bent = place.node("Softplus", [scaled], "softplus")
    place.node("Div", [bent, beta])


@writes(PReLU)
def _prelu(place: Place) -> None:
    layer: Any = place.layer
    lined = layer.weight.reshape(-1, *(1,) * (len(place.shape) - 2))
    place.node("PRelu", [*place.inputs, place.parameter("weight", lined)])


@writes(Softmax, LogSoftmax)
def _softmax(place: Place) -> None:
    layer: Any = place.layer
    place.node(type(layer).__name__, place.inputs, axis=int(layer.axis))


@writes(Function)
def _function(place: Place) -> None:
    layer: Any = place.layer
    kind = _FUNCTIONS.get(layer.name, layer.name.capitalize())
    options: dict[str, Any] = {k: float(v) for k, v in layer.options.items()}
    if layer.name == "swish":  # an operator of its own only since operator set 24
        alpha = place.scalar("alpha", options["alpha"])
        scaled = place.node("Mul", [*place.inputs, alpha], "scaled")
        share = place.node("Sigmoid", [scaled], "sigmoid")
        place.node("Mul", [place.inputs[0], share])
        return
    place.node(kind, place.inputs, **options)


@writes(BatchNorm)
def _batch_norm(place: Place) -> None:
    layer: Any = place.layer
    ones, zeros = np.ones_like(layer.var), np.zeros_like(layer.var)
    arrays = [
        place.parameter("weight", ones if layer.weight is None else layer.weight),
        place.parameter("bias", zeros if layer.bias is None else layer.bias),
        place.parameter("mean"),
        place.parameter("var"),
    ]
    place.node("BatchNormalization", [*place.inputs, *arrays], epsilon=float(layer.eps))


@writes(LocalResponseNorm)
def _local_response_norm(place: Place) -> None:
    layer: Any = place.layer
    if layer.size % 2 == 0:
        raise cannot(place, "of an even size ONNX counts another channel")
    place.node(
        "LRN",
        place.inputs,
        size=int(layer.size),
        alpha=float(layer.alpha),
        beta=float(layer.beta),
        bias=float(layer.k),
    )


@writes(InstanceNorm, GroupNorm)
def _instance_norm(place: Place) -> None:
    layer: Any = place.layer
    count = place.shape[1]
    weight = np.ones(count, np.float32) if layer.weight is None else layer.weight
    bias = np.zeros(count, np.float32) if layer.bias is None else layer.bias
    inputs = [
        *place.inputs,
        place.parameter("weight", weight),
        place.parameter("bias", bias),
    ]
    if isinstance(layer, InstanceNorm):
        place.node("InstanceNormalization", inputs, epsilon=float(layer.eps))
        return
    place.node(
        "GroupNormalization",
        inputs,
        epsilon=float(layer.eps),
        num_groups=int(layer.groups),
    )


@writes(LayerNorm)
def _layer_norm(place: Place) -> None:
    layer: Any = place.layer
    axis = layer.axis % len(place.shape)
    weight = layer.weight
    if weight is None:
        weight = np.ones(place.shape[axis:], np.float32)
    inputs = [*place.inputs, place.parameter("weight", weight)]
    if layer.bias is not None:
        inputs.append(place.parameter("bias"))
    place.node("LayerNormalization", inputs, axis=int(axis), epsilon=float(layer.eps))
