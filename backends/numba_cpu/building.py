"""Machine code made of kernels, by Numba and LLVM."""

from __future__ import annotations

import os
import sys
from types import FunctionType
from typing import Any

from numba import extending, types
from numba.np.numpy_support import from_dtype

from .arguments import Kinds, is_array, numbers_of
from .codegen import Called, optimise, translated
from .compiled import Kernel, Part
from .entries import entry_of
from .native import Code, machine

_told = os.environ.get("NUMPY_DECONV_QUIET") == "1"


def build(kernel: Kernel, form: str, kinds: Kinds) -> Code:
    """The code of a kernel for arguments of these kinds, to be called as ``form``."""
    _tell()
    module, cpu, features = optimised(kernel, form, kinds)
    return emitted(module, machine(cpu, features))


def optimised(kernel: Kernel, form: str, kinds: Kinds) -> tuple[Any, str, str]:
    """What LLVM is given of a kernel: its module, and the processor it is meant for."""
    function = _known(kernel.function)
    entry = entry_of(function, form, tuple(map(_type, kinds)))
    module, codegen = translated(entry, (types.int64,), kernel.name)
    _, cpu, features = codegen.magic_tuple()
    optimise(module, machine(cpu, features))
    return module, cpu, features


def emitted(module: Any, machine: Any) -> Code:
    """A module's code for a machine, and what it calls."""
    outside = (*module.functions, *module.global_variables)
    return Code(
        machine.emit_object(module),
        tuple(
            each.name
            for each in outside
            if each.is_declaration and not each.name.startswith("llvm.")
        ),
    )


_made: dict[int, tuple[Any, Any]] = {}


def _known(function: FunctionType) -> FunctionType:
    """A copy that calls what Numba knows, in the place of kernels and parts."""
    names = dict(function.__globals__)
    for name in function.__code__.co_names:
        if isinstance(names.get(name), Kernel | Part):
            names[name] = _numbas(names[name])
    code, closed = function.__code__, function.__closure__
    copy = FunctionType(code, names, function.__name__, function.__defaults__, closed)
    copy.__module__ = function.__module__
    return copy


def _numbas(part: Kernel | Part) -> Any:
    """What Numba calls instead; once made, the same each time."""
    made = _made.get(id(part))
    if made is None:
        if isinstance(part, Kernel):
            function = Called(_known(part.function))
        elif part.decorator == "intrinsic":
            function = extending.intrinsic(part.function)
        else:
            function = getattr(extending, part.decorator)(**part.options)(
                _known(part.function)
            )
        made = _made[id(part)] = part, function
    return made[1]


_NUMBERS = {"bool": types.boolean, "bool_": types.boolean, "float32": types.float32}


def _type(kind: Any) -> Any:
    """Numba's type for what is of this kind."""
    if is_array(kind):
        dtype, axes, contiguous = kind
        return types.Array(from_dtype(dtype), axes, "C" if contiguous else "A")
    numbers = [_number(each) for each in numbers_of(kind)]
    if isinstance(kind, tuple):
        return types.BaseTuple.from_types(numbers, kind[0])
    return numbers[0]


def _number(kind: type) -> Any:
    if issubclass(kind, float):
        return types.float64
    return _NUMBERS.get(kind.__name__, types.int64)


def _tell() -> None:
    """Say once, on a terminal, why the first run takes its time."""
    global _told
    if not _told and sys.stderr is not None and sys.stderr.isatty():
        print("compiling kernels, once ...", file=sys.stderr, flush=True)
    _told = True
