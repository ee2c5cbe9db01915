"""The program as a whole: help, version, examples, exit status, start-up."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import SHORT, folder, noise, run, wrong_usage
from small_training import picture_folder

import numpy_deconv as nd
from numpy_deconv import oracle
from numpy_deconv.cli import demo
from numpy_deconv.cli.app import COMMANDS
from numpy_deconv.version import __version__

__all__ = ["folder"]


def python(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", *words], cwd=cwd, capture_output=True, text=True
    )


def test_the_version() -> None:
    assert run("--version") == f"numpy-deconv {__version__}\n"


def test_the_program_lists_its_commands() -> None:
    listed = run("--help")
    for name in [
        "demo",
        "project",
        "saliency",
        "guided",
        "visualize-class",
        "fool",
        "maps",
        "filters",
    ]:
        assert f" {name} " in listed
    assert "completion" not in listed


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_ends_with_an_example(command) -> None:
    words = " ".join(run(command.name, "--help").split())
    assert words.endswith(f"Example: {command.example}")


def prepare(name: str) -> None:
    """Put into the current folder what the example of a command reads."""
    if name == "correspondence":
        for seed, file in enumerate(("a.png", "b.png")):
            noise(Path(file), seed=seed)
    if name == "train":
        picture_folder(Path(), each=11)
    if name == "predict":
        words = ("--model", "emoji_zfnet", "--size", 32, "--batch", 6, "--epochs", 1)
        run("train", picture_folder(Path()), *words)
    if name not in ("verify", "explain"):
        return
    for path in oracle.export("cases", op="relu", count=2):
        case, _ = oracle.load_case(path)
        np.save(path.with_suffix(".out.npy"), nd.relu(case.x))
        case.save("case.npz")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_example_works(command, folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(demo, "PLAN", SHORT)
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    program, *words = shlex.split(command.example)
    assert program == "numpy-deconv"
    prepare(command.name)
    output = run(*words)
    for line in output.splitlines():
        if line.startswith("wrote "):
            assert (folder / line.removeprefix("wrote ")).is_file()


def test_shared_options_mean_the_same_everywhere() -> None:
    """One declaration for each stands in every signature."""
    from numpy_deconv.cli import options

    declared = {
        "model": options.ModelName,
        "labels": options.Labels,
        "out": options.Out,
        "backend": options.BackendName,
        "debug": options.Debug,
        "seed": options.Seed,
    }
    for command in COMMANDS:
        for name, annotation in command.function.__annotations__.items():
            if name in declared:
                if isinstance(annotation, str):
                    names = sys.modules[command.function.__module__].__dict__
                    annotation = eval(annotation, names)
                assert annotation == declared[name]


def test_wrong_usage_is_status_2() -> None:
    assert "No such command 'nonsense'" in wrong_usage("nonsense")
    assert "No such option" in wrong_usage("demo", "--nonsense")
    assert "Missing option '--target'" in wrong_usage("fool")


def test_the_module_is_the_command(tmp_path: Path) -> None:
    done = python("-m", "numpy_deconv", "--version", cwd=tmp_path)
    assert done.stdout == f"numpy-deconv {__version__}\n"
    assert done.returncode == 0
    done = python("-m", "numpy_deconv", "classify", "missing.png", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "Error: missing.png does not exist; check the path\n"
    done = python("-m", "numpy_deconv", "classify", "--top", "x", cwd=tmp_path)
    assert done.returncode == 2


def test_start_up_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("PIL", "numba", "torch", "matplotlib", "importlib.metadata")
    code = (
        "import sys, numpy_deconv.cli\n"
        f"print([name for name in {heavy} if name in sys.modules], end='')\n"
        "print([name for name in sys.modules if name.startswith('numpy_deconv.m')])"
    )
    assert python("-c", code, cwd=tmp_path).stdout == "[][]\n"
