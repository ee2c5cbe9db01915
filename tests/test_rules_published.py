"""Whole methods derived again: DeSaLiNet slowly, the tutorial's deconvnet in torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch_nets

from numpy_deconv import Graph, Sequential
from numpy_deconv.layers import Conv, Layer, LocalResponseNorm, MaxPool, ReLU
from numpy_deconv.rules import DECONVNET, DESALINET, scatter

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Slow:
    """DeSaLiNet of Mahendran & Vedaldi by its definition, an element at a time."""

    net: Sequential
    values: dict[str, Array]

    def project(self, signal: Array) -> Array:
        names = ["input", *self.net]
        for below, name in zip(reversed(names[:-1]), reversed(names[1:]), strict=True):
            layer, x = self.net[name], self.values[below]
            if isinstance(layer, ReLU):  # positive signals where the input was positive
                signal = np.where((x > 0) & (signal > 0), signal, 0)
            elif isinstance(layer, MaxPool):
                signal = self._pool(layer, x, signal)
            elif isinstance(layer, Conv):
                signal = self._conv(layer, x, signal)
        return signal

    def _pool(self, layer: MaxPool, x: Array, signal: Array) -> Array:
        image = np.zeros(x.shape)
        for n, c, i, j in np.ndindex(signal.shape):
            rows = range(i * layer.stride, i * layer.stride + layer.kernel_size)
            columns = range(j * layer.stride, j * layer.stride + layer.kernel_size)
            spots = [
                (r, s)
                for r in rows
                for s in columns
                if r < x.shape[2] and s < x.shape[3]
            ]
            winner = max(
                spots, key=lambda spot: x[(n, c, *spot)]
            )  # the first of equals
            image[(n, c, *winner)] += signal[n, c, i, j]
        return image

    def _conv(self, layer: Conv, x: Array, signal: Array) -> Array:
        image = np.zeros(x.shape)
        filters, depth, *_ = layer.weight.shape
        for n, k, i, j in np.ndindex(signal.shape):
            group = k // (filters // layer.groups)
            for c, a, b in np.ndindex(layer.weight.shape[1:]):
                row = i * layer.stride[0] - layer.padding[0] + a
                column = j * layer.stride[1] - layer.padding[1] + b
                if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                    image[n, group * depth + c, row, column] += (
                        signal[n, k, i, j] * layer.weight[k, c, a, b]
                    )
        return image


@pytest.mark.parametrize("seed", range(5))
def test_desalinet_is_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def whole(*shape: int) -> Array:
        return rng.integers(-3, 4, shape).astype(float)

    net = Sequential(
        {
            "conv1": Conv(whole(4, 2, 3, 2), whole(4), (1, 2), (1, 0)),
            "relu1": ReLU(),
            "norm1": LocalResponseNorm(2, alpha=0.01),
            "pool1": MaxPool(3, 2, ceil_mode=True),
            "conv2": Conv(whole(4, 2, 2, 3), whole(4), (1, 1), (0, 2), groups=2),
            "relu2": ReLU(),
            "pool2": MaxPool(2, 1),
            "conv3": Conv(whole(3, 4, 1, 2), whole(3), (1, 1), (0, 0)),
        }
    )
    tape = net.run(whole(2, 2, 9, 10))
    signal = whole(*tape.output.shape)
    got = tape.project(signal, start="conv3", rules=DESALINET)
    np.testing.assert_array_equal(got, Slow(net, dict(tape.values)).project(signal))
    assert got.any()


def alexnet_like(seed: int) -> tuple[Graph, list[torch_nets.AlexNetLayer], Array]:
    """The tutorial's net, 8 maps a layer, on whole numbers so that sums are exact."""
    rng = np.random.default_rng(seed)
    rows = ((11, 4, 0, True), (5, 1, 2, True), (3, 1, 1, False), (3, 1, 1, False))
    convs, channels = [], 3
    parts: dict[str, Layer] = {}
    for number, (kernel, stride, padding, pooled) in enumerate(
        (*rows, (3, 1, 1, True)), start=1
    ):
        weight = rng.integers(-1, 2, (8, channels, kernel, kernel)).astype(float)
        bias = rng.integers(-9, 10, 8).astype(float)
        convs.append(torch_nets.AlexNetLayer(weight, bias, stride, padding, pooled))
        parts[f"conv{number}"] = Conv(weight, bias, stride, padding)
        parts[f"relu{number}"] = ReLU()
        if pooled:
            parts[f"pool{number}"] = MaxPool(3, 2)
        channels = 8
    x = rng.integers(-8, 9, (1, 3, 99, 99)).astype(float)
    return Sequential(parts), convs, x


@pytest.mark.parametrize("depth", range(1, 6))
def test_assign_is_the_tutorial_s_deconvnet(depth: int) -> None:
    net, convs, x = alexnet_like(depth)
    maps, unit, want = torch_nets.alexnet_deconvnet(convs[:depth], x)
    tape, start = net.run(x), f"conv{depth}"
    np.testing.assert_array_equal(tape[start], maps)
    signal = np.zeros(maps.shape)
    signal[unit] = maps[unit]
    assigning = DECONVNET.replace({MaxPool: scatter("assign")})
    got = tape.project(signal, start=start, rules=assigning)
    np.testing.assert_array_equal(got, want)
    assert (want < 0).any()  # the pixels are signed
    summing = tape.project(signal, start=start, rules=DECONVNET)
    # from conv2 on, one unit reaches back through windows that overlap
    assert (summing != want).any() == (depth >= 2)
