"""Being stopped from outside: signals, Ctrl-C, a closed pipe, no stderr."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from command_line import folder, picture, run

from numpy_deconv import methods
from numpy_deconv.cli import signals
from numpy_deconv.methods.deconvnet import Projections
from numpy_deconv.models import load_model

__all__ = ["folder", "picture"]

PROGRAM = (sys.executable, "-P", "-m", "numpy_deconv")
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX signals and pipes")


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_leaves_nothing_behind(name: str, folder: Path) -> None:
    words = ("visualize-class", "--target", "3", "--steps", "1000000", "--out", "new")
    number = getattr(signal, name)
    with subprocess.Popen([*PROGRAM, *words], stderr=subprocess.PIPE) as process:
        for _ in range(600):
            if (folder / "new").is_dir():
                break
            time.sleep(0.05)
        time.sleep(0.2)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert said == b""
    assert list(folder.iterdir()) == []


@posix
def test_signals_unwind_only_in_the_block() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped, signals.unwinding():
        signal.raise_signal(signal.SIGTERM)
    assert stopped.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before


@posix
def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.unwinding():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_nothing_changes() -> None:
    entered = []

    def enter() -> None:
        with signals.unwinding():
            entered.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered == [signal.getsignal(signal.SIGTERM)]


def test_an_interruption_while_the_folder_is_tried(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch = Path.touch

    def interrupt(path: Path, *words: object, **options: object) -> None:
        touch(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "touch", interrupt)
    assert run("filters", "--out", "new/deep", status=130) == "Interrupted.\n"
    assert list(folder.iterdir()) == []


def test_ctrl_c_in_the_middle_of_the_units(
    folder: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The method's own answer to Ctrl-C, written by the command."""
    from numpy_deconv.net import legs

    calls = []
    whole = legs.descend

    def project(*words: object, **options: object) -> object:
        calls.append(words)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*words, **options)

    monkeypatch.setattr(legs, "descend", project)
    words = ("--layer", "relu1", "--unit", "all", "--out", "out")
    run("project", picture, picture, *words, status=130)
    found = len(list((folder / "out").iterdir()))
    assert 0 < found < 64


def test_an_interrupted_projection_keeps_what_is_done(
    folder: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model()
    whole = methods.deconvnet(model, model.preprocess(picture), "relu2", top=3)
    settings = {**whole.settings, "interrupted_at": 1}
    part = Projections(whole.pixels[:1], settings, whole.units[:1], model)
    monkeypatch.setattr(methods, "deconvnet", lambda *a, **k: part)
    output = run("project", picture, "--top", 3, "--out", "out", status=130)
    assert output.endswith("Interrupted: what was done so far is kept.\n")
    assert len(list((folder / "out").iterdir())) == 1


def test_an_interruption_before_anything_promises_nothing(
    folder: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*words: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(methods, "deconvnet", interrupt)
    output = run("project", picture, "--out", "out", status=130)
    assert output == "Interrupted.\n"
    assert not (folder / "out").exists()


@posix
def test_a_reader_that_went_away_is_no_error(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, "backends"], stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@posix
def test_without_stderr_the_work_is_done(folder: Path, picture: Path) -> None:
    command = 'exec "$@" 2>&-'
    words = ("maps", "noise.png", "--layer", "relu1", "--out", "out")
    done = subprocess.run(
        ["sh", "-c", command, "sh", *PROGRAM, *words], capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["wrote out/noise-relu1-maps.png"]
    assert done.returncode == 0
    assert (folder / "out" / "noise-relu1-maps.png").is_file()
