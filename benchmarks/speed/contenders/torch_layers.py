"""PyTorch's single layers, in both layouts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from numpy_deconv.layers import Conv, MaxPool
from numpy_deconv.net import Graph

from ..case import Answer, Array, Candidate
from .backend_contender import at_switches
from .contender import (
    Contender,
    Pooled,
)
from .torch_nets import (
    convolution,
    pads,
    parameters,
    pool,
)

LAYOUTS = {"": torch.contiguous_format, " channels_last": torch.channels_last}


def numbers(result: Tensor) -> Answer:
    """A tensor as an answer."""
    return (result.detach().numpy(),)


def nothing_to_learn(run: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Call a function without recording it for a gradient."""
    with torch.inference_mode():
        return run(*args, **options)


class TorchLayers(Contender):
    """PyTorch on the CPU, a convolution or a pool at a time."""

    team = "torch"

    def versions(self) -> dict[str, str]:
        return {"torch": str(torch.__version__)}

    def _layouts(self, x: Array) -> Iterator[tuple[str, Tensor, torch.memory_format]]:
        tensor = torch.from_numpy(np.ascontiguousarray(x))
        for words, layout in LAYOUTS.items():
            if tensor.ndim == 4 or not words:
                yield words, tensor.contiguous(memory_format=layout), layout

    def _candidate(self, words: str, function: Any, read: Any = numbers) -> Candidate:
        return Candidate(
            f"torch{words}", self.team, partial(nothing_to_learn, function), read
        )

    def layer(self, net: Graph, x: Array) -> list[Candidate]:
        layer = net[net.output]
        if not isinstance(layer, Conv | MaxPool):
            return self.forward(net, x, switches=False)
        found = []
        for words, tensor, layout in self._layouts(x):
            if isinstance(layer, MaxPool):
                found.append(
                    self._candidate(
                        words,
                        partial(pool, layer, tensor, True),
                        lambda pair: at_switches(x, *(each.numpy() for each in pair)),
                    )
                )
                continue
            own = parameters(net, layout)
            weight, bias = own[f"{net.output}.weight"], own.get(f"{net.output}.bias")
            found.append(
                self._candidate(
                    words, partial(convolution(layer, weight, bias), tensor)
                )
            )
        return found

    def input_grad(
        self, conv: Conv, grad: Array, size: tuple[int, ...]
    ) -> list[Candidate]:
        found = []
        pairs = pads(conv, size)
        even = all(begin == end for begin, end in pairs)
        padding = tuple(begin if even else 0 for begin, _ in pairs)
        spans = zip(size, pairs, grad.shape[2:], conv.weight.shape[2:], strict=True)
        extra = [n + sum(p) - (m - 1) * conv.stride - k for n, p, m, k in spans]
        for words, tensor, layout in self._layouts(grad):
            call = partial(
                F.conv_transpose2d,
                tensor,
                torch.from_numpy(conv.weight).contiguous(memory_format=layout),
                None,
                conv.stride,
                padding,
                extra,
                conv.groups,
            )
            found.append(self._candidate(words, call if even else cut(call, pairs)))
        return found

    def unpool(self, pooled: Pooled) -> list[Candidate]:
        found = []
        for (words, y, _), (_, switches, _) in zip(
            self._layouts(pooled.y), self._layouts(pooled.switches), strict=True
        ):
            call = partial(
                F.max_unpool2d,
                y,
                switches,
                pooled.kernel,
                pooled.stride,
                output_size=pooled.size,
            )
            found.append(self._candidate(words, call))
        return found


def cut(call: Callable[[], Tensor], pairs: Sequence[tuple[int, int]]) -> Any:
    """The call's result without padding that differs from side to side."""
    (top, bottom), (left, right) = pairs
    return lambda: F.pad(call(), (-left, -right, -top, -bottom))
