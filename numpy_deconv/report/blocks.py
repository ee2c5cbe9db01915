"""What a section of a report is made of: figures, rows and cards of them, and bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from .markup import attributes, picture

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Mark:
    """A box drawn over a figure; the numbers are shares of its height and width."""

    top: float
    left: float
    height: float
    width: float

    def to_html(self) -> str:
        sides = {
            "top": self.top,
            "left": self.left,
            "height": self.height,
            "width": self.width,
        }
        style = ";".join(f"{side}:{share:.3%}" for side, share in sides.items())
        return f"<i{attributes(class_='mark', style=style)}></i>"


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture, the name of its file (without .png), and words about it.

    ``alt`` stands for the picture where it cannot be seen, ``caption`` below it;
    ``settings`` go into the file.
    """

    name: str
    image: Image
    alt: str
    caption: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    mark: Mark | None = None

    def to_html(self) -> str:
        mark = self.mark.to_html() if self.mark else ""
        frame = "frame marked" if self.mark else "frame"
        image = f'<div class="{frame}">{picture(self.image, self.alt)}{mark}</div>'
        words = f"<figcaption>{escape(self.caption)}</figcaption>"
        return f"<figure>{image}{words if self.caption else ''}</figure>"


class Block(Protocol):
    """One part of a section: HTML, and the figures that are in it."""

    def to_html(self) -> str: ...

    def figures(self) -> Iterator[Figure]: ...


@dataclass(frozen=True, slots=True)
class Row:
    """Figures side by side: ``size`` is "small", "large", or "even" (one full row)."""

    pictures: Sequence[Figure]
    size: str = "even"

    def to_html(self) -> str:
        inside = "".join(figure.to_html() for figure in self.pictures)
        return f'<div class="row {escape(self.size)}">{inside}</div>'

    def figures(self) -> Iterator[Figure]:
        yield from self.pictures


@dataclass(frozen=True, slots=True)
class Card:
    """A few figures that belong together, with a title and a line of detail."""

    title: str
    detail: str
    pictures: Sequence[Figure]

    def to_html(self) -> str:
        inside = "".join(figure.to_html() for figure in self.pictures)
        words = f"<b>{escape(self.title)}</b> <span>{escape(self.detail)}</span>"
        return f'<li><p>{words}</p><div class="trio">{inside}</div></li>'


@dataclass(frozen=True, slots=True)
class Cards:
    """A titled grid of cards."""

    title: str
    note: str
    cards: Sequence[Card]

    def to_html(self) -> str:
        inside = "".join(card.to_html() for card in self.cards)
        head = f"<h3>{escape(self.title)} <small>{escape(self.note)}</small></h3>"
        return f'{head}<ul class="cards">{inside}</ul>'

    def figures(self) -> Iterator[Figure]:
        for card in self.cards:
            yield from card.pictures


@dataclass(frozen=True, slots=True)
class Bars:
    """Class probabilities as horizontal bars, beside the figure they are about."""

    title: str
    shares: Sequence[tuple[str, float]]
    figure: Figure | None = None

    def to_html(self) -> str:
        rows = "".join(_bar(label, share) for label, share in self.shares)
        seen = self.figure.to_html() if self.figure else ""
        head = f"<h3>{escape(self.title)}</h3>" if self.title else ""
        table = f"{head}<ol>{rows}</ol>"
        return f'<div class="verdict">{seen}<div class="bars">{table}</div></div>'

    def figures(self) -> Iterator[Figure]:
        if self.figure is not None:
            yield self.figure


@dataclass(frozen=True, slots=True)
class Columns:
    """Blocks side by side where there is room, else below each other."""

    blocks: Sequence[Block]

    def to_html(self) -> str:
        inside = "".join(block.to_html() for block in self.blocks)
        return f'<div class="columns">{inside}</div>'

    def figures(self) -> Iterator[Figure]:
        for block in self.blocks:
            yield from block.figures()


def _bar(label: str, share: float) -> str:
    width = f"width:{share:.1%}"
    return (
        f"<li><span>{escape(label)}</span><b>{share:.1%}</b>"
        f'<i class="bar"><i style="{width}"></i></i></li>'
    )
