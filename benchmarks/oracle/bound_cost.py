"""What a bound costs beside the reference, and a whole check beside a minute.

``python benchmarks/oracle/bound_cost.py benchmarks/results/oracle-bound-cost`` times
``oracle.bounds`` and ``oracle.reference`` on the same call, once each in turns, and
takes the medians; the same for calls of a few elements, where what a call costs at all
decides; then ``oracle.check`` of a convolution as it comes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from long_run_table import machine

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.io.atomic import atomic_write

ROUNDS = 11
LIMIT = 3.0
HEAD = ("| operation | reference, ms | bounds, ms | ratio |", "|---|---|---|---|")
_RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    """Float32 numbers."""
    return _RNG.normal(size=shape).astype(np.float32)


def calls() -> dict[str, tuple[list[Any], dict[str, Any]]]:
    """A call of every operation, of a size that layers have."""
    x, w = normal(4, 32, 56, 56), normal(64, 32, 3, 3)
    wide, low = normal(4, 64, 28, 28), normal(4, 32, 27, 27)
    columns, vector = normal(4, 288, 54 * 54), normal(32)
    logits, labels = normal(256, 1000), _RNG.integers(0, 1000, 256)
    stats = [vector, abs(vector), vector, vector]
    padded, strided = {"padding": 1}, {"kernel_size": 3, "stride": 2}
    unfolded = {"output_size": (56, 56), "kernel_size": 3}
    y, switches = nd.max_pool(x, 3, stride=2)
    rows, square = normal(64, 1024), normal(1024, 1024)
    norm = {"norm_type": 2, "kernel_size": 3}
    small, one = {"output_size": 7}, normal(4, 32, 7, 7)
    linear = [rows, square, square[0]]
    half = normal(4, 32, 28, 28)
    scaled = {"scale": 2, "mode": "bilinear"}
    found: dict[str, tuple[list[Any], dict[str, Any]]] = {
        "conv": ([x, w, w[:, 0, 0, 0]], padded),
        "conv.backward": ([normal(4, 64, 56, 56), x, w, w[:, 0, 0, 0]], padded),
        "conv_input_grad": (
            [normal(4, 64, 56, 56), w],
            {"input_size": (56, 56), **padded},
        ),
        "conv_weight_grad": (
            [normal(4, 64, 56, 56), x],
            {"kernel_size": 3, **padded},
        ),
        "conv_transpose": ([wide, w, vector], {"stride": 2}),
        "conv_transpose.backward": (
            [normal(4, 32, 57, 57), wide, w, vector],
            {"stride": 2},
        ),
        "linear": (linear, {}),
        "linear.backward": ([rows, *linear], {}),
        "im2col": ([x], {"kernel_size": 3}),
        "im2col.backward": ([columns, x], {"kernel_size": 3}),
        "col2im": ([columns], unfolded),
        "col2im.backward": ([x, columns], unfolded),
        "max_pool": ([x], strided),
        "max_pool.backward": ([low, x], strided),
        "avg_pool": ([x], strided),
        "avg_pool.backward": ([low, x], strided),
        "lp_pool": ([x], norm),
        "lp_pool.backward": ([normal(4, 32, 18, 18), x], norm),
        "max_unpool": ([y, switches], {"output_size": (56, 56)}),
        "max_unpool.backward": ([x, y, switches], {"output_size": (56, 56)}),
        "upsample": ([half], scaled),
        "upsample.backward": ([x, half], scaled),
        "pad": ([x], {"padding": 2}),
        "pad.backward": ([normal(4, 32, 60, 60), x], {"padding": 2}),
        "flatten": ([x], {}),
        "flatten.backward": ([x.reshape(4, -1), x], {}),
        "concat": ([x, x], {}),
        "concat.backward": ([normal(4, 64, 56, 56), x, x], {}),
        "batch_norm": ([x, *stats], {}),
        "batch_norm.backward": ([x, x, *stats], {}),
        "batch_norm_training": ([x, *stats], {}),
        "batch_norm_training.backward": ([x, x, *stats], {}),
        "cross_entropy": ([logits, labels], {}),
        "cross_entropy.backward": ([np.float32(1).reshape(()), logits, labels], {}),
        "mse": ([x, x + 1], {}),
        "mse.backward": ([np.float32(1).reshape(()), x, x + 1], {}),
        "prelu": ([x, vector], {}),
        "prelu.backward": ([x, x, vector], {}),
        "local_response_norm": ([x], {"size": 5}),
        "local_response_norm.backward": ([x, x], {"size": 5}),
        "clip": ([x], {"low": -1.0, "high": 1.0}),
        "clip.backward": ([x, x], {"low": -1.0, "high": 1.0}),
    }
    for name in ("adaptive_avg_pool", "adaptive_max_pool"):
        found[name] = ([x], small)
        found[f"{name}.backward"] = ([one, x], small)
    for name in ("global_avg_pool", "global_max_pool"):
        found[name] = ([x], {})
        found[f"{name}.backward"] = ([normal(4, 32, 1, 1), x], {})
    for name in set(oracle.OPERATIONS) - set(found):
        found[name] = ([x, x] if "." in name else [x], {})
    return {name: found[name] for name in oracle.OPERATIONS}


def small_calls() -> dict[str, tuple[list[Any], dict[str, Any]]]:
    """Calls of four elements."""
    x = normal(1, 1, 4)
    one = x[0, 0, :1]
    return {
        "relu": ([x], {}),
        "tanh": ([x], {}),
        "softmax": ([x], {"axis": 2}),
        "avg_pool": ([x], {"kernel_size": 2}),
        "max_pool": ([x], {"kernel_size": 2}),
        "batch_norm": ([x, one, abs(one)], {}),
        "conv": ([x, x[..., :2]], {}),
        "conv.backward": ([x[..., :3], x, x[..., :2]], {}),
    }


def seconds(run: Callable[[], Any]) -> float:
    """Seconds of the processor, of one call."""
    began = time.process_time()
    run()
    return time.process_time() - began


def measured(
    name: str, arrays: list[Any], attrs: dict[str, Any], rounds: int = ROUNDS
) -> tuple[float, float]:
    """Seconds of the reference and of the bounds."""
    pairs = [
        (
            seconds(lambda: oracle.reference(name, arrays, attrs)),
            seconds(lambda: oracle.bounds(name, arrays, attrs)),
        )
        for _ in range(rounds)
    ]
    return median(a for a, _ in pairs), median(b for _, b in pairs)


def _row(name: str, truth: float, bound: float) -> str:
    times = f"{truth * 1e3:.2f} | {bound * 1e3:.2f} | {bound / truth:.2f}"
    return f"| {name} | {times} |"


def main(target: Path) -> None:
    """Measure, and write ``.md`` and ``.json``."""
    rows = {name: measured(name, *call) for name, call in calls().items()}
    small = {name: measured(name, *call, 101) for name, call in small_calls().items()}
    ratios = {name: bound / truth for name, (truth, bound) in rows.items()}
    above = sorted((n for n in ratios if ratios[n] > LIMIT), key=lambda n: -ratios[n])
    whole = seconds(lambda: oracle.check(nd.conv, op="conv"))
    lines = [
        "# What a bound costs",
        "",
        "Made by `python benchmarks/oracle/bound_cost.py`, with "
        + ", ".join(f"{name} {number}" for name, number in machine().items())
        + f"; seconds of the processor, medians of {ROUNDS} in turns, one "
        "thread; planes of 4 x 32 x 56 x 56.",
        "",
        f"`oracle.check(nd.conv, op='conv')` as it comes: {whole:.1f} s. "
        "`oracle.bounds` (truth, both bounds, counts and magnitudes of every output) "
        f"takes at most {LIMIT:g} times `oracle.reference` for "
        f"{len(rows) - len(above)} of {len(rows)} "
        "operations; more for: "
        + (", ".join(f"{n} ({ratios[n]:.1f})" for n in above) or "none")
        + ".",
        "",
        *HEAD,
    ]
    lines += [_row(name, truth, bound) for name, (truth, bound) in rows.items()]
    lines += ["", "Of four elements, where a call costs what it costs:", "", *HEAD]
    lines += [_row(name, truth, bound) for name, (truth, bound) in small.items()]
    found = {
        "machine": machine(),
        "seconds": rows,
        "seconds of four elements": small,
        "check of conv": whole,
    }
    for suffix, text in (
        (".md", "\n".join(lines) + "\n"),
        (".json", json.dumps(found, indent=1) + "\n"),
    ):
        with atomic_write(target.with_suffix(suffix)) as file:
            file.write(text.encode())
    print("\n".join(lines[:5]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
