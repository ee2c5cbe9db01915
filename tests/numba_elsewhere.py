"""Run as a program: kernels for another processor, compiled, and computing right here.

``numba_elsewhere.py aarch64`` has the kernels that a few layers need made for the
vectors of that processor (``numpy_deconv.backends.numba_cpu.vectors.Unit``). They are
run here, for this machine's family; and what they were made of is given to LLVM once
more, for that processor itself. Prints what came of it, as JSON.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding


class Machine(NamedTuple):
    """A processor as LLVM names it, and the features its unit is known by."""

    family: str
    cpu: str
    features: str = ""

    @property
    def runs_here(self) -> bool:
        """Whether this machine has what its code needs."""
        wanted = set(self.features.replace("+", "").split(",")) - {""}
        here = binding.get_host_cpu_features()
        related = self.family == platform.machine() == "x86_64"
        return related and all(here.get(each) for each in wanted)


MACHINES = {
    "aarch64": Machine("aarch64", "neoverse-n1"),
    "haswell": Machine("x86_64", "haswell", "+avx,+avx2,+fma"),
    "x86-64": Machine("x86_64", "x86-64"),
}

COMPILER = "aarch64-linux-gnu-gcc"
EMULATORS = ("qemu-aarch64-static", "qemu-aarch64")
WORDS = ("%xmm", "%ymm", "%zmm", "vfmadd", "fmla\tv")


def emulator() -> str | None:
    """The program that runs ARM's code here, if it and a compiler are installed."""
    found = filter(None, map(shutil.which, EMULATORS))
    return next(found, None) if shutil.which(COMPILER) else None


def target_machine(machine: Machine) -> Any:
    """What makes code for it; RuntimeError if this LLVM cannot."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple(f"{machine.family}-unknown-linux-gnu")
    return target.create_target_machine(
        cpu=machine.cpu, features=machine.features, opt=3, codemodel="default"
    )


def retold(module: Any, target: Any) -> Any:
    """The module as one for another processor."""
    lines = str(module).splitlines()
    for number, line in enumerate(lines):
        if line.startswith("target triple"):
            lines[number] = f'target triple = "{target.triple}"'
        if line.startswith("target datalayout"):
            lines[number] = f'target datalayout = "{target.target_data}"'
    other = binding.parse_assembly("\n".join(lines))
    other.verify()
    return other


def largest_errors(rng: np.random.Generator) -> dict[str, float]:
    """Of layers by the compiled backend, relative to the reference's largest number."""
    import numpy_deconv as nd

    x = rng.normal(size=(1, 20, 13, 11)).astype(np.float32)
    sparse = np.where(rng.random((1, 6, 13, 11)) < 0.05, 1, 0).astype(np.float32)
    plain = rng.normal(size=(21, 20, 3, 3)).astype(np.float32)
    each = rng.normal(size=(20, 1, 3, 3)).astype(np.float32)
    few = rng.normal(size=(6, 20, 3, 3)).astype(np.float32)
    cases: dict[str, Any] = {
        "winograd": lambda: nd.conv(x, plain, padding=1),
        "gathered": lambda: nd.conv(x, plain, stride=2),
        "depthwise": lambda: nd.conv(x, each, padding=1, groups=20),
        "sparse": lambda: nd.conv_input_grad(sparse, few, (13, 11), padding=1),
        "max_pool": lambda: nd.max_pool(x, 3, stride=2)[0],
    }
    found = {}
    for name, case in cases.items():
        right = case()
        with nd.use_backend("numba"):
            away = np.abs(case() - right).max() / np.abs(right).max()
        found[name] = float(away)
    return found


def import_for(machine: Machine) -> None:
    """Have kernels made for a processor; before anything imports them."""
    here = platform.machine
    os.environ["NUMBA_CPU_NAME"] = machine.cpu if machine.runs_here else "generic"
    os.environ["NUMBA_CPU_FEATURES"] = machine.features
    platform.machine = lambda: machine.family
    try:
        import_module("numpy_deconv.backends.numba_cpu.building")
    finally:
        platform.machine = here


def main(name: str) -> None:
    machine = MACHINES[name]
    import_for(machine)
    from numpy_deconv.backends.numba_cpu import building, vectors

    target = target_machine(machine)
    assembly: list[str] = []
    emitted = building.emitted

    def also_there(module: Any, machine_here: Any) -> Any:
        assembly.append(target.emit_assembly(retold(module, target)))
        return emitted(module, machine_here)

    building.emitted = also_there
    errors = largest_errors(np.random.default_rng(0))
    text = "\n".join(assembly)
    result = {
        "unit": vectors.UNIT,
        "kernels": len(assembly),
        "words": {word: text.count(word) for word in WORDS},
        "errors": errors,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1])
