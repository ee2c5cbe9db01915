"""One drawn call of an operation: arrays, attributes, and how to draw it again."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import FileFormatError
from ..operations import operation
from ..semantics import Semantics

META = "__case__"
FORMAT = "numpy-deconv oracle case 1"


@dataclass(frozen=True)
class Case:
    """A call: its arrays by name (None: absent), attributes, and their semantics.

    ``kind`` names the data set, ``choices`` is the record it was drawn from, and
    ``layouts`` how arrays lie in memory (those not named are C-contiguous). Attributes
    are also read as ``case.groups``, arrays as ``case.x``.
    """

    op: str
    arrays: Mapping[str, Array | None]
    attrs: Mapping[str, Any]
    semantics: Semantics = field(default_factory=Semantics)
    kind: str = "given"
    layouts: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, int] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        state = self.__dict__
        for part in ("attrs", "arrays"):
            if name in state.get(part, ()):
                return state[part][name]
        raise AttributeError(f"this {state.get('op', 'call')} has no {name!r}")

    @property
    def inputs(self) -> list[Array | None]:
        """The arrays in order, without absent ones at the end."""
        found = list(self.arrays.values())
        while found and found[-1] is None:
            found.pop()
        return found

    @property
    def rank(self) -> int:
        """Number of spatial axes of the first array."""
        return np.ndim(np.asarray(self.inputs[0])) - 2

    @property
    def size(self) -> int:
        """Elements of all arrays together."""
        return sum(int(np.size(a)) for a in self.arrays.values() if a is not None)

    def __str__(self) -> str:
        parts = [
            f"{name}{list(a.shape)} {a.dtype.name}"
            for name, a in self.arrays.items()
            if a is not None
        ]
        parts += [f"{name}={value!r}" for name, value in self.attrs.items()]
        parts += [f"{name} {how}" for name, how in self.layouts.items() if how != "C"]
        return f"{self.op}({', '.join(parts)}), {self.kind} data"

    def save(self, path: str | Path, **extra: Array) -> Path:
        """Write it, and further arrays, as ``.npz``; never half a file."""
        target = Path(path)
        about = {
            "format": FORMAT,
            "op": self.op,
            "attrs": self.attrs,
            "semantics": asdict(self.semantics),
            "kind": self.kind,
            "layouts": self.layouts,
            "choices": self.choices,
            "absent": [name for name, a in self.arrays.items() if a is None],
            "order": list(self.arrays),
            "dtypes": {n: a.dtype.name for n, a in self._given.items()},
        }
        arrays = {f"in.{name}": _storable(a) for name, a in self._given.items()}
        arrays |= {name: _storable(np.asarray(a)) for name, a in extra.items()}
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{secrets.token_hex(6)}.partial")
        try:
            with part.open("wb") as file:
                np.savez(file, **{META: np.array(json.dumps(about))}, **arrays)  # type: ignore[arg-type]
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
        return target

    @property
    def _given(self) -> dict[str, Array]:
        return {name: a for name, a in self.arrays.items() if a is not None}


def load_case(path: str | Path) -> tuple[Case, dict[str, Array]]:
    """A case that was saved, and the further arrays of its file.

    Raises FileFormatError if the file is no case.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
        about = json.loads(str(stored.pop(META)))
        dtypes = about["dtypes"]
        arrays = {
            name: None
            if name in about["absent"]
            else _restored(stored.pop(f"in.{name}"), dtypes[name])
            for name in about["order"]
        }
        case = Case(
            operation(about["op"]).name,
            arrays,
            {name: _tuples(value) for name, value in about["attrs"].items()},
            Semantics(**about["semantics"]),
            about["kind"],
            about["layouts"],
            about["choices"],
        )
    except FileNotFoundError as error:
        raise FileFormatError(f"there is no case {path}") from error
    except Exception as error:
        raise FileFormatError(
            f"{path} is no case of the oracle, or is damaged: give a .npz file that "
            "check or export wrote"
        ) from error
    return case, stored


def _storable(array: Array) -> Array:
    """bfloat16 as its bits, for ``.npz`` has no name for it."""
    return array.view(np.uint16) if array.dtype.name == "bfloat16" else array


def _restored(array: Array, dtype: str) -> Array:
    if dtype != "bfloat16":
        return array
    import ml_dtypes

    return array.view(ml_dtypes.bfloat16)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
