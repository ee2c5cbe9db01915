"""The machine: what it is, and the most it does in the same run.

The ceiling of arithmetic is the faster of NumPy's and PyTorch's own matrix products,
that of memory the faster of their copies; both as many threads wide as the rest.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .case import Work, draw

SIDE = 1536
"""Of the matrices: 2 * 1536**3 operations are 7 GFLOP, long enough to be steady."""
COPIED = 64 * 2**20
"""Bytes; more than caches hold, so that it is memory that is measured."""
REPEATS = 7
BUSY = 0.25
"""Of the cores; use above it slows down some contenders far more than others."""
LOOK = 0.5
"""Seconds for which others are watched."""
PACKAGES = ("numpy-deconv", "numpy", "numba", "torch", "onnxruntime", "jax")


class Ceiling(NamedTuple):
    """Operations and bytes per second, and who reached them."""

    flops: float
    bytes: float
    product: str
    copy: str

    def share(self, work: Work, seconds: float) -> float | None:
        """Part of the nearer ceiling that was reached; None if no work is known.

        Of the dense arithmetic: Winograd, cropping and sparsity may exceed 1.
        """
        shares = (work.flops / self.flops, work.bytes / self.bytes)
        return max(shares) / seconds if max(shares) else None


def best_of(run: Callable[[], Any]) -> float:
    """Seconds of the fastest of some calls: a ceiling is not a median."""
    run()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def measure_ceiling(torch: bool) -> Ceiling:
    """Measure it, with PyTorch taking part if it is measured otherwise too."""
    a, b = draw(SIDE, SIDE), draw(SIDE, SIDE, seed=1)
    c, source = np.empty_like(a), np.ones(COPIED // 4, np.float32)
    target = np.empty_like(source)
    products = {"numpy": best_of(lambda: np.matmul(a, b, out=c))}
    copies = {"numpy": best_of(lambda: np.copyto(target, source))}
    if torch:
        from torch import from_numpy, matmul

        ta, tb, tc = map(from_numpy, (a, b, c))
        products["torch"] = best_of(lambda: matmul(ta, tb, out=tc))
        ts, tt = map(from_numpy, (source, target))
        copies["torch"] = best_of(lambda: tt.copy_(ts))
    product, copy = (
        min(products, key=products.__getitem__),
        min(copies, key=copies.__getitem__),
    )
    # A copy reads each byte and writes it.
    return Ceiling(
        2 * SIDE**3 / products[product], 2 * COPIED / copies[copy], product, copy
    )


def busy(cores: int) -> str | None:
    """A warning if others use the machine; None if it is free, or does not tell."""
    used = in_use(cores)
    if used <= BUSY * cores:
        return None
    return (
        f"the machine was busy when this began ({used:.1f} of {cores} cores in use): "
        "threads waited for each other, and no ratio here means much"
    )


def in_use(cores: int) -> float:
    """Cores in use while this process sleeps; where the system does not tell, those of
    the last minute, which may have been its own."""
    try:
        idle, total = _ticks()
        time.sleep(LOOK)
        idle_now, total_now = _ticks()
    except (OSError, ValueError):
        return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return cores * (1 - (idle_now - idle) / max(1, total_now - total))


def _ticks() -> tuple[int, int]:
    """Of all cores since the start, on Linux: idle ones, and all."""
    first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    user, nice, system, idle, waiting, *others = map(int, first.split()[1:9])
    return idle + waiting, user + nice + system + idle + waiting + sum(others)


def describe(threads: int, allocator: str) -> dict[str, Any]:
    """Processor, cores, system, versions: what a result is worth nothing without."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "allocator": allocator,
        "versions": versions,
    }


def processor() -> str:
    """The processor's name, with what sets its speed where a virtual one has none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {key.strip(): value.strip() for key, _, value in map(_split, lines)}
    name = facts.get("model name") or platform.processor() or platform.machine()
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    widest = [f for f in ("avx512f", "avx2", "avx", "sve", "asimd") if f in flags]
    return f"{name} ({widest[0]})" if widest else name


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")
