"""Where PyTorch, ONNX Runtime and the ONNX reference differ: made by running them.

``python benchmarks/differences.py [TABLE.md]`` prints the table, or writes it. Each row
is a small call, what each of them answers, and what this library does under
``semantics="torch"`` and ``"onnx"``.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx.reference import ReferenceEvaluator

from numpy_deconv import oracle
from numpy_deconv.errors import NumpyDeconvError
from numpy_deconv.oracle.adapters.onnx_adapter import node_model, onnx_inputs

nan, inf = float("nan"), float("inf")


class Row(NamedTuple):
    """A call worth asking about."""

    title: str
    op: str
    arrays: tuple[Any, ...]
    attrs: dict[str, Any]
    torch: Callable[..., Any]
    output: int = 0


def line(*values: float) -> Any:
    """A plane of one row, of one channel."""
    return np.array([[values]], np.float32)


def conv(x: Any, w: Any, **attrs: Any) -> Any:
    """PyTorch's, in this library's words."""
    return F.conv1d(x, w, **attrs)


def global_max(x: Any) -> Any:
    """PyTorch's name for it is adaptive."""
    return F.adaptive_max_pool1d(x, 1)


def max_pool(x: Any, **attrs: Any) -> Any:
    """Values and indices."""
    return F.max_pool1d(x, return_indices=True, **attrs)


def lp_pool(x: Any, *, norm_type: float, kernel_size: Any, **attrs: Any) -> Any:
    """PyTorch's takes one number on one axis."""
    options = {n: v[0] if isinstance(v, tuple) else v for n, v in attrs.items()}
    return F.lp_pool1d(x, norm_type, kernel_size[0], **options)


def channels(x: Any, **attrs: Any) -> Any:
    """PyTorch's local response normalisation."""
    return F.local_response_norm(x, **attrs)


K2, K3 = {"kernel_size": (2,)}, {"kernel_size": (3,)}
ROWS = (
    Row("NaN in a maximum", "max_pool", (line(1, nan, 3, 2),), K2, max_pool),
    Row("NaN first in a maximum", "max_pool", (line(nan, 1, 3, 2),), K2, max_pool),
    Row("Index of equal maxima", "max_pool", (line(5, 5, 1, 1),), K2, max_pool, 1),
    Row(
        "Index in the second channel",
        "max_pool",
        (np.arange(8, dtype=np.float32).reshape(1, 2, 4),),
        K2,
        max_pool,
        1,
    ),
    Row("A window of -inf", "max_pool", (line(-inf, -inf, 1, 2),), K2, max_pool),
    Row(
        "Index with stride and dilation 1",
        "max_pool",
        (line(1, 4, 2, 3),),
        {**K2, "stride": (1,)},
        max_pool,
        1,
    ),
    Row(
        "Mean of a window that hangs over by 2",
        "avg_pool",
        (line(3, 6, 9, 12),),
        {**K3, "stride": (3,), "ceil_mode": True},
        F.avg_pool1d,
    ),
    Row(
        "2-norm of a window that hangs over",
        "lp_pool",
        (line(1, 1, 1),),
        {"norm_type": 2.0, **K2, "stride": (2,), "ceil_mode": True},
        lp_pool,
    ),
    Row(
        "Infinity between a dilated kernel's taps",
        "conv",
        (line(1, inf, 5), line(1, 1)),
        {"dilation": (2,)},
        conv,
    ),
    Row(
        "Transposed convolution in 2 groups",
        "conv_transpose",
        (
            np.arange(1, 5, dtype=np.float32).reshape(1, 4, 1),
            np.arange(8, dtype=np.float32).reshape(4, 2, 1),
        ),
        {"groups": 2},
        F.conv_transpose1d,
    ),
    Row(
        "output_padding equal to the stride",
        "conv_transpose",
        (line(1, 2), line(1, 1)),
        {"output_padding": (1,), "dilation": (2,)},
        F.conv_transpose1d,
    ),
    Row(
        "Even size of response normalisation",
        "local_response_norm",
        (np.array([[[1.0], [2.0], [3.0]]], np.float32),),
        {"size": 2, "alpha": 1.0, "beta": 1.0, "k": 1.0},
        channels,
    ),
)


