"""Kernels that are programs: arrays in one ``.npz``, results in another."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import FileFormatError, OptionError
from ..operations import operation
from .adapter import Adapter


class CommandAdapter(Adapter):
    """Runs a command line in which ``{input}`` and ``{output}`` are two paths.

    The input holds the arrays by name (``x``, ``weight`` ...) and ``attrs``, a JSON
    text; the output must hold the results by name, or one array of any name.
    """

    name = "command"

    def call(
        self,
        kernel: Any,
        arrays: Sequence[Array | None],
        attrs: Mapping[str, Any],
        op: str,
    ) -> Any:
        """The arrays in the file that the command wrote."""
        found = operation(op)
        names = found.inputs
        if found.variadic:
            stem = found.inputs[-1]
            names = tuple(f"{stem}{i}" for i in range(len(arrays)))
        given = {n: a for n, a in zip(names, arrays, strict=False) if a is not None}
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "input.npz", Path(folder) / "output.npz"
            np.savez(source, attrs=np.array(json.dumps(attrs)), **given)
            words = [
                word.replace("{input}", str(source)).replace("{output}", str(target))
                for word in words_of(kernel)
            ]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
                raise RuntimeError(f"exit status {done.returncode}: {last}")
            if not target.exists():
                raise FileFormatError(f"the command wrote no {target.name}")
            with np.load(target, allow_pickle=False) as file:
                results = {name: file[name] for name in file.files}
        if len(results) == 1:
            return next(iter(results.values()))
        return results

    def checked(self, kernel: Any) -> None:
        """Raise OptionError unless it names an input and an output."""
        line = " ".join(words_of(kernel))
        if "{input}" not in line or "{output}" not in line:
            raise OptionError(
                f"the command {line!r} must contain {{input}} and {{output}}, which "
                "become the paths of two .npz files"
            )


def words_of(kernel: Any) -> list[str]:
    """The command's words, from a line or a sequence."""
    if isinstance(kernel, str):
        return shlex.split(kernel)
    if isinstance(kernel, Sequence) and all(isinstance(w, str) for w in kernel):
        return list(kernel)
    raise OptionError(
        f"a command is a line or a list of words, not {type(kernel).__name__}"
    )
