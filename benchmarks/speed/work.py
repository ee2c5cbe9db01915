"""FLOPs and bytes of a case, from its shapes; float32 values, 4 bytes each.

Bytes are those that must cross memory once if nothing is kept: inputs, weights and
outputs. Switches count as 8 bytes, what both sides hand out.
"""

from __future__ import annotations

import math

from .case import Work
from .shapes import Step

FLOAT, SWITCH = 4, 8


def conv(step: Step, batch: int) -> Work:
    """A convolution, or its adjoint in the input: the same arithmetic and arrays.

    ``2*N*K*C/G*taps*OH*OW`` operations.
    """
    planes = math.prod(step.size) + math.prod(step.out)
    moved = FLOAT * (batch * planes + math.prod(step.weight))
    return Work(2.0 * batch * step.macs, moved)


def pool(step: Step, batch: int) -> Work:
    """A max pool with switches: a comparison per tap but the first."""
    if step.window is None:
        return Work(0, 0)
    out = math.prod(step.out)
    moved = FLOAT * math.prod(step.size) + (FLOAT + SWITCH) * out
    return Work(float(batch * out * (step.window.size - 1)), float(batch * moved))


def unpool(step: Step, batch: int) -> Work:
    """Values put back at their switches: nothing to compute, all of it to move."""
    moved = FLOAT * math.prod(step.size) + (FLOAT + SWITCH) * math.prod(step.out)
    return Work(0.0, float(batch * moved))


def net(macs: int, batch: int, passes: int = 1) -> Work:
    """A net's convolutions and linear layers, ``passes`` times; bytes are not known.

    What a net moves depends on what stays in the caches.
    """
    return Work(2.0 * passes * batch * macs, 0.0)
