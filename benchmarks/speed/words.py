"""Numbers as people read them, and the method in sentences."""

from __future__ import annotations

from collections.abc import Iterable

from .results import Entry, Outcome, Report
from .timing import REST

METHOD = (
    "Every candidate is checked before it is timed, against the NumPy reference "
    "(single layers: in float64): relative L2 error at most 1e-5, pools exactly, and "
    "1e-2 where a ReLU or a pool may decide a near-tie the other way. A wrong one is "
    "reported as wrong and has no time. Candidates then take turns in one process, "
    "after warming up, each round in another order; a short one begins after a rest "
    f"of {REST * 1e3:.0f} ms and two untimed runs, so that threads and caches are its "
    "own. A ratio is the median of the rounds' ratios, between the fastest setting of "
    "each side; the numbers after it are the quartiles.",
    "All have the same number of threads and, on Linux, the same allocator, tuned to "
    "keep memory. Inputs are ready in both layouts, NCHW and channels_last, for both "
    "sides; converting is not timed. Batch norms are folded on both. PyTorch rectifies "
    "in place, records no gradients where none are wanted, projects 1, 4 and 16 units "
    "at a time, and runs whole nets compiled as well where torch.compile works.",
    "Projections start from a forward run that is not timed. 'torch' projects whole "
    "planes, as the tutorials do, in batches; 'torch cropped' is the same cropping to "
    "receptive fields that numpy_deconv uses, written in plain PyTorch: the first "
    "ratio is algorithm and kernels, the second kernels alone. Where only some of the "
    "maps or squares were timed, the time is scaled to all and the case says so; maps "
    "that do not respond are dropped.",
    "FLOPs are those of the dense definition: with Winograd, cropping or sparsity the "
    "share of the ceiling may exceed 100 %.",
)


def duration(seconds: float) -> str:
    """With three digits.

    >>> duration(0.00123), duration(12.3)
    ('1.23 ms', '12.3 s')
    """
    units = {"s": 1, "ms": 1e3, "us": 1e6}
    unit = next((u for u, factor in units.items() if seconds * factor >= 1), "us")
    return f"{seconds * units[unit]:#.3g}".rstrip(".") + f" {unit}"


def times(factor: float) -> str:
    """A ratio: two decimals below 10, one below 100, none above.

    >>> times(1.234), times(56.78), times(1234.5)
    ('1.23x', '56.8x', '1234x')
    """
    digits = 2 if factor < 9.995 else 1 if factor < 99.95 else 0
    return f"{factor:.{digits}f}x"


def wrong(outcome: Outcome) -> Iterable[Entry]:
    """Entries that have no time."""
    return (entry for entry in outcome.entries if entry.status in ("wrong", "failed"))


def machine(report: Report) -> str:
    """One line about where and when it ran."""
    facts = report.machine
    versions = ", ".join(f"{name} {v}" for name, v in facts["versions"].items())
    return (
        f"{facts['processor']}, {facts['threads']} of {facts['cores']} cores, "
        f"{facts['system']}, allocator: {facts['allocator']}; Python "
        f"{facts['python']}, {versions}; {report.when}"
    )


def ceiling(report: Report) -> str:
    """One line about the most this machine did."""
    found = report.ceiling
    return (
        f"ceiling in the same run: {found['flops'] / 1e9:.0f} GFLOP/s "
        f"({found['product']}'s matrix product), {found['bytes'] / 1e9:.1f} GB/s "
        f"({found['copy']}'s copy)"
    )
