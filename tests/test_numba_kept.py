"""Compiled code on disk: what is kept is what was made, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from numpy_deconv.backends.numba_cpu import kept
from numpy_deconv.backends.numba_cpu.native import Code

CODE = Code(b"\x7fELF\n and\n so on", ("memcpy", "powf"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    kept._folders.cache_clear()
    yield tmp_path
    kept._folders.cache_clear()


def test_what_is_stored_is_loaded(folder: Path) -> None:
    assert kept.load("a.kernel") is None
    kept.store("a.kernel", CODE)
    assert kept.load("a.kernel") == CODE
    assert [file.name for file in folder.rglob("*.*")] == ["a.kernel"]


def test_a_file_of_other_sources_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.store("a.kernel", CODE)
    monkeypatch.setattr(kept, "_sources", lambda: "others")
    assert kept.load("a.kernel") is None


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_a_damaged_file_is_none(folder: Path, cut: int) -> None:
    kept.store("a.kernel", CODE)
    (file,) = folder.rglob("*.kernel")
    file.write_bytes(file.read_bytes()[:cut])
    assert kept.load("a.kernel") is None
    file.write_bytes(b'{"sources": 3}\n' + CODE.object_code)
    assert kept.load("a.kernel") is None


def test_nowhere_to_write_is_no_error(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "numpy_deconv").write_text("a file, not a folder")
    kept.store("a.kernel", CODE)
    assert kept.load("a.kernel") is None


def test_names_tell_kernels_forms_and_kinds_apart() -> None:
    kinds = (np.dtype(np.float32), 2, True), int
    others = (np.dtype(np.float32), 2, False), int
    names = {
        kept.name_of(kernel, form, each)
        for kernel in ("a", "b")
        for form in ("plain", "shared", "own")
        for each in (kinds, others)
    }
    assert len(names) == 12


def test_settings_of_the_compiler_have_folders_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = kept._environment()
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert kept._environment() == before
    monkeypatch.setenv("NUMBA_OPT", "1")
    assert kept._environment() != before
