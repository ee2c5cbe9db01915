"""Persistent ids and rebuild calls that are malformed."""

from __future__ import annotations

import io
from typing import Any

import pytest
from torch_archives import name, push, storage, tensor

from numpy_deconv.io.pickle_globals import Foreign, Refused
from numpy_deconv.io.restricted_pickle import RestrictedUnpickler
from numpy_deconv.io.torch_globals import (
    TORCH_GLOBALS,
    Element,
    Storage,
    TensorSpec,
    storage_of,
)

FLOAT = Element(code="f4")


def load(opcodes: bytes) -> Any:
    data = opcodes + b"."
    return RestrictedUnpickler(
        io.BytesIO(data), len(data), TORCH_GLOBALS, storage_of
    ).load()


@pytest.mark.parametrize(
    ("persistent_id", "expected"),
    [
        (("storage", FLOAT, "0", "cpu", 6), Storage("0", "f4", 6, 0, 6)),
        (("storage", FLOAT, "0", "cuda:0", 6), Storage("0", "f4", 6, 0, 6)),
        (("storage", FLOAT, "0", "cpu", 6, None), Storage("0", "f4", 6, 0, 6)),
        (("storage", FLOAT, "0", "cpu", 6, ("1", 2, 3)), Storage("0", "f4", 6, 2, 3)),
    ],
)
def test_storages(persistent_id: Any, expected: Storage) -> None:
    assert storage_of(persistent_id) == expected


@pytest.mark.parametrize(
    "persistent_id",
    [
        "storage",
        (),
        ("storage",),
        ("other", FLOAT, "0", "cpu", 6),
        ("storage", "FloatStorage", "0", "cpu", 6),
        ("storage", FLOAT, 0, "cpu", 6),
        ("storage", FLOAT, "0", "cpu", "6"),
        ("storage", FLOAT, "0", "cpu", -1),
        ("storage", FLOAT, "0", "cpu", 6, ("1", 2)),
        ("storage", FLOAT, "0", "cpu", 6, ("1", 4, 3)),
        ("storage", FLOAT, "0", "cpu", 6, ("1", -1, 3)),
        ("storage", FLOAT, "0", "cpu", 6, ("1", 2, -1)),
        ("storage", FLOAT, "0", "cpu", 6, None, None),
    ],
)
def test_malformed_persistent_ids(persistent_id: Any) -> None:
    with pytest.raises(Refused, match="describes a tensor wrongly"):
        storage_of(persistent_id)


def test_a_model_of_the_legacy_format() -> None:
    kind = Foreign("zoo.Net")
    assert storage_of(("module", kind, "zoo.py", "class Net: ...")) is kind


def test_a_tensor_is_only_described() -> None:
    found = load(tensor(storage("0", 6), (2, 3), (3, 1), 1))
    assert found == TensorSpec(Storage("0", "f4", 6, 0, 6), "f4", 1, (2, 3), (3, 1))


@pytest.mark.parametrize("kind", ["torch", "torch.cuda"])
def test_storage_types_of_a_gpu(kind: str) -> None:
    assert load(name(kind, "HalfStorage")) == Element(code="f2")


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("torch._utils._rebuild_tensor", ()),
        ("torch._utils._rebuild_tensor_v2", ()),
        ("torch._utils._rebuild_tensor_v2", ("storage", 0, (2,), (1,), False, {})),
        ("torch._utils._rebuild_tensor_v3", ("storage", 0, (2,), (1,), False, {}, 1)),
        ("torch._utils._rebuild_parameter", ()),
        ("torch._utils._rebuild_parameter", ("data", True, {})),
        ("torch._utils._rebuild_parameter_with_state", ("data", True, {}, {})),
        ("torch._tensor._rebuild_from_type_v2", ()),
        ("torch._tensor._rebuild_from_type_v2", ("f", "t", (), {})),
    ],
)
def test_malformed_calls(function: str, arguments: Any) -> None:
    opcodes = name(*function.rsplit(".", 1)) + push(arguments) + b"R"
    with pytest.raises(Refused, match="describes a tensor wrongly"):
        load(opcodes)


def test_a_call_that_nests_itself_does_not_recurse() -> None:
    function = name("torch._tensor", "_rebuild_from_type_v2")
    opening = b"(" + function + name("torch", "Tensor")
    opcodes = function + opening * 10_000 + b"t" * 10_000 + b"R"
    with pytest.raises(Refused, match="describes a tensor wrongly"):
        load(opcodes)


def test_ordered_dicts_of_both_pythons() -> None:
    make = name("collections", "OrderedDict")
    assert load(make + b")R") == {}
    assert load(make + push(([["a", 1], ["b", 2]],)) + b"R") == {"a": 1, "b": 2}
    with pytest.raises(Refused, match="malformed OrderedDict"):
        load(make + push((1, 2)) + b"R")
    with pytest.raises(Refused, match="does not hold together"):
        load(make + push(([1, 2],)) + b"R")


def test_sizes() -> None:
    assert load(name("torch", "Size") + push(((2, 3),)) + b"R") == (2, 3)
    with pytest.raises(Refused, match="does not hold together"):
        load(name("torch", "Size") + b")R")
