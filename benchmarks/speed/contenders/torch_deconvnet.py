"""The deconvnet in plain PyTorch, as the tutorials write it: whole planes, in batches.

Down through a convolution goes ``conv_transpose2d`` without bias, through a pool
``max_unpool2d`` by the pool's own switches, through a rectifier a rectifier.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from numpy_deconv import layers
from numpy_deconv.errors import NetError
from numpy_deconv.net import Graph

from .contender import Place
from .torch_nets import Tensors, lowered, run


class Descent:
    """A net after its forward run on one image, ready to project units of a layer."""

    def __init__(
        self, net: Graph, params: Tensors, x: Tensor, layer: str, last: bool
    ) -> None:
        self.net, self.params, self.layer = net, params, layer
        steps = lowered(net, params, until=layer)
        values, self.switches = run(steps, x, switches=True)
        self.sizes = {s.name: tuple(values[s.sources[0]].shape[2:]) for s in steps}
        self.top = values[layer]
        self.layout = torch.channels_last if last else torch.contiguous_format
        self.widths = {name: int(value.shape[1]) for name, value in values.items()}

    def signal(self, places: Sequence[Place]) -> Tensor:
        """One plane of zeros per unit but for the unit's own activation."""
        shape = (len(places), *self.top.shape[1:])
        signal = torch.zeros(shape).contiguous(memory_format=self.layout)
        for row, place in enumerate(places):
            signal[(row, *place)] = self.top[(0, *place)]
        return signal

    def project(self, places: Sequence[Place]) -> Tensor:
        """Pixels of these units ``(M, 3, H, W)``, in one batch."""
        arriving = {self.layer: self.signal(places)}
        for name in reversed(list(self.net.nodes)):
            if name not in arriving:
                continue
            gy, sources = arriving.pop(name), self.net.nodes[name].inputs
            parts = self._down(name, gy, sources)
            for source, part in zip(sources, parts, strict=True):
                before = arriving.get(source)
                arriving[source] = part if before is None else before + part
        return arriving["input"]

    def pixels(self, found: Tensor) -> Tensor:
        """What :meth:`project` gives are whole pictures already."""
        return found

    def _down(self, name: str, gy: Tensor, sources: Sequence[str]) -> Sequence[Tensor]:
        layer = self.net[name]
        match layer:
            case layers.Conv():
                return [self._through_conv(name, layer, gy)]
            case layers.ReLU():
                return [F.relu(gy)]
            case layers.MaxPool():
                return [self._through_pool(name, layer, gy)]
            case layers.Concat():
                widths = [self.widths[source] for source in sources]
                return torch.split(gy, widths, 1)
            case layers.LocalResponseNorm() | layers.Dropout():
                return [gy]
        raise NetError(f"the tutorials' deconvnet has no way through {name!r}")

    def _through_conv(self, name: str, layer: layers.Conv, gy: Tensor) -> Tensor:
        weight = self.params[f"{name}.weight"]
        pairs = zip(self.sizes[name], gy.shape[2:], weight.shape[2:], strict=True)
        extra = [
            size - ((length - 1) * layer.stride + kernel - 2 * layer.padding)
            for size, length, kernel in pairs
        ]
        return F.conv_transpose2d(
            gy, weight, None, layer.stride, layer.padding, extra, layer.groups
        )

    def _through_pool(self, name: str, layer: layers.MaxPool, gy: Tensor) -> Tensor:
        switches = self.switches[name].expand(len(gy), -1, -1, -1)
        return F.max_unpool2d(
            gy,
            switches,
            layer.kernel_size,
            layer.stride,
            output_size=list(self.sizes[name]),
        )
