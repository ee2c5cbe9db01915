"""What the README shows is run: its Python in order, its commands one by one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from numpy_deconv.models import sample_picture

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def commands() -> list[str]:
    lines = "\n".join(blocks("sh")).splitlines()
    return [line for line in lines if line.startswith("numpy-deconv")]


def test_python_examples(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks("python")), "README.md", "exec"), {"__name__": "r"})
    printed = capsys.readouterr().out
    for promised in re.findall(r"print\(.*\)  # (.+)", README):
        assert promised in printed
    assert {p.name for p in tmp_path.glob("*.png")} == {
        "relu3.png",
        "saliency.png",
        "class.png",
        "both.png",
    }


@pytest.mark.parametrize("command", commands())
def test_commands(command, tmp_path):
    shutil.copy(sample_picture("cat"), tmp_path / "cat.jpg")
    words = shlex.split(command)[1:]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "numpy_deconv", *words],
        cwd=tmp_path,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_the_two_set_up_commands_are_there():
    assert any("numpy-deconv demo" in block for block in blocks("sh"))
    assert any("python -m pytest" in block for block in blocks("sh"))
