"""A failing case as a script that stands alone."""

from __future__ import annotations

import base64
import pprint
import zlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from ...arrays import Array
from ..drawing import Case
from ..semantics import SEMANTICS, Semantics

SHORT = 120
"""Elements up to which an array is written out."""


def reproduction(
    case: Case,
    call: str,
    adapter: str,
    title: str,
    names: tuple[str, ...],
    attrs: Mapping[str, Any],
) -> str:
    """The script; ``call`` is ``module:function`` or just a name, ``names`` and
    ``attrs`` are what the kernel is called with (of no names: all arrays)."""
    module, _, function = call.rpartition(":")
    lines = [f"# {case.op}: {title}", "import numpy as np"]
    if any(_is_long(a) for a in case.inputs if a is not None):
        lines += ["import base64", "import zlib"]
    lines += ["from numpy_deconv import oracle"]
    lines += ["from numpy_deconv.oracle.adapters import adapter_of", ""]
    importable = module and "<" not in function
    if importable and "." not in function:
        lines.append(f"from {module} import {function} as candidate")
    elif importable:
        outer, _, _ = function.partition(".")
        lines.append(f"from {module} import {outer}\ncandidate = {function}")
    elif adapter == "command":
        lines.append(f"candidate = {call!r}")
    else:
        lines.append("candidate = ...  # your kernel")
    lines.append("")
    for name, array in case.arrays.items():
        lines.append(f"{name} = {_literal(array, case.layouts.get(name, 'C'))}")
    spelt = pprint.pformat(dict(attrs), sort_dicts=False)
    given = ", ".join(names or case.arrays)
    lines += [f"attrs = {spelt}", f"arrays = [{', '.join(case.arrays)}]"]
    forward = case.op.removesuffix(".backward")
    asked = f"call(candidate, [{given}], attrs, {case.op!r})"
    if "grad" in case.arrays and names and "grad" not in names:
        asked = f"gradients(candidate, grad, [{given}], attrs, {forward!r})"
    lines += [
        f"got = adapter_of({adapter!r}).{asked}",
        f"semantics = {_semantics(case.semantics)}",
        f"want = oracle.reference({case.op!r}, arrays, attrs, semantics=semantics)",
        'print("got ", got)',
        'print("want", want)',
        f"oracle.assert_conforms(got, {case.op!r}, arrays, attrs, semantics=semantics)",
    ]
    return "\n".join(lines) + "\n"


def _is_long(array: Array) -> bool:
    return array.size > SHORT and len(np.unique(array)) > 1


def _literal(array: Array | None, layout: str) -> str:
    if array is None:
        return "None"
    dtype, shape = array.dtype.name, array.shape
    if array.dtype.name == "bfloat16":
        dtype = "float32"
        array = array.astype(np.float32)
    if array.size and len(np.unique(array)) == 1 and np.isfinite(array.flat[0]):
        made = f"np.full({shape}, {array.flat[0].item()!r}, np.{dtype})"
    elif _is_long(array):
        packed = base64.b85encode(zlib.compress(np.ascontiguousarray(array).tobytes()))
        made = (
            f"np.frombuffer(zlib.decompress(base64.b85decode({packed.decode()!r})), "
            f"np.{dtype}).reshape({shape})"
        )
    else:
        numbers = ", ".join(_spelt(v) for v in array.ravel().tolist())
        made = f"np.array([{numbers}], np.{dtype}).reshape({shape})"
    if layout == "channels_last" and len(shape) > 2:
        return f"np.moveaxis(np.moveaxis({made}, 1, -1).copy(), -1, 1)"
    if layout == "neg_step":
        steps = ", ".join(["slice(None, None, -1)"] * len(shape))
        return f"{made}[{steps},].copy()[{steps},]"
    if layout in ("strided", "offset"):
        return f"np.repeat({made}, 2, -1)[..., ::2]"
    return made


def _spelt(value: Any) -> str:
    if value != value:
        return "np.nan"
    if value in (np.inf, -np.inf):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def _semantics(semantics: Semantics) -> str:
    for name, profile in SEMANTICS.items():
        if profile == semantics:
            return repr(name)
    plain = Semantics()
    flags = ", ".join(
        f"{f.name}={getattr(semantics, f.name)!r}"
        for f in fields(semantics)
        if getattr(semantics, f.name) != getattr(plain, f.name)
    )
    return f"oracle.Semantics({flags})"
