"""JAX on the CPU: convolutions and their adjoints, compiled by XLA, in both layouts.

XLA takes as many threads as the process may use cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax

from numpy_deconv.layers import Conv
from numpy_deconv.net import Graph

from ..case import Answer, Array, Candidate
from .backend_contender import window_of
from .contender import Contender

Function = Callable[..., Any]


class JaxContender(Contender):
    """XLA's convolutions."""

    team = "jax"

    def versions(self) -> dict[str, str]:
        return {"jax": str(jax.__version__)}

    def notes(self) -> list[str]:
        return ["jax runs on every core it sees, whatever --threads says"]

    def layer(self, net: Graph, x: Array) -> list[Candidate]:
        conv = net[net.output]
        if not isinstance(conv, Conv):
            return []
        found = []
        for words, function, outer in _layouts(conv, x.shape[2:]):
            found.append(
                self._candidate(
                    words, biased(function, conv.bias, outer), x, conv.weight, outer
                )
            )
        return found

    def input_grad(
        self, conv: Conv, grad: Array, size: tuple[int, ...]
    ) -> list[Candidate]:
        found = []
        channels = conv.weight.shape[1] * conv.groups
        for words, function, outer in _layouts(conv, size):
            shape = (len(grad), channels, *size)
            if not outer:
                shape = (len(grad), *size, channels)

            def adjoint(g: Any, w: Any, f: Function = function, s: Any = shape) -> Any:
                like = jax.ShapeDtypeStruct(s, g.dtype)
                (gx,) = jax.linear_transpose(lambda x: f(x, w), like)(g)
                return gx

            found.append(self._candidate(words, adjoint, grad, conv.weight, outer))
        return found

    def _candidate(
        self, words: str, function: Function, x: Array, weight: Array, outer: bool
    ) -> Candidate:
        compiled = jax.jit(function)
        if not outer:
            x, weight = x.transpose(0, 2, 3, 1), weight.transpose(2, 3, 1, 0)
        arrays = [jax.device_put(np.ascontiguousarray(each)) for each in (x, weight)]

        def run() -> Any:
            return compiled(*arrays).block_until_ready()

        def read(y: Any) -> Answer:
            found = np.asarray(y)
            return (found if outer else found.transpose(0, 3, 1, 2),)

        return Candidate(f"jax{words}", self.team, run, read)


def _layouts(conv: Conv, size: tuple[int, ...]) -> Iterator[tuple[str, Function, bool]]:
    """The convolution in each layout; whether channels stand before the plane."""
    window = window_of(conv, size)
    for words, layout in {"": "NCHW", " channels_last": "NHWC"}.items():
        outer = layout == "NCHW"
        function = partial(
            lax.conv_general_dilated,
            window_strides=window.stride,
            padding=window.padding,
            dimension_numbers=(layout, "OIHW" if outer else "HWIO", layout),
            feature_group_count=conv.groups,
        )
        yield words, function, outer


def biased(function: Function, bias: Array | None, outer: bool) -> Function:
    """The convolution plus the bias of the layer, if it has one."""
    if bias is None:
        return function
    added = bias[:, None, None] if outer else bias
    return lambda x, weight: function(x, weight) + added
