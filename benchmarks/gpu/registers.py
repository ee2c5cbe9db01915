"""What each kernel takes of a multiprocessor: registers, shared memory, spills.

From the code that NVRTC makes, no card needed: what is read from the compiled code is
what a card would run, and the occupancy follows from NVIDIA's tables of what a
multiprocessor has. Run ``python benchmarks/gpu/registers.py --help``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path.insert(0, str(TESTS))

import nvrtc_compiler  # noqa: E402

from numpy_deconv.backends.cupy_gpu.catalogue import catalogue  # noqa: E402
from numpy_deconv.backends.cupy_gpu.device import OPTIONS  # noqa: E402
from numpy_deconv.backends.cupy_gpu.kernel import THREADS, Kernel  # noqa: E402

REGISTERS = 65536  # of a multiprocessor, and its threads and shared memory (bytes)
MOST_THREADS = {70: 2048, 80: 2048, 86: 1536, 89: 1536, 90: 2048}
SHARED = {70: 96 << 10, 80: 164 << 10, 86: 100 << 10, 89: 100 << 10, 90: 228 << 10}
RESERVED = {70: 0}  # shared memory that CUDA keeps of each block: 1 KiB from 8.0 on
GRANULE = 256  # registers of a warp are given in steps of so many
MOST_BLOCKS = 32

_COMPILING = re.compile(r"Compiling entry function '(\w+)'")
_SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SMEM = re.compile(r"(\d+) bytes smem")
_BOUNDS = re.compile(r"__launch_bounds__\(([^)]*)\) (\w+)\(")


@dataclass(frozen=True)
class Use:
    """Of one kernel; shared memory is the static part."""

    file: str
    function: str
    macros: str
    threads: int
    registers: int
    shared: int
    spilled: int

    def occupancy(self, capability: int) -> float:
        """Part of the threads that a multiprocessor can have at a time."""
        warps = -(-self.threads // 32)
        each = -(-self.registers * 32 // GRANULE) * GRANULE * warps
        blocks = min(MOST_BLOCKS, REGISTERS // max(1, each))
        blocks = min(blocks, MOST_THREADS[capability] // (warps * 32))
        if self.shared:
            block = self.shared + RESERVED.get(capability, 1024)
            blocks = min(blocks, SHARED[capability] // block)
        return blocks * warps * 32 / MOST_THREADS[capability]


def uses(kernel: Kernel, capability: int) -> Iterator[Use]:
    """Every function of the kernel's file, compiled as the kernel is."""
    options = (*OPTIONS, f"-arch=sm_{capability}", "--ptxas-options=-v")
    binary, log = nvrtc_compiler.compiled(kernel.code, (*options, *kernel.options))
    if not binary:
        raise RuntimeError(f"{kernel.file} {kernel.options}: {log}")
    macros = dict(kernel.macros)
    threads = _threads(macros)
    bounded = {name for _, name in _BOUNDS.findall(kernel.code)}
    for part in re.split(r"(?=ptxas info\s+: Compiling entry)", log):
        name, used = _COMPILING.search(part), _USED.search(part)
        if name is None or used is None:
            continue
        spilled, shared = _SPILLS.search(part), _SMEM.search(part)
        yield Use(
            kernel.file,
            name[1],
            " ".join(v if k == "ELEMENT" else f"{k}={v}" for k, v in _shown(macros)),
            threads if name[1] in bounded else THREADS,
            int(used[1]),
            int(shared[1]) if shared else 0,
            int(spilled[1]) + int(spilled[2]) if spilled else 0,
        )


def _threads(macros: dict[str, str]) -> int:
    if "HIGH" not in macros:
        return THREADS
    sizes = [int(macros[name]) for name in ("HIGH", "WIDE", "TALL", "BROAD")]
    return sizes[0] // (4 * sizes[2]) * (sizes[1] // (4 * sizes[3]))


def _shown(macros: dict[str, str]) -> list[tuple[str, str]]:
    hidden = ("ACCUMULATOR", "RESULT", "INDEX", "WHOLE")
    return [(k, v.replace(" ", "_")) for k, v in macros.items() if k not in hidden]


def main() -> int:
    """Print a table; the status tells of spills."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--capability", type=int, default=90, choices=MOST_THREADS)
    parser.add_argument("--type", default="float", help="of elements, as C++ has it")
    parser.add_argument("--only", default="", help="files with this in their name")
    given = parser.parse_args()
    if not nvrtc_compiler.available():
        print("NVRTC is missing: pip install nvidia-cuda-nvrtc-cu12")
        return 1
    print(f"sm_{given.capability}, {given.type}, 32-bit indices; nothing was run\n")
    print("| kernel | macros | threads | registers | shared | spilled | occupancy |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    spilled = 0
    for kernel in catalogue(given.capability):
        macros = dict(kernel.macros)
        right = macros["ELEMENT"] == given.type and macros["INDEX"] == "int"
        if not right or given.only not in kernel.file:
            continue
        for use in uses(kernel, given.capability):
            spilled += use.spilled
            share = use.occupancy(given.capability)
            cells = (use.threads, use.registers, use.shared, use.spilled)
            numbers = " | ".join(map(str, cells))
            name = f"{use.file}: {use.function}"
            print(f"| {name} | {use.macros} | {numbers} | {share:.0%} |", flush=True)
    return 1 if spilled else 0


if __name__ == "__main__":
    raise SystemExit(main())
