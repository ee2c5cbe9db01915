"""Numbers and names that make no sense are refused in a sentence, before any work."""

from __future__ import annotations

import pytest
import typer
from command_line import fails, folder, picture, run, wrong_usage

from numpy_deconv.cli import inputs
from numpy_deconv.cli.options import parse_maps, parse_units

__all__ = ["folder", "picture"]

NINES = "9" * 5000


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "load_model", None)


@pytest.mark.parametrize("start", ["nan", "inf", "-inf", "1e39", "-2e30"])
@pytest.mark.usefixtures("folder", "no_work")
def test_a_start_that_would_overflow(start: str) -> None:
    said = wrong_usage("project", f"--start={start}")
    assert f"--start {start} is not from -1e+30 to 1e+30" in said


@pytest.mark.parametrize("rate", ["nan", "inf", "0", "-1", "1e300", "1.1e6"])
@pytest.mark.usefixtures("folder", "no_work")
def test_a_rate_that_leads_nowhere(rate: str) -> None:
    said = wrong_usage("fool", "--target", "1", f"--rate={rate}")
    assert "Invalid value for '--rate'" in said
    assert "is not above 0 and at most 1e+06" in said


@pytest.mark.usefixtures("folder")
def test_numbers_of_thousands_of_digits() -> None:
    line = fails("saliency", "--target", NINES)
    assert "class 999999... with 5000 digits does not exist" in line
    assert "--unit 999999... has 5000 digits" in wrong_usage("project", "--unit", NINES)
    line = fails("classify", "--model", f"zfnet:random:{NINES}")
    assert "zfnet:random:999999... has a seed of 5000 digits" in line


@pytest.mark.usefixtures("folder", "no_work")
def test_an_empty_folder_is_wrong_usage() -> None:
    assert "--out is empty" in wrong_usage("filters", "--out", "")


@pytest.mark.usefixtures("picture")
def test_a_model_that_is_a_folder() -> None:
    assert "'.' is a folder; name a file of weights" in fails(
        "classify", "--model", "."
    )


@pytest.mark.usefixtures("folder")
def test_relu6_is_told_the_remedy_of_the_shell() -> None:
    words = ("project", "--model", "efficientnet_lite0:random", "--layer", "head_relu6")
    assert fails(*words).endswith("; on the command line: --rules deconvnet_relu6")
    line = fails(*words, "--rules", "desalinet")
    assert line.endswith("; on the command line: --gradient-elsewhere")


def test_a_unit_given_twice_is_one() -> None:
    assert parse_units(["0", "all", "00"]) == ["all"]
    assert parse_units(["all", "3,1,1"]) == ["all", (3, 1, 1)]
    assert parse_units(["2", "1", "2"]) == [(2,), (1,)]
    assert parse_units(None) == []
    assert parse_maps(["2", "1", "2"]) == [2, 1]


@pytest.mark.parametrize("command", ["maps", "filters"])
def test_whole_maps_have_no_rows(command: str) -> None:
    assert "ROW" not in run(command, "--help")
    assert "ROW" in run("project", "--help")


def test_ranges_of_maps() -> None:
    assert parse_maps(["3-5", "9", "4 - 6"]) == [3, 4, 5, 9, 6]
    assert parse_maps(["7-7"]) == [7]
    for text in ("5-3", "0-100000", f"0-{'9' * 30}"):
        with pytest.raises(typer.BadParameter, match="is no range of maps: write"):
            parse_maps([text])
    for text in ("-3", "3-", "a-b"):
        with pytest.raises(typer.BadParameter, match="is no unit"):
            parse_maps([text])
