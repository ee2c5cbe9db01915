"""The page of a report: sound HTML, complete in itself, every word escaped."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import small_models
from PIL import Image

from numpy_deconv.errors import OutputError
from numpy_deconv.report import (
    Bars,
    Cards,
    Figure,
    Mark,
    Page,
    Part,
    Plan,
    Row,
    Scene,
    Section,
    render,
    tour,
    write_page,
)
from numpy_deconv.report.markup import data_uri, settings_list

SHORT = Plan(maps=2, classes=2, fooling_steps=3, ascent={"steps": 2})


def noise(height: int = 20, width: int = 24) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def scene() -> Scene:
    return Scene.of(small_models.small_model(), noise(), "noise.png", plan=SHORT)


class Reader(HTMLParser):
    """Collects elements and text, and demands that every tag is closed in order."""

    VOID = ("meta", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def pixels(uri: str) -> np.ndarray:
    head, _, body = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body, validate=True))))


def test_a_whole_page_is_sound_and_complete_in_itself(scene: Scene) -> None:
    sections = list(tour(scene))
    figures = [figure for section in sections for figure in section.figures()]
    page = Page("Noise", "and what it is taken for", [Part("noise", sections)])
    reader = read(render(page))
    pictures = reader.named("img")
    assert len(pictures) == len(figures) > 20
    for element, figure in zip(pictures, figures, strict=True):
        assert element["alt"] == figure.alt
        assert figure.alt
        want = np.asarray(figure.image.convert("RGB"))
        got = pixels(element["src"] or "")
        np.testing.assert_array_equal(np.asarray(Image.fromarray(got)), want)
    assert not reader.named("script") + reader.named("link") + reader.named("iframe")
    for _, attributes in reader.elements:
        for name in ("src", "href", "srcset", "action"):
            assert re.match(r"data:|$", attributes.get(name) or "")
    assert "url(" not in reader.text
    assert "@import" not in reader.text
    assert [m for m in reader.named("meta") if m.get("name") == "viewport"]
    assert len(reader.named("h1")) == 1
    assert len(reader.named("h2")) == len(sections) == 6


def test_files_of_one_page_have_names_of_their_own(scene: Scene) -> None:
    figures = [f for section in tour(scene) for f in section.figures()]
    by_name = {figure.name: figure for figure in figures}
    for figure in figures:
        same = np.asarray(by_name[figure.name].image)
        np.testing.assert_array_equal(same, np.asarray(figure.image))
    other = replace(scene, prefix="other-")
    others = {f.name for section in tour(other) for f in section.figures()}
    assert others == {f"other-{name}" for name in by_name}


def test_words_are_escaped_everywhere() -> None:
    nasty = "<b>\"&'</b>"
    figure = Figure("x", Image.new("RGB", (4, 4)), nasty, nasty)
    blocks = [Row([figure]), Bars(nasty, [(nasty, 0.5)]), Cards(nasty, nasty, [])]
    section = Section(nasty, nasty, nasty, blocks, {nasty: nasty})
    page = Page(nasty, nasty, [Part(nasty, [section])], {nasty: nasty}, nasty)
    html = render(page)
    assert nasty not in html
    assert read(html).named("img")[0]["alt"] == nasty
    assert read(html).text.count(nasty) == 17


def test_a_dollar_in_a_title_is_a_dollar() -> None:
    assert "$sections" in render(Page("$sections", "", []))


def test_small_pictures_keep_hard_pixels() -> None:
    small = Row([Figure("s", Image.new("RGB", (96, 96)), "small")])
    large = Row([Figure("l", Image.new("RGB", (224, 224)), "large")])
    assert read(small.to_html()).named("img")[0]["class"] == "pixels"
    assert "class" not in read(large.to_html()).named("img")[0]
    assert read(large.to_html()).named("img")[0]["width"] == "224"


def test_a_picture_is_its_own_address() -> None:
    picture = noise(5, 3)
    np.testing.assert_array_equal(pixels(data_uri(Image.fromarray(picture))), picture)


def test_settings_are_folded_away_and_absent_without_any() -> None:
    assert settings_list({}) == ""
    reader = read(settings_list({"seed": 3}))
    assert [tag for tag, _ in reader.elements][:2] == ["details", "summary"]
    assert reader.text == "Settingsseed3"


def test_a_mark_is_placed_in_shares_of_the_frame() -> None:
    html = Mark(0.25, 0.5, 0.1, 0.2).to_html()
    assert 'style="top:25.000%;left:50.000%;height:10.000%;width:20.000%"' in html


def test_the_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    page = Page("Title", "", [])
    path = write_page(page, tmp_path / "new")
    assert path.read_text("utf-8") == render(page)
    assert [p.name for p in path.parent.iterdir()] == ["index.html"]
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(OutputError, match="cannot write"):
        write_page(page, blocked)
