"""What torch.save also writes and a NumPy program cannot use: refused with a remedy."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
from torch_archives import zip_file

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.torch_file import read_torch_file

torch = pytest.importorskip("torch")

BOTH = pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])


def save(saved: Any, path: Path, is_zip: bool) -> Path:
    torch.save(saved, path, _use_new_zipfile_serialization=is_zip)
    return path


class Note:
    """An object that is no module."""


@BOTH
def test_an_object_that_is_no_model_is_refused_by_its_class(
    tmp_path: Path, is_zip: bool
) -> None:
    path = save(Note(), tmp_path / "w.pth", is_zip)
    with pytest.raises(
        FileFormatError, match=r"class .*\.Note, .* save model\.state_dict\(\) instead"
    ):
        read_torch_file(path)
    path = save({"model": Note(), "epoch": 3}, tmp_path / "w.pth", is_zip)
    with pytest.raises(FileFormatError, match=r"no tensor .* it has: 'model', 'ep"):
        read_torch_file(path)


def test_torchscript_is_refused_with_its_remedy(tmp_path: Path) -> None:
    # Not torch.jit.save, which warns that it will go.
    saved = zip_file(b"}", root="net/", records={"constants.pkl": b"."})
    (tmp_path / "w.pt").write_bytes(saved)
    with pytest.raises(FileFormatError, match=r"TorchScript .* torch\.jit\.load"):
        read_torch_file(tmp_path / "w.pt")


@pytest.mark.filterwarnings("ignore::UserWarning")
@BOTH
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
            r"quantised .* tensor\.dequantize\(\)",
        ),
        (lambda: torch.eye(3).to_sparse(), r"sparse .* tensor\.to_dense\(\)"),
        (lambda: torch.eye(3).to_sparse_csr(), r"sparse .* tensor\.to_dense\(\)"),
        (lambda: torch.ones(3, device="meta"), "meta device, which has no values"),
        (
            lambda: torch.ones(3).to(torch.float8_e4m3fn),
            r"torch\.float8_e4m3fn, for which NumPy",
        ),
        (
            lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
            "nested tensor",
        ),
        (
            lambda: torch.ones(2, dtype=torch.complex64).conj(),
            r"lazily; .*resolve_conj\(\)",
        ),
    ],
)
def test_tensors_without_a_numpy_form(
    tmp_path: Path, is_zip: bool, make: Any, message: str
) -> None:
    path = save({"w": make()}, tmp_path / "w.pth", is_zip)
    with pytest.raises(FileFormatError, match=message):
        read_torch_file(path)


@BOTH
@pytest.mark.parametrize(
    ("saved", "message"),
    [
        (lambda: torch.ones(3), "holds a single tensor; save a dict"),
        (lambda: [torch.ones(3)], "holds one list; save a dict"),
        (lambda: 7, "holds one int; save a dict"),
        (dict, "has: nothing"),
        (lambda: {"a": 1, 2: torch.ones(1)}, "has: 'a', 2"),
        (lambda: {"mine": {"w": torch.ones(1)}}, "has: 'mine'"),
    ],
)
def test_what_is_no_state_dict(
    tmp_path: Path, is_zip: bool, saved: Any, message: str
) -> None:
    path = save(saved(), tmp_path / "w.pth", is_zip)
    with pytest.raises(FileFormatError, match=message):
        read_torch_file(path)


def test_the_tar_format_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "w.pth", "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    with pytest.raises(FileFormatError, match=r"tar format of PyTorch before 0\.1\.10"):
        read_torch_file(tmp_path / "w.pth")
