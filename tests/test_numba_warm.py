"""Warming compiles everything; what is used is found on disk afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json
from numpy_deconv import get_backend
from numpy_deconv.backends.numba_cpu.compiled import KERNELS

get_backend("numba").warm()
print(json.dumps({
    name: [len(k.signatures), sum(k.stats.cache_hits.values())]
    for name, k in KERNELS.items()
}))
"""


def warmed(folder: Path) -> dict[str, list[int]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    return json.loads(done.stdout)


def test_warming_leaves_nothing_to_compile(tmp_path: Path) -> None:
    first = warmed(tmp_path)
    assert not [name for name, (compiled, _) in first.items() if compiled == 0]
    second = warmed(tmp_path)
    inner = {name for name, (_, hits) in second.items() if hits == 0}
    # what only other kernels call is compiled into them
    assert {name: second[name][0] for name in inner} == dict.fromkeys(inner, 0)
