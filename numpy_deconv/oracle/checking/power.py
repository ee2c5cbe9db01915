"""Whether a check could have failed at all."""

from __future__ import annotations

from collections.abc import Iterable

from .engine import Tally
from .options import Request

FEW = 20
"""Examples below which a PASS says little."""
ZEROS = 0.99
REJECTED = 0.5
POOLS = ("max_pool", "avg_pool", "lp_pool")
OVERLAPPING = (*POOLS, "im2col", "col2im", "conv_transpose")
TIED = ("max_pool", "adaptive_max_pool")


def weaknesses(request: Request, tally: Tally) -> list[str]:
    """Why a check that found nothing is not to be trusted; empty if it is."""
    said = []
    drawn = tally.total + tally.rejected
    if tally.total < min(FEW, request.budget.examples):
        said.append(
            f"only {tally.total} of {request.budget.examples} examples were judged"
        )
    if drawn and tally.rejected > REJECTED * drawn:
        said.append(
            f"supports left out {tally.rejected} of {drawn} examples: declare what is "
            "left out by ranks=, dtypes= or the kernel's own arguments"
        )
    if tally.unbounded > tally.total:
        said.append(
            f"{tally.unbounded} examples have no bound in the declared arithmetic"
        )
    judged = tally.judged
    if judged and tally.zeros > ZEROS * judged:
        said.append("more than 99 % of the true results are 0")
    everything = judged + tally.skipped
    if everything and tally.skipped > REJECTED * everything:
        said.append("more than half of the results are left open")
    return said + _unseen(request, tally)


def _unseen(request: Request, tally: Tally) -> list[str]:
    """What the drawn calls should have contained."""
    if tally.total < FEW:
        return []
    seen: Iterable[frozenset[str]] = [features for features, _ in tally.features]
    every = frozenset().union(*seen)
    forward, said = request.operation.forward, []
    if forward in OVERLAPPING and not {"kernel_size > 1"} & every:
        said.append("no windows overlap: every kernel has one tap")
    kinds = {"ties data", "constant data", "one_hot data"}
    if forward in TIED and "exact" in request.modes and not kinds & every:
        said.append("no window has ties")
    return said
