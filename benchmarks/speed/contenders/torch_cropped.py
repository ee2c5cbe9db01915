"""The same deconvnet in plain PyTorch on each unit's receptive field only.

Any library could crop: this one tells how much of a speed-up is the algorithm and how
much the kernels. For chains of convolutions, rectifiers and pools.

Units of one layer see windows of one size. Each has an origin, which may lie outside
the plane; what lies outside is set to 0 after every step, as the plane ends there::

    conv    side (h-1)*stride + kernel    origin o*stride - padding
    pool    side (h-1)*stride + kernel    origin o*stride
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from numpy_deconv import layers
from numpy_deconv.net import Graph, Sequential

from .contender import Place
from .torch_deconvnet import Descent
from .torch_nets import Tensors

CHAIN = (layers.Conv, layers.ReLU, layers.MaxPool, layers.LocalResponseNorm)


def is_chain(net: Graph, layer: str) -> bool:
    """Whether every layer up to this one reads the one before it and can be cropped."""
    above = "input"
    for name, node in net.nodes.items():
        square = not isinstance(node.layer, layers.Conv) or node.layer.groups == 1
        if node.inputs != (above,) or not isinstance(node.layer, CHAIN) or not square:
            return False
        if name == layer:
            return True
        above = name
    return False


class CroppedDescent:
    """Projections from one layer of a chain by windows."""

    def __init__(
        self, net: Graph, params: Tensors, x: Tensor, layer: str, last: bool
    ) -> None:
        self.whole = Descent(net, params, x, layer, last)
        names = list(net.nodes)
        self.net = Sequential({n: net[n] for n in names[: names.index(layer) + 1]})
        self.image = tuple(x.shape[2:])
        self.lives = {
            name: surviving(switches, self.whole.sizes[name])
            for name, switches in self.whole.switches.items()
        }

    def project(self, places: Sequence[Place]) -> tuple[Tensor, Tensor]:
        """Windows ``(M, 3, h, w)`` of pixels, and the origin ``(M, 2)`` of each."""
        maps, origin = (
            torch.tensor([p[0] for p in places]),
            torch.tensor([p[1:] for p in places]),
        )
        top = self.whole.top
        signal = torch.zeros(len(places), top.shape[1], 1, 1).contiguous(
            memory_format=self.whole.layout
        )
        rows = torch.arange(len(places))
        signal[rows, maps, 0, 0] = top[0, maps, origin[:, 0], origin[:, 1]]
        for name in reversed(list(self.net.nodes)):
            layer = self.net[name]
            if isinstance(layer, layers.ReLU):
                signal = F.relu_(signal)
                continue
            if isinstance(layer, layers.Conv):
                weight = self.whole.params[f"{name}.weight"]
                signal = F.conv_transpose2d(signal, weight, None, layer.stride)
                origin = origin * layer.stride - layer.padding
            elif isinstance(layer, layers.MaxPool):
                signal = self._unpool(name, layer, signal, origin)
                origin = origin * layer.stride
            signal = inside(signal, origin, self.whole.sizes[name])
        return signal, origin

    def pixels(self, found: tuple[Tensor, Tensor]) -> Tensor:
        """The windows put back into whole pictures."""
        windows, origins = found
        pictures = torch.zeros(len(windows), windows.shape[1], *self.image)
        for picture, window, (y, x) in zip(
            pictures, windows, origins.tolist(), strict=True
        ):
            height, width = window.shape[1:]
            rows = slice(max(0, y), min(self.image[0], y + height))
            columns = slice(max(0, x), min(self.image[1], x + width))
            picture[:, rows, columns] = window[
                :, rows.start - y : rows.stop - y, columns.start - x : columns.stop - x
            ]
        return pictures

    def _unpool(
        self, name: str, layer: layers.MaxPool, signal: Tensor, origin: Tensor
    ) -> Tensor:
        switches, plane = self.whole.switches[name][0], self.whole.sizes[name]
        height, width = signal.shape[2:]
        ys = origin[:, :1] + torch.arange(height)
        xs = origin[:, 1:] + torch.arange(width)
        rows = ys.clamp(0, switches.shape[1] - 1)[:, :, None]
        columns = xs.clamp(0, switches.shape[2] - 1)[:, None, :]
        picked = switches[:, rows, columns].transpose(0, 1)
        lives = self.lives[name][:, rows, columns].transpose(0, 1)
        kernel, stride = layer.kernel_size, layer.stride
        out = [(side - 1) * stride + kernel for side in (height, width)]
        row = picked // plane[1] - (origin[:, 0] * stride).view(-1, 1, 1, 1)
        column = picked % plane[1] - (origin[:, 1] * stride).view(-1, 1, 1, 1)
        # A pooled value outside the plane is 0; it goes where no other one's is.
        row = corner(row, ys[:, None, :, None], switches.shape[1], stride, kernel, 0)
        column = corner(
            column, xs[:, None, None, :], switches.shape[2], stride, kernel, 1
        )
        return F.max_unpool2d(
            signal * lives, row * out[1] + column, kernel, stride, output_size=out
        )


def corner(
    place: Tensor, at: Tensor, length: int, stride: int, kernel: int, axis: int
) -> Tensor:
    """Places in the window, those of pooled positions outside the plane at its rim."""
    shape = [1, 1, 1, 1]
    shape[2 + axis] = -1
    local = torch.arange(at.shape[2 + axis]).view(shape) * stride
    rim = local + torch.where(at < 0, 0, kernel - 1)
    return torch.where((at < 0) | (at >= length), rim, place)


def surviving(switches: Tensor, plane: Sequence[int]) -> Tensor:
    """1 where no later value of the pool goes to the same place, else 0; ``(C,...)``.

    ``max_unpool2d`` lets the last one win, also when it is a 0 that a window of the
    plane would not know about.
    """
    flat = switches[0].flatten(1)
    order = torch.arange(flat.shape[1]).expand_as(flat)
    winner = torch.zeros(flat.shape[0], plane[0] * plane[1], dtype=torch.int64)
    winner.scatter_reduce_(1, flat, order, "amax")
    return (winner.gather(1, flat) == order).float().view(switches.shape[1:])


def inside(signal: Tensor, origin: Tensor, plane: Sequence[int]) -> Tensor:
    """The windows with 0 wherever they leave the plane."""
    height, width = signal.shape[2:]
    ys = origin[:, :1] + torch.arange(height)
    xs = origin[:, 1:] + torch.arange(width)
    row = ((ys >= 0) & (ys < plane[0])).view(-1, 1, height, 1)
    column = ((xs >= 0) & (xs < plane[1])).view(-1, 1, 1, width)
    if bool(row.all()) and bool(column.all()):
        return signal
    return signal * (row & column)
