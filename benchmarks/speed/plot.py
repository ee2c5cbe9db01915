"""A report as a picture: one bar per workload and batch, on a logarithmic axis.

The SVG is written by hand, 760 wide, in two colours that also differ in brightness,
readable on white and on dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.sax.saxutils import escape

from . import summary
from .results import Report
from .summary import Line
from .words import machine, times

WIDTH, LEFT, RIGHT = 760, 310, 92
BAR, GAP, HEAD, FOOT = 13, 9, 52, 44
FILLS = ("#1b6ca8", "#e08e2b")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}"
    ".title{font-size:15px;font-weight:600}"
    ".small{font-size:10px;fill:#666}"
    ".grid{stroke:#ddd}.one{stroke:#888;stroke-dasharray:4 3}"
)


def bars(report: Report) -> str:
    """The picture of the report's first pair of teams with a summary; SVG text."""
    for ours, theirs in reversed(summary.pairs(report)):
        if theirs == "torch" and (lines := summary.lines(report, ours, theirs)):
            return _chart(report, f"{ours}: times faster than {theirs}", lines)
    for ours, theirs in summary.pairs(report):
        if lines := summary.lines(report, ours, theirs):
            return _chart(report, f"{ours}: times faster than {theirs}", lines)
    return _chart(report, "no two were measured on the same case", [])


def _chart(report: Report, title: str, lines: list[Line]) -> str:
    values = [ratio for line in lines for ratio in line.ratios.values()]
    low = min([0.5, *(v / 1.3 for v in values)])
    high = max([2.0, *(v * 1.3 for v in values)])
    body: list[str] = []
    y = HEAD
    for line in lines:
        tall = len(line.ratios) * BAR
        body.append(_text(LEFT - 8, y + tall / 2 + 4, line.title, anchor="end"))
        for number, (batch, value) in enumerate(line.ratios.items()):
            body += _bar(y + number * BAR, value, batch, number, low, high)
        y += tall + GAP
    height = y + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="{escape(title, {chr(34): "&quot;"})}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(16, 24, title, kind="title"),
        _text(16, 40, "best setting of each; logarithmic axis", kind="small"),
        *_axis(low, high, y),
        *body,
        *_foot(machine(report), height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(value: float, low: float, high: float) -> float:
    share = math.log(value / low) / math.log(high / low)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _bar(
    y: float, value: float, batch: int, number: int, low: float, high: float
) -> Iterator[str]:
    one, end = _x(1, low, high), _x(value, low, high)
    left, width = min(one, end), max(1.0, abs(end - one))
    yield (
        f'<rect x="{left:.1f}" y="{y + 1:.1f}" width="{width:.1f}" '
        f'height="{BAR - 2}" fill="{FILLS[number % 2]}"/>'
    )
    label = f"{times(value)} batch {batch}" if batch > 1 else times(value)
    yield _text(max(one, end) + 4, y + BAR - 3, label, kind="small")


def _axis(low: float, high: float, bottom: float) -> Iterator[str]:
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in (1, 2, 5):
            value = digit * 10.0**power
            if low <= value <= high:
                x, kind = _x(value, low, high), "one" if value == 1 else "grid"
                yield (
                    f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" '
                    f'y1="{HEAD - 4}" y2="{bottom:.1f}"/>'
                )
                mark = f"{value:g}x"
                yield _text(x, bottom + 12, mark, anchor="middle", kind="small")


def _foot(text: str, height: float) -> Iterator[str]:
    """The machine, in lines that fit."""
    words, rows = text.split(), [""]
    for word in words:
        if len(rows[-1]) + len(word) > 130:
            rows.append("")
        rows[-1] += f"{word} "
    for number, row in enumerate(rows[:2]):
        y = height - 18 + 12 * number
        yield _text(16, y, row.strip(), kind="small")


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", kind: str = ""
) -> str:
    extra = f' class="{kind}"' if kind else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>'
        f"{escape(text)}</text>"
    )
