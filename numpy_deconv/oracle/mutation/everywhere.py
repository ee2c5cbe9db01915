"""Faults that any kernel can have: an edge, a tail or a sample done wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import functional
from .mutant import add

SPATIAL = (
    *("conv", "conv_transpose", "max_pool", "avg_pool", "lp_pool", "max_unpool"),
    *("upsample", "local_response_norm", "batch_norm", "relu", "softmax"),
)
Fault = Callable[[Any], None]


def _last_column(y: Any) -> None:
    y[..., -1:] = 0


def _last_row(y: Any) -> None:
    y[:, :, -1:] = 0


def _last_channel(y: Any) -> None:
    y[:, -1:] = 0


def _last_batch(y: Any) -> None:
    y[-1:] = y[:1]


def _tail(y: Any) -> None:
    if y.shape[-1] > 8:
        y[..., y.shape[-1] // 8 * 8 :] = 0


def _tail_of_five(y: Any) -> None:
    if y.shape[-1] % 8 == 5:
        y[..., -1] = 0


def _all_elements(y: Any) -> None:
    flat = y.reshape(-1)
    flat[flat.size // 16 * 16 :] = 0


FAULTS: tuple[tuple[str, str, Fault], ...] = (
    ("last column", "the last column is not written", _last_column),
    ("last row", "the last row of the first axis is not written", _last_row),
    ("last channel", "the last channel is not written", _last_channel),
    ("last batch", "the last sample is a copy of the first", _last_batch),
    ("columns % 8", "columns beyond a multiple of 8 are not written", _tail),
    ("columns % 8 = 5", "the last of 8n + 5 columns is not written", _tail_of_five),
    (
        "elements % 16",
        "elements beyond a multiple of 16 are not written",
        _all_elements,
    ),
)


def _faulty(op: str, fault: Fault) -> Any:
    def run(*arrays: Any, **attrs: Any) -> Any:
        found = getattr(functional, op)(*arrays, **attrs)
        parts = found if isinstance(found, tuple) else (found,)
        y = np.array(parts[0], order="C")
        if y.size:
            fault(y)
        return (y, *parts[1:]) if isinstance(found, tuple) else y

    return run


for _op in SPATIAL:
    for _name, _words, _fault in FAULTS:
        add(_op, _name, _words, _faulty(_op, _fault))
