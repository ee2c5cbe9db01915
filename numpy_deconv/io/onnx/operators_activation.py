"""Operators that are a function of one tensor, element by element, and softmaxes."""

from __future__ import annotations

import math

import numpy as np

from ...errors import FileFormatError
from ...layers import (
    ELU,
    GELU,
    Add,
    Clip,
    Dropout,
    HardSigmoid,
    HardSwish,
    Layer,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from ...layers.arithmetic import Maximum, Minimum, Scale
from ...layers.broadcasting import broadcast_shape
from ...layers.function import Function
from .operators_shape import reshaped
from .tracing import Call, Results, Shape, Value, operator

PLAIN: dict[str, type[Layer]] = {
    "Relu": ReLU,
    "Sigmoid": Sigmoid,
    "Tanh": Tanh,
    "HardSwish": HardSwish,
}
FUNCTIONS = {
    "Abs": "abs",
    "Ceil": "ceil",
    "Cos": "cos",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "Log": "log",
    "Mish": "mish",
    "Reciprocal": "reciprocal",
    "Round": "round",
    "Sign": "sign",
    "Sin": "sin",
    "Softsign": "softsign",
    "Sqrt": "sqrt",
}


@operator(*PLAIN)
def _plain(call: Call) -> Results:
    return call.add(PLAIN[call.kind](), call.input(0))


@operator(*FUNCTIONS)
def _function(call: Call) -> Results:
    return call.add(Function(FUNCTIONS[call.kind]), call.input(0))


@operator("Identity")
def _identity(call: Call) -> Results:
    return call.input(0)


@operator("Dropout")
def _dropout(call: Call) -> Results:
    """At inference; since operator set 12 the rate is an input."""
    x = call.input(0)
    rate = call.optional_constant(1, "ratio")
    training = call.optional_constant(2, "training_mode")
    if training is not None and training.any():
        raise FileFormatError("it is in training mode: export the model for inference")
    share = call.attribute("ratio", 0.5) if rate is None else float(rate.reshape(()))
    y = call.add(Dropout(share), x)
    if len(call.wanted) < 2 or not call.wanted[1]:
        return y
    return y, Value.of(np.ones(x.shape, bool))


@operator("LeakyRelu")
def _leaky_relu(call: Call) -> Results:
    return call.add(LeakyReLU(call.attribute("alpha", 0.01)), call.input(0))


@operator("Elu")
def _elu(call: Call) -> Results:
    return call.add(ELU(call.attribute("alpha", 1.0)), call.input(0))


@operator("Celu")
def _celu(call: Call) -> Results:
    options = {"alpha": call.attribute("alpha", 1.0)}
    return call.add(Function("celu", options), call.input(0))


@operator("Selu")
def _selu(call: Call) -> Results:
    options = {
        "alpha": call.attribute("alpha", 1.67326319217681884765625),
        "gamma": call.attribute("gamma", 1.05070102214813232421875),
    }
    return call.add(Function("selu", options), call.input(0))


@operator("ThresholdedRelu")
def _thresholded(call: Call) -> Results:
    options = {"alpha": call.attribute("alpha", 1.0)}
    return call.add(Function("thresholded", options), call.input(0))


@operator("HardSigmoid")
def _hard_sigmoid(call: Call) -> Results:
    alpha, beta = call.attribute("alpha", 0.2), call.attribute("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5:
        return call.add(HardSigmoid(), call.input(0))
    layer = Function("line_clipped", {"alpha": alpha, "beta": beta})
    return call.add(layer, call.input(0))


@operator("Softplus")
def _softplus(call: Call) -> Results:
    return call.add(Softplus(threshold=40.0), call.input(0))


@operator("Gelu")
def _gelu(call: Call) -> Results:
    return call.add(GELU(call.attribute("approximate", "none")), call.input(0))


@operator("Swish")
def _swish(call: Call) -> Results:
    alpha = call.attribute("alpha", 1.0)
    layer = SiLU() if alpha == 1 else Function("swish", {"alpha": alpha})
    return call.add(layer, call.input(0))


@operator("PRelu")
def _prelu(call: Call) -> Results:
    x, slope = call.input(0), call.constant(1, "slope")
    lined = (1,) * (x.rank - slope.ndim) + slope.shape
    if slope.size == 1 or (x.rank > 1 and lined == _channels(x)):
        return call.add(PReLU(slope.reshape(-1)), x)
    if broadcast_shape(x.shape, slope.shape) != x.shape:
        raise FileFormatError(f"its slope {slope.shape} does not fit {x.shape}")
    # x where positive, else slope * x: max(x, 0) + slope * min(x, 0)
    zero = np.zeros((), x.dtype)
    above = call.add(Maximum((None, zero)), x, step="positive")
    below = call.add(Minimum((None, zero)), x, step="negative")
    scaled = call.add(Scale(slope), below, step="scaled")
    return call.add(Add(), above, scaled)


def _channels(x: Value) -> Shape:
    return (1, x.shape[1], *(1,) * (x.rank - 2))


@operator("Clip")
def _clip(call: Call) -> Results:
    """Bounds were attributes until operator set 11, and are inputs since."""
    x = call.input(0)
    bounds = []
    for index, name in ((1, "min"), (2, "max")):
        bound = call.attribute(name, None, float)
        given = call.optional_constant(index, name)
        if given is not None:
            bound = given.reshape(-1)[0].item() if given.size else None
        open_end = bound is None or (
            x.dtype.kind == "f" and abs(bound) >= np.finfo(x.dtype).max
        )
        bounds.append(None if open_end else bound)
    low, high = bounds
    if low is not None and high is not None and low > high:
        low = high  # what the definition, min(max(x, low), high), comes to
    layer = ReLU() if (low, high) == (0, None) else Clip(low, high)
    return call.add(layer, x)


@operator("Softmax", "LogSoftmax")
def _softmax(call: Call) -> Results:
    x = call.input(0)
    kind = Softmax if call.kind == "Softmax" else LogSoftmax
    axis = call.attribute("axis", -1 if call.opset >= 13 else 1)
    if not -x.rank <= axis < x.rank:
        raise FileFormatError(f"axis {axis} does not exist: {x.shape}")
    axis %= x.rank
    if call.opset >= 13 or math.prod(x.shape[axis + 1 :]) == 1:
        return call.add(kind(axis), x)
    # until operator set 13 all axes from this one on were one
    flat = (*x.shape[:axis], math.prod(x.shape[axis:]))
    joined = reshaped(call, x, flat, "flat")
    return reshaped(call, call.add(kind(axis), joined, step="softmax"), x.shape)
