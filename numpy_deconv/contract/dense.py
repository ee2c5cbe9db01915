"""Calls of the kernels without a window: activations, normalisation, resampling."""

from __future__ import annotations

import math
from typing import Any

from ..per_axis import Sizes
from ..reference.activations import ACTIVATIONS, EXACT_IN_INTEGERS
from ..reference.resampling import upsampled_length
from .draw import Draw
from .recipes import Call, recipe

OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "leaky_relu": {"slope": (0.01, 0.5, -0.25)},
    "clip": {"low": (0, -2, -1, None), "high": (1, 2, 6, None)},
    "elu": {"alpha": (1.0, 0.5, 1.5)},
    "gelu": {"approximate": ("none", "tanh")},
    "softplus": {"beta": (1.0, 0.5, 2.0), "threshold": (20.0, 1.5)},
}


@recipe(integers=True)
def linear(draw: Draw) -> Call:
    rows = tuple(draw.pick(1, 2, 3, 5) for _ in range(draw.pick(0, 1, 2)))
    inputs, outputs = draw.pick(1, 2, 3, 8, 17, 65), draw.pick(1, 2, 3, 9, 33)
    x = draw.array(*(draw.batch(), *rows), inputs)
    bias = draw.array(outputs) if draw.chance(0.5) else None
    arguments = (x, draw.array(outputs, inputs), bias)
    return Call(arguments, draw.dtype.kind in "iu", inputs + 1)


def _named(draw: Draw) -> tuple[str, dict[str, Any]]:
    exact_only = draw.data == "specials" or draw.dtype.kind in "iu"
    name = draw.pick(*(EXACT_IN_INTEGERS if exact_only else ACTIVATIONS))
    some = OPTIONS.get(name, {})
    return name, {option: draw.pick(*values) for option, values in some.items()}


@recipe(integers=True, specials=True)
def activation(draw: Draw) -> Call:
    name, options = _named(draw)
    x = draw.x(draw.sizes(draw.rank()))
    return Call((x, name), name in EXACT_IN_INTEGERS, options=options)


@recipe()
def activation_grad(draw: Draw) -> Call:
    name, options = _named(draw)
    x = draw.x(draw.sizes(draw.rank()))
    grad = _grad(draw, x.shape)
    return Call((grad, x, name), name in EXACT_IN_INTEGERS, options=options)


def _grad(draw: Draw, shape: Sizes) -> Any:
    """A gradient for a value of this shape; for a batch of one, perhaps several."""
    batch = draw.batch() if shape[0] == 1 else shape[0]
    return draw.array(batch, *shape[1:])


@recipe()
def batch_norm(draw: Draw) -> Call:
    x = draw.x(draw.sizes(draw.rank()))
    channels = x.shape[1]
    arrays = (x, draw.array(channels), draw.positive(channels))
    return Call((*arrays, draw.array(channels), draw.array(channels), 1e-5), False)


@recipe()
def batch_norm_input_grad(draw: Draw) -> Call:
    grad = draw.x(draw.sizes(draw.rank()))
    channels = grad.shape[1]
    return Call((grad, draw.positive(channels), draw.array(channels), 1e-3), False)


def _neighbourhood(draw: Draw) -> tuple[int, float, float, float]:
    """``size, alpha, beta, k``."""
    size = draw.pick(1, 2, 3, 4, 5, 6)
    return size, draw.pick(1e-4, 0.5), draw.pick(0.75, 0.5, 1.25), draw.pick(1.0, 2.0)


@recipe()
def local_response_norm(draw: Draw) -> Call:
    x = draw.x(draw.sizes(draw.rank()))
    return Call((x, *_neighbourhood(draw)), False, 16)


@recipe()
def local_response_norm_grad(draw: Draw) -> Call:
    x = draw.x(draw.sizes(draw.rank()))
    return Call((_grad(draw, x.shape), x, *_neighbourhood(draw)), False, 32)


def _scales(draw: Draw, size: Sizes) -> tuple[float, ...]:
    scales = [draw.pick(1.0, 2.0, 3.0, 1.5, 2.5, 0.5, 0.75) for _ in size]
    pairs = zip(size, scales, strict=True)
    return tuple(s if upsampled_length(n, s) else 1.0 for n, s in pairs)


@recipe(integers=True, specials=True)
def upsample(draw: Draw) -> Call:
    size = draw.sizes(draw.rank())
    copies = draw.data == "specials" or draw.dtype.kind in "iu"
    mode = "nearest" if copies else draw.pick("nearest", "bilinear")
    return Call((draw.x(size), _scales(draw, size), mode), mode == "nearest", 16)


@recipe()
def upsample_grad(draw: Draw) -> Call:
    size = draw.sizes(draw.rank())
    scales = _scales(draw, size)
    outputs = tuple(upsampled_length(n, s) for n, s in zip(size, scales, strict=True))
    mode, grad = draw.pick("nearest", "bilinear"), draw.x(outputs)
    terms = math.prod(math.ceil(2 * scale) for scale in scales) + 8
    return Call((grad, size, scales, mode), False, terms)
