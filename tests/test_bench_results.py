"""Reports: JSON and back, Markdown, the picture, the summary."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from numpy_deconv.benchmarks import machine, summary
from numpy_deconv.benchmarks.machine import Ceiling, describe
from numpy_deconv.benchmarks.markdown import page, table
from numpy_deconv.benchmarks.plot import bars
from numpy_deconv.benchmarks.results import Entry, Outcome, Ratio, Report
from numpy_deconv.benchmarks.spread import Spread
from numpy_deconv.benchmarks.words import duration, times
from numpy_deconv.errors import FileFormatError


def outcome(group: str, name: str, batch: int, factor: float) -> Outcome:
    ours, theirs = Spread(1e-3, 9e-4, 2e-3), Spread(factor * 1e-3, 1e-3, 1)
    return Outcome(
        "layers",
        group,
        name,
        batch,
        2e9,
        1e6,
        [
            Entry("numba channels_last", "numba", "timed", ours, 1e-7),
            Entry("torch", "torch", "timed", theirs, 2e-7),
            Entry("torch compiled", "torch", "wrong", None, 0.5, why="error | 0.5"),
        ],
        [Ratio("numba channels_last", "torch", Spread(factor, factor / 2, factor * 2))],
        {"numba": 1.25},
        7,
        ["a note"],
    )


@pytest.fixture
def report() -> Report:
    return Report(
        "2026-01-01 00:00:00 UTC",
        describe(2, "glibc, thresholds raised"),
        Ceiling(1e11, 1e10, "numpy", "torch")._asdict(),
        {"seconds": 1.0},
        [
            outcome("conv 3x3 of VGG-16", "vgg16 conv1_2 <&>", 1, 2.0),
            outcome("conv 3x3 of VGG-16", "vgg16 conv2_1", 1, 8.0),
            outcome("conv 3x3 of VGG-16", "vgg16 conv2_1", 8, 3.0),
            outcome("conv, other", "alexnet conv1", 1, 0.5),
        ],
        ["jax is left out"],
    )


def test_json_and_back(report: Report, tmp_path: Path) -> None:
    report.write(tmp_path / "new" / "r.json")
    assert Report.read(tmp_path / "new" / "r.json") == report


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 99}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(FileFormatError, match="report of"):
        Report.read(tmp_path / "x.json")


def test_the_machine_is_described(report: Report) -> None:
    facts = json.loads(json.dumps(report.machine))
    assert {"processor", "cores", "threads", "system", "versions"} <= set(facts)
    assert "numpy" in facts["versions"]


def test_a_busy_machine_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([(100, 200), (130, 300)])
    monkeypatch.setattr(machine, "_ticks", lambda: next(ticks))
    assert machine.in_use(2) == pytest.approx(1.4)
    monkeypatch.setattr(machine, "in_use", lambda _: 1.4)
    assert "busy when this began (1.4 of 2 cores in use)" in str(machine.busy(2))
    assert machine.busy(16) is None


def test_where_the_system_tells_no_ticks_its_load_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing() -> tuple[int, int]:
        raise FileNotFoundError("/proc/stat")

    monkeypatch.setattr(machine, "_ticks", nothing)
    monkeypatch.setattr(machine.os, "getloadavg", lambda: (4.5, 1.0, 1.0))
    assert machine.in_use(2) == 4.5


def test_what_the_system_tells_is_read() -> None:
    assert 0 <= machine.in_use(os.cpu_count() or 1) <= (os.cpu_count() or 1)


def test_the_summary_combines_groups(report: Report) -> None:
    (pair,) = summary.pairs(report)
    lines = {line.title: line for line in summary.lines(report, *pair)}
    threes = lines["3x3 convolutions of VGG-16, geometric mean"]
    assert threes.ratios == {1: pytest.approx(4.0), 8: pytest.approx(3.0)}
    assert threes.cases == 3
    assert lines["every other convolution, the slowest"].ratios == {1: 0.5}
    assert lines["all convolutions, geometric mean"].ratios[1] == pytest.approx(2.0)
    assert "unpooling, geometric mean" not in lines


def test_a_case_that_has_no_time_is_not_hidden_in_a_mean(report: Report) -> None:
    whole = report.outcomes[1]
    wrong = replace(whole.entries[0], status="wrong", seconds=None)
    lost = replace(whole, entries=[wrong, *whole.entries[1:]], ratios=[])
    found = replace(report, outcomes=[report.outcomes[0], lost])
    (threes, _) = summary.lines(found, "numba", "torch")
    assert (threes.cases, threes.lost) == (1, 1)
    assert "| 1, 1 not timed |" in page(found)


def test_markdown_tells_everything(report: Report) -> None:
    text = page(replace(report, complete=False))
    for words in (
        "## numba against torch",
        "| 4.00x / 3.00x | 1 / 8 |",
        "numba channels_last 1.00 ms",
        "2.00x (1.00x to 4.00x)",
        "| 125% |",
        "torch compiled wrong: error | 0.5",
        "jax is left out.",
        "stopped before its end",
    ):
        assert words in text
    assert "stopped" not in page(report)
    assert table(("a",), [("b|c",)]) == "| a |\n| --- |\n| b\\|c |"


def test_the_picture_is_svg_with_a_bar_for_each_ratio(report: Report) -> None:
    root = ElementTree.fromstring(bars(report))
    space = "{http://www.w3.org/2000/svg}"
    drawn = root.findall(f"{space}rect")
    assert len(drawn) == 1 + 5
    widths = [float(r.attrib["width"]) for r in drawn[1:]]
    # The axis is logarithmic: 4 is as far from 1 as two times 2.
    assert widths[0] == pytest.approx(2 * widths[3], abs=0.5)
    assert widths[0] > widths[1]
    texts = [text.text for text in root.findall(f"{space}text")]
    assert "4.00x" in texts
    assert "3.00x batch 8" in texts


def test_the_picture_of_nothing_says_so(report: Report) -> None:
    assert "no two were measured" in bars(replace(report, outcomes=[]))


def test_numbers_are_readable() -> None:
    assert [duration(s) for s in (2.5, 0.0456, 1.234e-4, 3e-8)] == [
        "2.50 s",
        "45.6 ms",
        "123 us",
        "0.0300 us",
    ]
    assert [times(f) for f in (0.5, 9.999, 99.96, 321.4)] == [
        "0.50x",
        "10.0x",
        "100x",
        "321x",
    ]
