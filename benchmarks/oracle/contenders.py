"""Who is judged: PyTorch's and ONNX Runtime's own functions, as strangers' kernels.

What a contender is known to do differently is left out by name, with the reason, and
counted; everything else that it gets wrong is a finding.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from numpy_deconv.oracle import OPERATIONS, Case, Numerics
from numpy_deconv.oracle.adapters.onnx_adapter import NODES, OnnxAdapter

# PyTorch in this library's words is written once, beside the tests that need it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

import torch_peer

Excluded = Callable[[Case], bool]


class Exclusion(NamedTuple):
    """Calls that are not judged, and why."""

    op: str
    reason: str
    covers: Excluded


class Contender(NamedTuple):
    """``answer(case)`` gives an operation's outputs, by name for a gradient;
    ``numerics`` is the arithmetic of operations that are not computed as usual,
    ``ranks`` the numbers of axes where it has not all three."""

    name: str
    dtype: str
    semantics: str
    ops: tuple[str, ...]
    answer: Callable[[Case], Any]
    exclusions: tuple[Exclusion, ...] = ()
    numerics: Mapping[str, Numerics] = {}
    ranks: Mapping[str, tuple[int, ...]] = {}

    def excluded(self, case: Case) -> str:
        """Why a call is left out; "" if it is judged."""
        for op, reason, covers in self.exclusions:
            if op == case.op and covers(case):
                return reason
        return ""


def always(case: Case) -> bool:
    """Every call of the operation."""
    return True


def has_specials(case: Case) -> bool:
    """NaN or infinity among the inputs."""
    arrays = [a for a in case.inputs if a is not None and a.dtype.kind == "f"]
    return not all(bool(np.isfinite(a).all()) for a in arrays)


def reads_padding_only(case: Case) -> bool:
    """Windows of three axes that are larger than the plane without its padding."""
    kernel = case.attrs["kernel_size"]
    size = case.arrays["x"].shape[2:]  # type: ignore[union-attr]
    return case.rank == 3 and any(k > n for k, n in zip(kernel, size, strict=True))


def by_torch(case: Case) -> Any:
    """PyTorch's result, of a gradient by autograd."""
    found = OPERATIONS[case.op]
    arrays = list(case.inputs)
    if not found.is_backward:
        return torch_peer.value(case.op, *arrays, **case.attrs)
    grad, *rest = arrays
    gradients = torch_peer.gradients(found.forward, grad, *rest, **case.attrs)
    names = [name for name in case.arrays if name != "grad"]
    found_names = {output.name for output in found.outputs}
    return {
        name: value
        for name, value in zip(names, gradients, strict=False)
        if value is not None and (found.variadic or name in found_names)
    }


_ONNX = OnnxAdapter()


def _session(model: bytes) -> Any:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"]
    )


def by_onnxruntime(case: Case) -> Any:
    """ONNX Runtime's result of a model of the one node."""
    return _ONNX.call(_session, list(case.inputs), case.attrs, case.op)


def is_empty(case: Case) -> bool:
    """An axis of no length."""
    return any(a is not None and 0 in a.shape for a in case.inputs)


def pads_whole_kernels(case: Case) -> bool:
    """Padding of at least the window's own size."""
    pairs = zip(case.attrs["padding"], case.attrs["kernel_size"], strict=True)
    return any(max(pair) >= k for pair, k in pairs)


def loses_a_small_slope(case: Case) -> bool:
    """A gradient so large that silu's slope still is a normal number where exp(-x) is
    infinite: left of -88.7 in float32, of -709.8 in float64."""
    kind = np.finfo(case.x.dtype)
    grad, x = (case.arrays[name].astype(np.float64) for name in ("grad", "x"))  # type: ignore[union-attr]
    with np.errstate(all="ignore"):
        true = np.abs(grad * np.exp(x) * (1 + x))
    return bool(np.any((x < -np.log(kind.max)) & (true >= kind.tiny)))


TORCH = (
    Exclusion(
        "gelu",
        "PyTorch's gelu of infinity is NaN where it computes 8 numbers at once",
        has_specials,
    ),
    Exclusion(
        "silu.backward",
        "PyTorch's exp(-x) is infinite left of -88.7 (float64: -709.8) and its slope "
        "0, though the gradient times the slope is a normal number",
        loses_a_small_slope,
    ),
    *(
        Exclusion(
            op,
            "PyTorch refuses 3-D windows that only padding makes room for",
            reads_padding_only,
        )
        for op in ("avg_pool", "avg_pool.backward")
    ),
)
DOUBLE = (
    Exclusion(
        "hard_sigmoid.backward",
        "PyTorch multiplies this gradient by 1/6 in single precision",
        always,
    ),
)


def has_lowest(case: Case) -> bool:
    """Minus infinity among the inputs."""
    return bool(np.isneginf(np.asarray(case.inputs[0])).any())


APPROXIMATED = {
    "sigmoid": Numerics(approximation=2.0**-22),
    "tanh": Numerics(approximation=2.0**-22),
    "local_response_norm": Numerics(algo="running"),
}
"""ONNX Runtime's sigmoid and tanh are rational functions, the one 0 and 1 far from 0,
the other off by more than two units in the last place; its response norm slides one
sum over the channels, and what was lost stays lost."""
POOLS = ("max_pool", "avg_pool", "lp_pool")
RUNTIME = (
    *(Exclusion(op, "ONNX Runtime refuses empty arrays", is_empty) for op in NODES),
    *(
        Exclusion(op, "refuses padding as wide as the window", pads_whole_kernels)
        for op in POOLS
    ),
    Exclusion(
        "global_max_pool",
        "ONNX Runtime gives the lowest finite number for a plane of -inf",
        has_lowest,
    ),
    Exclusion(
        "local_response_norm",
        "ONNX Runtime has no even sizes",
        lambda case: case.attrs["size"] % 2 == 0,
    ),
)
EVERY = tuple(OPERATIONS)
CONTENDERS = (
    Contender("torch-float32", "float32", "torch", EVERY, by_torch, TORCH),
    Contender(
        "onnxruntime",
        "float32",
        "onnx",
        tuple(NODES),
        by_onnxruntime,
        RUNTIME,
        APPROXIMATED,
        {"local_response_norm": (2,)},
    ),
    Contender("torch-float64", "float64", "torch", EVERY, by_torch, (*TORCH, *DOUBLE)),
)
