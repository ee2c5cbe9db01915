"""Damaged and hostile files of every format: one sentence, little memory, no harm.

The seeds are fixed; ``NUMPY_DECONV_FUZZ=20000`` takes so many of them for each file.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import damaged, watched
from torch_archives import legacy_file, mapping, name, push, storage, tensor, zip_file
from weight_files import data_of

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.npz import write_npz
from numpy_deconv.io.safetensors import write_safetensors
from numpy_deconv.io.weights import read_weight_file

CASES = int(os.environ.get("NUMPY_DECONV_FUZZ", "250"))
MOST_MEMORY = 160 * 2**20
MOST_SECONDS = 10.0
LONGEST = 600


def arrays() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return {
        "conv.weight": rng.normal(size=(2, 3, 3, 3)).astype("f4"),
        "conv.bias": rng.normal(size=2),
        "count": np.array(3),
        "empty": np.zeros((0, 2), "f2"),
    }


def written(write: Callable[..., None], folder: Path) -> bytes:
    write(folder / "clean", arrays())
    return (folder / "clean").read_bytes()


def torch_saved() -> bytes:
    """A checkpoint with a state dict, a whole module, and things beside them."""
    weights = {
        "a": tensor(storage("0", 6), (2, 3), (1, 2)),
        "b": tensor(storage("1", 2, "BoolStorage"), (2,), (1,)),
    }
    inner = mapping({"_parameters": mapping(weights), "_modules": b"}"})
    module = name("my.zoo", "Net") + b")\x81" + inner + b"b"
    extra = {"epoch": push(3), "best": push(0.5), "args": push(["x", (1, 2)])}
    return mapping({**extra, "model": module})


STORAGES = [("0", 6, bytes(24)), ("1", 2, b"\0\1")]
FILES: dict[str, Callable[[Path], bytes]] = {
    "safetensors": lambda folder: written(write_safetensors, folder),
    "npz": lambda folder: written(write_npz, folder),
    "zip.pth": lambda _: zip_file(torch_saved(), {k: d for k, _, d in STORAGES}),
    "legacy.pth": lambda _: legacy_file(torch_saved(), STORAGES),
    **{
        file: lambda _, file=file: data_of(file)  # type: ignore[misc]
        for file in (
            "p2.pdparams",
            "checkpoint.pdparams",
            "whole.h5",
            "bare.weights.h5",
            "whole.keras",
        )
    },
}


def read(path: Path) -> str:
    """What the reader says against the file; empty if it reads it."""
    try:
        read_weight_file(path)
    except FileFormatError as error:
        return str(error)
    return ""


def assert_one_sentence(message: str, path: Path) -> None:
    assert message.startswith(str(path)), message
    assert "\n" not in message, message
    assert message.isprintable(), message
    assert len(message) < LONGEST + len(str(path)), message


@pytest.mark.parametrize("file", FILES)
def test_damage_at_random(tmp_path: Path, file: str) -> None:
    clean = FILES[file](tmp_path)
    path = tmp_path / f"w.{file.rpartition('.')[2]}"
    path.write_bytes(clean)
    assert read(path) == ""
    refused = 0
    for seed in range(CASES):
        path.write_bytes(damaged(clean, seed))
        with watched() as seen:
            message = read(path)
        assert seen.events == []
        assert seen.peak < MOST_MEMORY, seed
        assert seen.seconds < MOST_SECONDS, seed
        if message:
            refused += 1
            assert_one_sentence(message, path)
    # Damage in names, padding and bare numbers cannot be told from other files.
    assert refused > CASES // 8


def chain(function: str, depth: int) -> bytes:
    """A call of a call of a call ..."""
    module, _, called = function.rpartition(".")
    return name(module, called) * depth + b")" + b"\x85R" * depth


def doubled(levels: int) -> bytes:
    """A list of two of a list of two of ..., which is small in the memo."""
    return b"](K\x01K\x02e" + b"q\x01](h\x01h\x01e" * levels


def fanned(levels: int) -> bytes:
    """Modules that each hold the one below twice."""
    module = name("a", "Net") + b")\x81}b"
    for _ in range(levels):
        two = mapping({"l" * 50: b"h\x01", "r" * 50: b"h\x01"})
        state = mapping({"_modules": two})
        module += b"q\x01" + name("a", "Net") + b")\x81" + state + b"b"
    return module


RUN = "open('ran', 'w').close()"
BOMBS: dict[str, bytes] = {
    "system": name("os", "system") + push(("touch ran",)) + b"R",
    "eval": name("builtins", "eval") + push((RUN,)) + b"R",
    "exec": name("builtins", "exec") + push((RUN,)) + b"R",
    "chain of dicts": chain("collections.OrderedDict", 20_000),
    "chain of sets": chain("builtins.set", 20_000),
    "chain of tuples": chain("builtins.tuple", 20_000),
    "memo bomb": doubled(5000),
    "fanned modules": fanned(60),
    "nested lists": b"](" * 50_000 + b"e" * 50_000,
    "nested tuples": b")" + b"\x85" * 50_000,
    "nested dicts": b"}"
    + b"}X\x01\0\0\0a" * 0
    + b"(X\x01\0\0\0a}" * 1000
    + b"u" * 1000,
    "marks": b"(" * 50_000,
    "a long number": b"L" + b"9" * 1_000_000 + b"L\n",
    "a longer number": b"\x8b" + struct.pack("<i", 2**31 - 1) + b"\xff" * 99,
    "a text of exabytes": b"\x8d" + struct.pack("<Q", 2**62),
    "bytes of exabytes": b"\x8e" + struct.pack("<Q", 2**62),
    "a line without end": b"V" + b"a" * 1_000_000,
    "gigantic tensor": tensor(storage("0", 2**58), (2**29, 2**29), (2**29, 1)),
    "gigantic view": tensor(storage("0", 1), (2**20, 2**20), (0, 0)),
    "gigantic array": pickle.dumps(np.zeros((1, 1)), 2)[2:-1].replace(
        b"K\x01K\x01\x86", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("suffix", ["zip.pth", "legacy.pth", "pdparams"])
def test_bombs_in_pickles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: str, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"w.{suffix.rpartition('.')[2]}"
    for saved in (BOMBS[bomb], mapping({"model": BOMBS[bomb]})):
        data = {
            "zip.pth": lambda saved=saved: zip_file(saved, {"0": bytes(4)}),
            "legacy.pth": lambda saved=saved: legacy_file(saved),
            "pdparams": lambda saved=saved: b"\x80\x02" + saved + b".",
        }[suffix]()
        path.write_bytes(data)
        with watched() as seen:
            message = read(path)
        assert_one_sentence(message, path)
        assert seen.events == []
        assert seen.seconds < MOST_SECONDS
        assert seen.peak < MOST_MEMORY
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("size", [2**40, 2**62, 2**63 - 1])
def test_gigantic_declarations(tmp_path: Path, size: int) -> None:
    header = b'{"w":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}' % (size, size)
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    assert_one_sentence(read(path), path)
    path.write_bytes(struct.pack("<Q", size) + header)
    assert_one_sentence(read(path), path)
    data = data_of("bare.weights.h5")
    place = data.index(struct.pack("<Q", 100)) if struct.pack("<Q", 100) in data else 0
    path = tmp_path / "w.h5"
    path.write_bytes(data[:place] + struct.pack("<Q", size) + data[place + 8 :])
    with watched() as seen:
        assert_one_sentence(read(path), path)
    assert seen.peak < MOST_MEMORY
