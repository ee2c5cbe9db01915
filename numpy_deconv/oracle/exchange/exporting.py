"""Writes drawn cases, with their true results and bounds, as files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...arrays import Array
from ...errors import OptionError
from ..checking.trial import Judge, judge_of
from ..drawing import Case, RandomSource, Wishes, draw_case
from ..drawing.values import BOUND, EXACT, SPECIALS
from ..numerics import Numerics, numerics_of
from ..operations import operation
from ..semantics import Semantics, semantics_of

FORMATS = ("npz", "onnx-node", "c-array")
DATA = {"exact": EXACT, "bound": BOUND, "specials": SPECIALS}


def export(
    folder: str | Path,
    *,
    op: str,
    count: int = 100,
    format: str = "npz",
    mode: str = "exact",
    semantics: Semantics | str | None = None,
    numerics: Numerics | str | None = None,
    dtypes: Sequence[str] = ("float32",),
    ranks: Sequence[int] = (2, 1, 3),
    max_elems: int = 2_000,
    seed: int = 0,
) -> list[Path]:
    """Write ``count`` cases of ``op`` into a folder; their ``.npz`` paths.

    Each ``case_0000.npz`` holds the arrays (``in.x`` ...), the true results
    (``want.y`` ...) and the error that is allowed (``hard.y`` ...). "onnx-node" adds a
    folder with ``model.onnx`` and ``test_data_set_0`` beside it, "c-array" a header
    ``case_0000.h``. Results go back as ``case_0000.out.npz``, ``case_0000.out.npy`` or,
    raw, ``case_0000.y.bin``, for :func:`verify`.
    """
    if format not in FORMATS:
        raise OptionError(f"format={format!r} is not known: use one of {FORMATS}")
    if mode not in DATA:
        raise OptionError(f"mode={mode!r} is not known: use one of {tuple(DATA)}")
    if count < 1:
        raise OptionError(f"there must be at least 1 case, got {count}")
    meaning = semantics_of(semantics or ("onnx" if format == "onnx-node" else "torch"))
    wishes = Wishes(
        meaning, tuple(dtypes), tuple(ranks), None, DATA[mode], max_elems, ("C",)
    )
    declared, place = numerics_of(numerics), Path(folder)
    operation(op)
    made: list[Path] = []
    number = 0
    while len(made) < count and number < 60 * count:
        case = draw_case(op, RandomSource((seed, number)), wishes)
        number += 1
        if case is None or not case.size:
            continue
        judge = judge_of(case, declared, False)
        if judge is None:
            continue
        made.append(_write(place, len(made), judge, mode, format))
    return made


def _write(place: Path, number: int, judge: Judge, mode: str, format: str) -> Path:
    case, stem = judge.case, f"case_{number:04d}"
    bounds = {name: judge.bound_in(mode, name) for name in judge.bounds}
    dtype = judge.call.dtype
    wants = {f"want.{n}": b.y for n, b in bounds.items()}
    hards = {f"hard.{n}": np.array(b.H) for n, b in bounds.items()}
    path = case.save(place / f"{stem}.npz", **wants, **hards)
    if format == "c-array":
        results = {n: _narrow(b.y, dtype) for n, b in bounds.items()}
        header = c_header(case, results, stem)
        (place / f"{stem}.h").write_text(header, encoding="utf-8")
    if format == "onnx-node":
        _write_node(place / stem, case, [_narrow(b.y, dtype) for b in bounds.values()])
    return path


def _narrow(y: Array, dtype: np.dtype[Any]) -> Array:
    """A true result in the dtype that a kernel would give."""
    with np.errstate(all="ignore"):
        return y if y.dtype.kind in "iu" else y.astype(dtype)


C_TYPES = {
    "float32": "float",
    "float64": "double",
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "bfloat16": "uint16_t",
    "float16": "uint16_t",
}


def c_header(case: Case, results: dict[str, Array], stem: str) -> str:
    """Arrays, shapes and attributes as C; halves are given by their bits."""
    lines = [
        f"/* {case} */",
        "#include <math.h>",
        "#include <stdint.h>",
        f"/* attributes: {json.dumps(dict(case.attrs))} */",
    ]
    arrays = {n: a for n, a in case.arrays.items() if a is not None}
    for name, array in (
        *arrays.items(),
        *((f"want_{n}", a) for n, a in results.items()),
    ):
        kind = C_TYPES.get(array.dtype.name)
        if kind is None:
            raise OptionError(f"{array.dtype} has no type in C here")
        flat = np.ascontiguousarray(array).ravel()
        if array.dtype.name in ("bfloat16", "float16"):
            flat = flat.view(np.uint16)
        numbers = ", ".join(_c_number(v, kind) for v in flat.tolist()) or "0"
        shape = ", ".join(str(n) for n in array.shape) or "1"
        lines += [
            f"static const int64_t {stem}_{name}_shape[] = {{{shape}}};",
            f"static const {kind} {stem}_{name}[] = {{{numbers}}};",
        ]
    return "\n".join(lines) + "\n"


def _c_number(value: Any, kind: str) -> str:
    if value != value:
        return "NAN"
    if value in (np.inf, -np.inf):
        return "INFINITY" if value > 0 else "-INFINITY"
    if kind in ("float", "double"):
        return float(value).hex() + ("f" if kind == "float" else "")
    return str(value)


def _write_node(folder: Path, case: Case, results: list[Array]) -> None:
    """An ONNX backend test: a model of one node, its inputs and its outputs."""
    from ..adapters.onnx_adapter import node_model, onnx_inputs

    model = node_model(case.op, case.inputs, case.attrs)
    import onnx

    data = folder / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    groups = (("input", onnx_inputs(case.op, case.inputs)), ("output", results))
    for word, arrays in groups:
        for index, array in enumerate(arrays):
            tensor = onnx.numpy_helper.from_array(np.ascontiguousarray(array))
            (data / f"{word}_{index}.pb").write_bytes(tensor.SerializeToString())
