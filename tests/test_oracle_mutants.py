"""Every shipped mutant dies, and most are named for what they are."""

from __future__ import annotations

import pytest

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.errors import OptionError
from numpy_deconv.oracle.mutation.mutant import add

OPS = sorted({mutant.op for mutant in oracle.mutants()})


def test_there_are_many() -> None:
    assert len(oracle.mutants()) >= 200
    assert len(OPS) >= 25
    assert len({m.name for m in oracle.mutants()}) == len(oracle.mutants())


@pytest.mark.parametrize("op", OPS)
def test_all_are_killed_within_the_default_budget(op: str) -> None:
    survivors = [
        mutant.name
        for mutant in oracle.mutants(op)
        if oracle.check(mutant, op=op, shrink=False).verdict != "FAIL"
    ]
    assert not survivors


@pytest.mark.parametrize(
    "name",
    [
        "conv: dilation[0] twice",
        "conv: groups rotated",
        "conv: kernel flipped",
        "conv: strides ignored",
        "max_pool: last of ties",
        "max_pool: NaN dropped",
        "avg_pool: whole window",
        "conv.backward: last batch only",
        "relu: last column",
    ],
)
def test_the_diagnosis_names_it(name: str) -> None:
    (mutant,) = (m for m in oracle.mutants() if m.name == name)
    failure = oracle.check(mutant, op=mutant.op).failure
    assert failure is not None
    assert any(mutant.description in said for said in failure.diagnosis), failure


def test_a_mutant_is_called_as_the_function() -> None:
    (mutant,) = (m for m in oracle.mutants("max_pool") if m.name.endswith("zero start"))
    import numpy as np

    y, _ = mutant(-np.ones((1, 1, 4), np.float32), 2)
    assert y.tolist() == [[[0, 0]]]


def test_unknown_operations_have_none() -> None:
    with pytest.raises(OptionError, match="did you mean"):
        oracle.mutants("cnov")


def test_names_are_given_once() -> None:
    with pytest.raises(
        OptionError, match="there is a mutant 'conv: bias missing' alre"
    ):
        add("conv", "bias missing", "again", nd.conv)
