"""A correctness oracle for somebody else's kernel.

``check`` judges a kernel and explains what is wrong with it, ``assert_conforms`` is one
line for an existing test, ``reference`` is the truth, ``bound`` how far a correct
kernel may be from it on these very inputs::

    from numpy_deconv import oracle
    print(oracle.check(my_conv, op="conv"))
    oracle.assert_conforms(my_conv(x, w), "conv", [x, w], {"stride": 2})

``oracle.strategies`` draws calls for Hypothesis, ``oracle.mutants`` are wrong kernels
to try a test suite on.

:mod:`numpy_deconv.oracle.definition` holds the definitions, loop by loop, that every
faster implementation is judged by. Everything is imported on first use.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assertion import assert_conforms as assert_conforms
    from .assertion import conform as conform
    from .checking.check import check as check
    from .checking.options import MODES as MODES
    from .checking.options import Budget as Budget
    from .checking.report import Failure as Failure
    from .checking.report import Report as Report
    from .drawing.case import Case as Case
    from .drawing.case import load_case as load_case
    from .error_bound import Bound as Bound
    from .error_bound import bound as bound
    from .error_bound import bounds as bounds
    from .exchange import NodeCall as NodeCall
    from .exchange import export as export
    from .exchange import node_call as node_call
    from .exchange import verify as verify
    from .judging import BoundReport as BoundReport
    from .judging import judge as judge
    from .mutation import Mutant as Mutant
    from .mutation import mutants as mutants
    from .numerics import FFT as FFT
    from .numerics import PROFILES as PROFILES
    from .numerics import Numerics as Numerics
    from .numerics import Winograd as Winograd
    from .operations import OPERATIONS as OPERATIONS
    from .operations import Operation as Operation
    from .operations import operation as operation
    from .precision import inferred_precision as inferred_precision
    from .sampling import freivalds as freivalds
    from .sampling import spotcheck as spotcheck
    from .semantics import SEMANTICS as SEMANTICS
    from .semantics import Semantics as Semantics
    from .testing import conforms as conforms
    from .truth import reference as reference

_HOMES = {
    "checking.check": "check",
    "checking.options": "Budget MODES",
    "checking.report": "Failure Report",
    "drawing.case": "Case load_case",
    "exchange": "NodeCall export node_call verify",
    "testing": "conforms",
    "mutation": "Mutant mutants",
    "assertion": "assert_conforms conform",
    "error_bound": "Bound bound bounds",
    "judging": "BoundReport judge",
    "numerics": "FFT PROFILES Numerics Winograd",
    "operations": "OPERATIONS Operation operation",
    "precision": "inferred_precision",
    "sampling": "freivalds spotcheck",
    "semantics": "SEMANTICS Semantics",
    "truth": "reference",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}
_MODULES = ("strategies",)

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
