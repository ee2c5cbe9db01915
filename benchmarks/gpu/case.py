"""A case of the benchmark, and the arrays that both libraries see."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BATCHES = (1, 32, 256)
DEVICE = "cuda"
SHRUNK = False  # a dry run: few channels, small planes
ROTATED = 192 << 20  # bytes of inputs, so that a cache does not hold them
MOST_INPUTS = 8
LARGEST = 24 << 30  # bytes of one case's arrays; a larger batch is left out

Sides = tuple[Callable[[int], Any], Callable[[int], Any] | None]


@dataclass(frozen=True)
class Case:
    """``make(tools)`` gives our side and PyTorch's, each a function of the call's
    number, None where PyTorch is not there; ``nbytes`` and ``flops`` are what a call
    must move and compute."""

    group: str
    name: str
    batch: int
    precision: str
    nbytes: float
    flops: float
    make: Callable[[Tools], Sides]
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Tools:
    """The two libraries, PyTorch's None where it is not there."""

    cupy: Any
    torch: Any

    def arrays(self, *shape: int, half: bool = False) -> tuple[Any, Any]:
        """Normal numbers, as PyTorch's tensor and as CuPy's array on one memory; None
        for a tensor where there is no PyTorch."""
        if self.torch is None:
            drawn = self.cupy.random.standard_normal(shape, dtype=self.cupy.float32)
            return None, drawn.astype(self.cupy.float16) if half else drawn
        dtype = self.torch.float16 if half else self.torch.float32
        tensor = self.torch.randn(shape, device=DEVICE).to(dtype)
        return tensor, self.cupy.from_dlpack(tensor)

    def weights(self, *shape: int, half: bool = False) -> tuple[Any, Any]:
        """The same, ours as a loaded net has them: on the host, not to be changed, so
        that they are sent and packed before anything is timed."""
        tensor, array = self.arrays(*shape, half=half)
        host = self.cupy.asnumpy(array)
        host.setflags(write=False)
        return tensor, host

    def rotating(self, *shape: int, half: bool = False) -> tuple[list[Any], list[Any]]:
        """Several of them, more than the cache holds together."""
        each = math.prod(shape) * (2 if half else 4)
        count = max(1, min(MOST_INPUTS, -(-ROTATED // each)))
        pairs = [self.arrays(*shape, half=half) for _ in range(count)]
        return [t for t, _ in pairs], [c for _, c in pairs]

    def sides(self, ours: Callable[[int], Any], theirs: Callable[[int], Any]) -> Sides:
        """Both, or ours alone."""
        return ours, None if self.torch is None else theirs
