"""Running the command line inside the test, and pictures to run it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from numpy_deconv.cli import app

SHORT = {"maps": 2, "classes": 2, "fooling_steps": 2, "ascent": {"steps": 2}}
"""A plan for a demo of about a second."""


def run(*words: Any, status: int = 0) -> str:
    """What the command prints, on both streams; demands its exit status."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    error = result.exception
    if error is not None and not isinstance(error, SystemExit):
        raise error
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result.output


def fails(*words: Any) -> str:
    """The one line on which a command says why it failed, with status 1."""
    output = run(*words, status=1)
    (line,) = [line for line in output.splitlines() if line.startswith("Error: ")]
    assert output.rstrip().endswith(line)
    return line


def wrong_usage(*words: Any) -> str:
    """What a command says about wrong usage, in one line without its frame."""
    output = run(*words, status=2)
    for frame in "╭╮╰╯│─":
        output = output.replace(frame, " ")
    return " ".join(output.split())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def picture(folder: Path) -> Path:
    """A picture of noise in the current folder."""
    return noise(folder / "noise.png")


def noise(path: Path, height: int = 40, width: int = 50, seed: int = 0) -> Path:
    """Write noise as a picture."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)
    return path
