"""Whether ``torch.compile`` works on this machine: tried once, with a time limit."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

LIMIT = 120
"""Seconds; a compiler that needs longer for one rectifier is of no use here."""

PROBE = """
import torch
compiled = torch.compile(lambda x: torch.relu(x) + 1)
assert float(compiled(torch.zeros(4)).sum()) == 4
"""


@cache
def compiles() -> str | None:
    """None if it does; else a sentence about why compiled nets are left out."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", PROBE],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"torch.compile is left out: it took more than {LIMIT} s to try"
    if done.returncode == 0:
        return None
    last = (done.stderr.strip().splitlines() or ["it failed without a word"])[-1]
    return f"torch.compile is left out, it does not work here: {last}"