ROWS += (
    Row(
        "The largest of a plane of -inf",
        "global_max_pool",
        (line(-inf, -inf),),
        {},
        global_max,
    ),
    Row("Sigmoid of -20", "sigmoid", (line(-20),), {}, torch.sigmoid),
    Row(
        "Response norm beside a large channel",
        "local_response_norm",
        (np.array([1e4, 1, 1, 1], np.float32).reshape(1, 4, 1, 1),),
        {"size": 1, "alpha": 1.0, "beta": 1.0, "k": 1.0},
        channels,
    ),
    Row(
        "Response norm after a NaN",
        "local_response_norm",
        (np.array([nan, 1, 1, 1], np.float32).reshape(1, 4, 1, 1),),
        {"size": 1, "alpha": 1.0, "beta": 1.0, "k": 1.0},
        channels,
    ),
    Row(
        "Infinite weight on padding",
        "conv",
        (line(1, 2), line(inf, 1)),
        {"padding": (1,)},
        conv,
    ),
    Row(
        "Maxima with padding as wide as the window",
        "max_pool",
        (line(1, 2),),
        {**K2, "stride": (1,), "padding": ((1, 1),)},
        lambda x, **o: max_pool(x, **{**o, "padding": 1}),
    ),
    Row(
        "Mean that includes padding, hanging over",
        "avg_pool",
        (line(2, 4, 6, 8),),
        {
            **K3,
            "stride": (2,),
            "padding": ((1, 1),),
            "ceil_mode": True,
            "count_include_pad": True,
        },
        lambda x, **o: F.avg_pool1d(x, **{**o, "padding": 1}),
    ),
    Row(
        "Infinity less infinity in a sum",
        "conv",
        (line(inf, -inf), line(1, 1)),
        {},
        conv,
    ),
)


NOTES = """A name is the exception that was raised, `refused` this library's. ONNX
Runtime's response norm slides one sum over the channels: what a large number or a NaN
took away stays away; its sigmoid is a rational function that is 0 far from 0. The ONNX
reference has no window of one channel."""


def answers(row: Row) -> list[str]:
    """What each of the five says."""

    def model() -> Any:
        return node_model(row.op, row.arrays, row.attrs)

    def feeds() -> dict[str, Any]:
        return {f"i{i}": a for i, a in enumerate(onnx_inputs(row.op, row.arrays))}

    def by_torch() -> Any:
        return row.torch(*map(torch.from_numpy, row.arrays), **row.attrs)

    def by_runtime() -> Any:
        session = onnxruntime.InferenceSession(
            model().SerializeToString(), providers=["CPUExecutionProvider"]
        )
        return session.run(None, feeds())

    def by_reference() -> Any:
        return ReferenceEvaluator(model()).run(None, feeds())

    def ours(semantics: str) -> Callable[[], Any]:
        return lambda: oracle.reference(
            row.op, row.arrays, row.attrs, semantics=semantics
        )

    askers = (by_torch, by_runtime, by_reference, ours("torch"), ours("onnx"))
    return [answer(ask, row.output) for ask in askers]


def answer(ask: Callable[[], Any], output: int) -> str:
    """The chosen output as text, or that it was refused."""
    try:
        found = ask()
    except NumpyDeconvError:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}"
    if isinstance(found, tuple | list):
        found = found[output]
    flat = np.asarray(found).ravel()
    return " ".join(f"{v:.6g}" for v in flat.tolist())


def table() -> str:
    """All rows, in Markdown."""
    heads = ("torch", "ONNX Runtime", "ONNX reference", "ours, torch", "ours, onnx")
    lines = [
        "# Where PyTorch, ONNX Runtime and the ONNX reference differ",
        "",
        "Made by running them: `python benchmarks/differences.py`, with "
        f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, "
        f"onnx {onnx.__version__}.",
        "",
        "| call | " + " | ".join(heads) + " |",
        "|---" * (len(heads) + 1) + "|",
    ]
    said = [(row.title, answers(row)) for row in ROWS]
    lines += [f"| {title} | {' | '.join(a)} |" for title, a in said if differ(a)]
    alike = [title for title, a in said if not differ(a)]
    lines += ["", f"All three agree on: {'; '.join(alike)}.", "", NOTES]
    return "\n".join(lines) + "\n"


def differ(found: list[str]) -> bool:
    """Whether PyTorch, ONNX Runtime and the ONNX reference say different things."""
    return len(set(found[:3])) > 1


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    onnxruntime.set_default_logger_severity(4)
    made = table()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(made, encoding="utf-8")
    else:
        print(made, end="")
