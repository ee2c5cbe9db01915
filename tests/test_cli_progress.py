"""Progress: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io

import pytest

from numpy_deconv.cli import progress
from numpy_deconv.cli.progress import step


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_say_what_and_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([100.0, 101.0, 107.0, 108.0, 113.0, 113.5])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(now))
    stream = io.StringIO()
    with step("climbing", stream) as report:
        report(1, 4)  # after 1 s: too soon for a line
        report(2, 4)  # after 7 s
        report(3, 4)  # a second later
        report(4, 4)  # the end has a line of its own
    assert stream.getvalue() == "climbing: 2 of 4\nclimbing: 13.5 s\n"


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with step("climbing [1/2]", stream) as report:
        report(1, 4)
        report(4, 4)
    assert "climbing [1/2]" in stream.getvalue()
    assert "4/4" in stream.getvalue()


def test_a_bar_that_ended_early_is_not_filled() -> None:
    stream = Terminal()
    with step("fooling", stream) as report:
        report(9, 100)
    assert "9/100" in stream.getvalue()
    assert "100/100" not in stream.getvalue()


def test_without_stderr_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress.sys, "stderr", None)
    with step("climbing") as report:
        report(1, 4)


def test_a_bar_without_counts_is_full_at_the_end() -> None:
    stream = Terminal()
    with step("saliency", stream):
        pass
    assert "1/1" in stream.getvalue()


def test_a_failure_passes_through_and_is_not_called_done() -> None:
    stream = io.StringIO()
    with pytest.raises(ZeroDivisionError), step("climbing", stream):
        raise ZeroDivisionError
    assert stream.getvalue() == ""
