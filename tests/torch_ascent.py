"""PyTorch's side of gradient ascent: losses, optimisers, and plain loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

Array = np.ndarray[Any, Any]
Tensor = torch.Tensor
Loss = Callable[[Tensor], Tensor]
Edit = Callable[[Array], Array]


def tensor(x: Array) -> Tensor:
    """A copy, as a tensor."""
    return torch.tensor(np.array(x))


def gradient_of(loss: Loss, x: Array) -> tuple[float, Array]:
    """Value and gradient by autograd."""
    at = tensor(x).requires_grad_()
    value = loss(at)
    value.backward()
    return float(value.detach()), at.grad.numpy()


def _total_variation(x: Tensor, beta: float, separate: bool) -> Tensor:
    dx = F.pad(x[..., :, 1:] - x[..., :, :-1], (0, 1))
    dy = F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    if separate:
        return (dx.abs() ** beta + dy.abs() ** beta).sum()
    square = dx**2 + dy**2
    moving = square > 0
    return (torch.where(moving, square, 1.0) ** (beta / 2) * moving).sum()


REGULARISERS: dict[str, Callable[..., Tensor]] = {
    "L1": lambda x: x.abs().sum(),
    "L2": lambda x: (x**2).sum(),
    "Power": lambda x, exponent=6.0: (x.abs() ** exponent).sum(),
    "TotalVariation": lambda x, beta=2.0, separate=False: _total_variation(
        x, beta, separate
    ),
}

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "Descent": lambda x, rate: torch.optim.SGD(x, rate),
    "Momentum": lambda x, rate, momentum: torch.optim.SGD(x, rate, momentum=momentum),
    "Adam": lambda x, rate, beta1, beta2, eps: torch.optim.Adam(
        x, rate, (beta1, beta2), eps
    ),
    "RMSprop": lambda x, rate, decay, eps: torch.optim.RMSprop(x, rate, decay, eps),
    "LBFGS": lambda x, rate, history: torch.optim.LBFGS(
        x, rate, max_iter=1, history_size=history, tolerance_grad=0, tolerance_change=0
    ),
}


def descent(
    name: str, options: dict[str, Any], loss: Loss, x: Array, edit: Edit | None = None
) -> Iterable[Array]:
    """Where an optimiser of that name goes, step by step; edited after each."""
    at = tensor(x).requires_grad_()
    optimiser = OPTIMISERS[name]([at], **options)

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss(at)
        value.backward()
        return value

    while True:
        optimiser.step(closure)
        if edit is not None:
            with torch.no_grad():
                at.copy_(tensor(edit(at.numpy())))
        yield at.detach().numpy().copy()


def class_picture(
    net: Loss,
    x: Array,
    target: int,
    shifts: Iterable[tuple[int, int]],
    bounds: tuple[Array, Array],
    blur: Callable[[Array], Array],
) -> Array:
    """cs231n's class visualisation: rate 25, weight 1e-3, blurred every ten steps."""
    low, high = map(tensor, bounds)
    image = tensor(x)
    for step, (down, right) in enumerate(shifts):
        image = torch.roll(image, (down, right), (2, 3)).requires_grad_()
        loss = net(image)[0, target] - 1e-3 * (image**2).sum()
        (gradient,) = torch.autograd.grad(loss, image)
        with torch.no_grad():
            image = torch.roll(image + 25 * gradient, (-down, -right), (2, 3))
            image = torch.clamp(image, low, high)
            if step % 10 == 0:
                image = tensor(blur(image.numpy()))
    return image.numpy()


def lucid_picture(
    spectrum: Tensor, matrix: Array, size: tuple[int, int], low: Tensor, high: Tensor
) -> Tensor:
    """Lucid's picture of a spectrum (2, 1, 3, H, W//2+1), as a net's input."""
    rows = torch.fft.fftfreq(size[0], dtype=spectrum.dtype)[:, None]
    columns = torch.fft.fftfreq(size[1], dtype=spectrum.dtype)[: size[1] // 2 + 1]
    frequency = torch.sqrt(rows**2 + columns**2)
    scale = (size[0] * size[1]) ** 0.5 / torch.clamp(frequency, min=1 / max(size))
    waves = torch.complex(spectrum[0], spectrum[1]) * scale
    planes = torch.fft.irfft2(waves, size) / 4
    colours = tensor(matrix) / tensor(matrix).norm(dim=0).max()
    picture = torch.sigmoid(torch.einsum("kc,nchw->nkhw", colours, planes))
    return low + (high - low) * picture


def gram_loss(maps: Tensor, target: Array) -> Tensor:
    """cs231n's style loss of one layer."""
    flat = maps.flatten(2)[0]
    return ((flat @ flat.T / flat.numel() - tensor(target)[0]) ** 2).sum()


def attack(
    net: Loss,
    x: Array,
    labels: list[int],
    span: Array,
    bounds: tuple[Array, Array],
    *,
    epsilon: float,
    length: float,
    steps: int,
    norm: str,
    start: Array | None = None,
    towards: bool = False,
) -> Array:
    """Projected gradient descent, plainly; with one step and no start it is FGSM."""
    low, high = map(tensor, bounds)
    scale, original = tensor(span), tensor(x)
    at = original if start is None else tensor(start)
    wanted = torch.tensor(labels)
    for _ in range(steps):
        at = at.detach().requires_grad_()
        loss = F.cross_entropy(net(at), wanted, reduction="sum")
        (gradient,) = torch.autograd.grad(-loss if towards else loss, at)
        gradient = gradient * scale
        if norm == "linf":
            step = length * gradient.sign()
        else:
            step = length * F.normalize(gradient.flatten(1)).view_as(gradient)
        with torch.no_grad():
            change = (at - original) / scale + step
            if norm == "linf":
                change = change.clamp(-epsilon, epsilon)
            else:
                lengths = change.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
                change = change * (epsilon / lengths).clamp(max=1)
            at = torch.clamp(original + change * scale, low, high)
    return at.detach().numpy()
