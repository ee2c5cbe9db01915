"""Hypothesis strategies: every layer, with inputs that fit it, in float64.

Most are the cases of the array function of the same name, so that their options are
drawn for each axis by itself; inputs and parameters are read-only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cases
import numpy as np
import numpy.typing as npt
from case_request import Request
from hypothesis import strategies as st

from numpy_deconv import layers
from numpy_deconv.layers import Layer

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class LayerCase:
    """A layer, its inputs, and a generator for gradients of its output."""

    layer: Layer
    xs: tuple[Array, ...]
    seed: int

    def signal(self, *shape: int) -> Array:
        """A gradient of the shape, read-only as everything here."""
        return _frozen(np.random.default_rng([self.seed, 7]).normal(size=shape))


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array


OF_FUNCTION: dict[str, type[Layer]] = {
    "conv": layers.Conv,
    "conv_transpose": layers.ConvTranspose,
    "linear": layers.Linear,
    "max_pool": layers.MaxPool,
    "avg_pool": layers.AvgPool,
    "lp_pool": layers.LpPool,
    "adaptive_avg_pool": layers.AdaptiveAvgPool,
    "adaptive_max_pool": layers.AdaptiveMaxPool,
    "global_avg_pool": layers.GlobalAvgPool,
    "global_max_pool": layers.GlobalMaxPool,
    "relu": layers.ReLU,
    "leaky_relu": layers.LeakyReLU,
    "prelu": layers.PReLU,
    "clip": layers.Clip,
    "elu": layers.ELU,
    "sigmoid": layers.Sigmoid,
    "tanh": layers.Tanh,
    "silu": layers.SiLU,
    "gelu": layers.GELU,
    "hard_sigmoid": layers.HardSigmoid,
    "hard_swish": layers.HardSwish,
    "softplus": layers.Softplus,
    "batch_norm": layers.BatchNorm,
    "local_response_norm": layers.LocalResponseNorm,
    "pad": layers.Pad,
    "upsample": layers.Upsample,
}
"""Layers whose inputs are a function's first array, its parameters the others."""

Made = tuple[Layer, tuple[Array, ...]]
MAKERS: dict[str, Callable[[Request], Made]] = {}


def _maker(function: Callable[[Request], Made]) -> Callable[[Request], Made]:
    MAKERS[function.__name__] = function
    return function


def _softmax(kind: type[Layer]) -> Callable[[Request], Made]:
    def make(r: Request) -> Made:
        x = r.x()
        axes = [a for a in range(-x.ndim, x.ndim) if a % x.ndim]
        return kind(r.pick(1, *axes)), (x,)  # type: ignore[call-arg]

    return make


MAKERS["softmax"] = _softmax(layers.Softmax)
MAKERS["log_softmax"] = _softmax(layers.LogSoftmax)


@_maker
def identity(r: Request) -> Made:
    return layers.Identity(), (r.x(),)


@_maker
def dropout(r: Request) -> Made:
    return layers.Dropout(r.pick(0.5, 0.2)), (r.x(),)


@_maker
def flatten(r: Request) -> Made:
    x = r.x()
    return layers.Flatten(r.pick(*range(1, x.ndim))), (x,)


@_maker
def concat(r: Request) -> Made:
    x = r.x()
    axis = r.pick(*(a for a in range(-x.ndim, x.ndim) if a % x.ndim))
    xs = [x]
    for salt in range(1, r.pick(2, 1, 3)):
        shape = list(x.shape)
        shape[axis] = r.pick(1, 2, 3)
        xs.append(r.array(salt, *shape))
    return layers.Concat(axis), tuple(xs)


def _broadcasting(r: Request, count: int) -> tuple[Array, ...]:
    """Arrays of one shape, but for axes where some have 1 sample; never the batch."""
    shape = r.x().shape
    return tuple(
        r.array(salt, shape[0], *(r.pick(n, n, 1) for n in shape[1:]))
        for salt in range(count)
    )


@_maker
def add(r: Request) -> Made:
    return layers.Add(), _broadcasting(r, r.pick(2, 1, 3))


@_maker
def mul(r: Request) -> Made:
    return layers.Mul(), _broadcasting(r, 2)


@_maker
def max_unpool(r: Request) -> Made:
    """By the switches of a drawn pool, which for "assign" are made not to meet."""
    (x,), options = cases.MAKERS["max_pool"](r)
    pool = layers.MaxPool(**options)
    y, saved = pool.forward(x)
    plane = int(np.prod(x.shape[2:]))
    overlap = r.pick("assign", "sum", "mean")
    switches = saved.switches
    if overlap == "assign" and y[0, :1].size <= plane if y.size else False:
        spots = r.random(3).permutation(plane)[: y[0, 0].size]
        switches = np.broadcast_to(spots.reshape(y.shape[2:]), y.shape).copy()
    elif overlap == "assign":
        overlap = "sum"
    kernel, stride = r.pick(2, 3), r.pick(1, 2)
    layer = layers.MaxUnpool(kernel, stride, output_size=x.shape[2:], overlap=overlap)
    return layer, (y, switches)


def _of_function(name: str, r: Request) -> Made:
    arrays, options = cases.MAKERS[name](r)
    return OF_FUNCTION[name](*arrays[1:], **options), arrays[:1]


NAMES = tuple(sorted({*OF_FUNCTION, *MAKERS}))


@st.composite
def strategy(draw: Any, name: str, kind: str = "normal") -> LayerCase:
    """A case for the layer called as the array function is."""
    seed = draw(st.integers(0, 2**16))
    request = Request(draw, np.dtype(np.float64), True, kind, seed)
    make = MAKERS.get(name, lambda r: _of_function(name, r))
    layer, xs = make(request)
    for array in (*xs, *layer.params.values()):
        _frozen(array)
    return LayerCase(layer, xs, seed)
