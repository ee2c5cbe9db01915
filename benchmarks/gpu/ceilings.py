"""What this card reaches at most, measured in the same run: a copy and products.

The floor of a kernel is the longer of its bytes over the copy's rate and its
operations over the rate of the unit that does them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import case
from clock import medians

SIDE = 8192
COPIED = 1 << 31  # bytes, far more than any cache
PRECISIONS = ("float32", "tf32", "float16")


@dataclass(frozen=True)
class Ceilings:
    """Bytes a second, read and written, and operations a second by precision."""

    bandwidth: float
    rates: dict[str, float]

    def floor(self, nbytes: float, flops: float, precision: str) -> tuple[float, float]:
        """Milliseconds that moving and computing take at least."""
        rate = self.rates.get(precision)
        return nbytes / self.bandwidth * 1e3, flops / rate * 1e3 if rate else 0.0


def measured(cupy: Any, torch: Any) -> Ceilings:
    """The card's ceilings."""
    rates: dict[str, float] = {}
    if torch is None:
        return Ceilings(_copy_rate(cupy), rates)
    for precision in PRECISIONS:
        allow_tf32(torch, precision == "tf32")
        half = precision == "float16"
        took = _product(cupy, torch, torch.float16 if half else torch.float32)
        rates[precision] = 2 * SIDE**3 / took * 1e3
    allow_tf32(torch, False)
    return Ceilings(_bandwidth(cupy, torch), rates)


def _copy_rate(cupy: Any) -> float:
    """:func:`_bandwidth` without PyTorch."""
    size = min(COPIED, cupy.cuda.runtime.memGetInfo()[0] // 8) // 4
    source, target = (cupy.zeros(size, cupy.float32) for _ in range(2))

    def copy(_: int) -> None:
        target[...] = source

    return 2 * 4 * size / medians(cupy, {"copy": copy})["copy"] * 1e3


def _bandwidth(cupy: Any, torch: Any) -> float:
    size = min(COPIED, cupy.cuda.runtime.memGetInfo()[0] // 8) // 4
    source = torch.empty(size, device=case.DEVICE).normal_()
    target = torch.empty_like(source)

    def copy(_: int) -> None:
        target.copy_(source)

    return 2 * 4 * size / medians(cupy, {"copy": copy})["copy"] * 1e3


def _product(cupy: Any, torch: Any, dtype: Any) -> float:
    """Milliseconds."""
    a, b = (torch.randn(SIDE, SIDE, device=case.DEVICE).to(dtype) for _ in range(2))
    c = torch.empty_like(a)

    def product(_: int) -> None:
        torch.mm(a, b, out=c)

    return medians(cupy, {"product": product})["product"]


def allow_tf32(torch: Any, allowed: bool) -> None:
    """Let PyTorch's products and convolutions use TF32, or forbid it."""
    if torch is None:
        return
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed
