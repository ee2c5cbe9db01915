"""One page, complete in itself: no script, no style sheet, no link, no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from ..io.atomic import PathLike, atomic_write
from .blocks import Block, Figure
from .markup import settings_list

INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what one looks at, where it was published, and the blocks."""

    title: str
    text: str
    source: str = ""
    blocks: Sequence[Block] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_html(self) -> str:
        source = f" <cite>{escape(self.source)}</cite>" if self.source else ""
        inside = "".join(block.to_html() for block in self.blocks)
        return (
            f"<section><h2>{escape(self.title)}</h2>"
            f'<p class="text">{escape(self.text)}{source}</p>'
            f"{inside}{settings_list(self.settings)}</section>"
        )

    def figures(self) -> Iterator[Figure]:
        """Every figure, in the order of reading."""
        for block in self.blocks:
            yield from block.figures()


@dataclass(frozen=True, slots=True)
class Part:
    """The sections about one picture and one network, under a title of their own."""

    title: str
    sections: Sequence[Section]

    def to_html(self) -> str:
        inside = "\n".join(section.to_html() for section in self.sections)
        head = f'<p class="kicker">{escape(self.title)}</p>'
        return f'<div class="part">{head}{inside}</div>'


@dataclass(frozen=True, slots=True)
class Page:
    """A title, a line under it, the parts, and the facts that stand at the end."""

    title: str
    subtitle: str
    parts: Sequence[Part]
    facts: Mapping[str, Any] = field(default_factory=dict)
    notice: str = ""


def render(page: Page) -> str:
    """The HTML of a page, with every picture inside it.

    Example::

        html = render(Page("What a network sees", "", [Part("a cat", [section])]))
    """
    template = Template((files(__package__) / "page.html").read_text("utf-8"))
    facts = "".join(
        f"<div><dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in page.facts.items()
    )
    notice = f'<p class="notice">{escape(page.notice)}</p>' if page.notice else ""
    return template.substitute(
        title=escape(page.title),
        subtitle=escape(page.subtitle),
        notice=notice,
        parts="\n".join(part.to_html() for part in page.parts),
        facts=facts,
    )


def write_page(page: Page, folder: PathLike) -> Path:
    """``index.html`` in a folder, complete or not at all; its path.

    Raises OutputError if it cannot be written.
    """
    path = Path(folder) / INDEX
    with atomic_write(path) as file:
        file.write(render(page).encode("utf-8"))
    return path
