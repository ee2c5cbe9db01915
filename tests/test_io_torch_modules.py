"""Whole pickled models and checkpoints of training runs, as torch writes them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
from torch_archives import mapping, name, push, storage, tensor, zip_file

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.torch_file import read_torch_checkpoint, read_torch_file

torch = pytest.importorskip("torch")

BOTH = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


class Block(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A class that this package has never heard of, with all that modules hold."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(channels, 4, (3, 1), bias=False)
        self.norm = torch.nn.BatchNorm2d(4)
        self.register_buffer("grid", torch.arange(3.0), persistent=False)
        self.register_buffer("scale", torch.ones(2))
        self.register_parameter("unused", None)
        self.activation = torch.nn.functional.relu
        self.make = functools.partial(torch.nn.Linear, bias=False)
        self.where = Path("here")


class Net(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A model of blocks, with one weight used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.rand(2, 3).t())
        self.blocks = torch.nn.Sequential(Block(2), torch.nn.ReLU(), Block(4))
        self.head = torch.nn.Linear(4, 2)
        self.tied = torch.nn.Linear(4, 2)
        self.tied.weight = self.head.weight


def save(saved: Any, path: Path, is_zip: bool) -> Path:
    torch.save(saved, path, _use_new_zipfile_serialization=is_zip)
    return path


def assert_state(path: Path, net: Any, left_out: tuple[str, ...] = ()) -> None:
    found = read_torch_checkpoint(path)
    wanted = net.state_dict()
    assert list(found.arrays) == list(wanted)
    for key, value in wanted.items():
        assert found.arrays[key].tolist() == value.float().tolist(), key
    assert found.left_out == left_out
    assert found.layout == "torch"


@BOTH
def test_a_whole_model_is_read_as_its_state_dict(tmp_path: Path, is_zip: bool) -> None:
    net = Net()
    assert_state(save(net, tmp_path / "w.pth", is_zip), net)
    found = read_torch_file(tmp_path / "w.pth")
    assert found["head.weight"] is found["tied.weight"]


@BOTH
def test_whole_models_in_other_guises(tmp_path: Path, is_zip: bool) -> None:
    net = Net()
    parallel = torch.nn.DataParallel(net)
    assert_state(save(parallel, tmp_path / "w.pth", is_zip), net)
    checkpoint = {"epoch": 3, "model": net, "note": "yes", "ema": None}
    path = save(checkpoint, tmp_path / "w.pth", is_zip)
    others = ("epoch (int)", "note (str)", "ema (NoneType)")
    assert_state(path, net, others)
    half = net.bfloat16()
    assert_state(save(half, tmp_path / "w.pth", is_zip), half)


@BOTH
@pytest.mark.parametrize("whole", [True, False])
def test_an_averaged_model(tmp_path: Path, is_zip: bool, whole: bool) -> None:
    net = torch.nn.Sequential(Block(2))
    averaged = torch.optim.swa_utils.AveragedModel(net)
    averaged.update_parameters(net)
    saved = averaged if whole else averaged.state_dict()
    path = save(saved, tmp_path / "w.pth", is_zip)
    assert_state(path, net, ("n_averaged",))


def test_every_usual_prefix_goes(tmp_path: Path) -> None:
    net = torch.nn.Linear(3, 2)
    for prefix in ("model.", "net.", "module.model.", "module._orig_mod.net."):
        state = {f"{prefix}{key}": value for key, value in net.state_dict().items()}
        # As Lightning writes it.
        saved = {"state_dict": state, "epoch": 1, "callbacks": {}, "loops": {}}
        path = save(saved, tmp_path / "w.pth", True)
        assert_state(path, net, ("epoch (int)", "callbacks (dict)", "loops (dict)"))


def test_counters_alone_are_weights(tmp_path: Path) -> None:
    path = save({"decay": torch.ones(2)}, tmp_path / "w.pth", True)
    assert list(read_torch_file(path)) == ["decay"]


def test_a_module_refuses_calls_wherever_they_are(tmp_path: Path) -> None:
    call = name("os", "system") + push((f"touch {tmp_path / 'ran'}",)) + b"R"
    state = mapping({"_parameters": b"}", "hook": call})
    module = name("a", "Net") + b")\x81" + state + b"b"
    (tmp_path / "w.pth").write_bytes(zip_file(module))
    with pytest.raises(
        FileFormatError, match=r"asks to call os\.system, .* not|was run"
    ):
        read_torch_file(tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists()


def test_modules_that_hold_each_other_are_refused(tmp_path: Path) -> None:
    weight = tensor(storage("0", 2), (2,), (1,))
    itself = name("a", "Net") + b")\x81q\x63"
    state = mapping(
        {
            "_parameters": mapping({"w": weight}),
            "_modules": mapping({"inner": b"h\x63"}),
        }
    )
    data = zip_file(itself + state + b"b", {"0": bytes(8)})
    (tmp_path / "w.pth").write_bytes(data)
    with pytest.raises(FileFormatError, match="its modules hold each other"):
        read_torch_file(tmp_path / "w.pth")


def test_modules_of_odd_state_have_no_tensors(tmp_path: Path) -> None:
    for state in (b"}", b"N", mapping({"_modules": b"]", "_parameters": b"N"})):
        module = name("a", "Net") + b")\x81" + state + b"b"
        (tmp_path / "w.pth").write_bytes(zip_file(module))
        with pytest.raises(FileFormatError, match=r"a Python object of class a\.Net"):
            read_torch_file(tmp_path / "w.pth")
