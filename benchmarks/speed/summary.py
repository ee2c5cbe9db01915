"""A report in a dozen lines: what a group of cases comes to against one team."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .results import Outcome, Report
from .spread import geometric_mean
from .suites.layers import OTHERS, POOLS, THREES, TRANSPOSED, UNPOOLS
from .suites.methods import ASCENT, OCCLUSION
from .suites.nets import FORWARD, SALIENCY, SWITCHES
from .suites.projection import GROUP
from .suites.startup import PICTURE

Statistic = Literal["mean", "least"]


@dataclass(frozen=True)
class Row:
    """Which cases count together: those of these groups whose name starts so."""

    title: str
    groups: tuple[str, ...]
    start: str = ""
    statistic: Statistic = "mean"


@dataclass(frozen=True)
class Line:
    """A row filled in: the ratio by batch, of how many cases.

    ``lost`` are cases that one of the two was wrong in or failed, which no mean shows.
    """

    title: str
    ratios: dict[int, float]
    cases: int
    lost: int = 0

    @property
    def counted(self) -> str:
        """The number of cases in words."""
        return f"{self.cases}, {self.lost} not timed" if self.lost else str(self.cases)


ROWS = (
    Row("3x3 convolutions of VGG-16, geometric mean", (THREES,)),
    Row("every other convolution, the slowest", (OTHERS,), statistic="least"),
    Row("all convolutions, geometric mean", (THREES, OTHERS)),
    Row("transposed convolutions, geometric mean", (TRANSPOSED,)),
    Row("max pools with switches, geometric mean", (POOLS,)),
    Row("unpooling, geometric mean", (UNPOOLS,)),
    Row("VGG-16 forward", (FORWARD,), "vgg16 "),
    Row("VGG-16 forward with switches", (SWITCHES,), "vgg16 "),
    Row("whole nets forward, geometric mean", (FORWARD,)),
    Row("saliency, VGG-16", (SALIENCY,), "vgg16 "),
    Row("saliency, SqueezeNet 1.1", (SALIENCY,), "squeezenet1_1 "),
    *(
        Row(f"project every map, {title} {layer}", (GROUP,), f"{net} {layer} ")
        for net, title, names in (
            ("vgg16", "VGG-16", ("conv5_3", "conv4_3", "conv3_3", "conv2_2")),
            ("alexnet", "AlexNet", ("conv5", "conv4", "conv3")),
        )
        for layer in names
    ),
    Row("occlusion, VGG-16, 32 px square, step 8", (OCCLUSION,)),
    Row("class visualisation, SqueezeNet, 20 steps", (ASCENT,)),
    Row("process start to saved saliency, SqueezeNet", (PICTURE,)),
)


def lines(report: Report, ours: str, theirs: str) -> list[Line]:
    """The rows of which at least one case was measured by both teams."""
    found = []
    for row in ROWS:
        by_batch: dict[int, list[float]] = {}
        lost = 0
        for outcome in _of(report.outcomes, row):
            ratio = outcome.ratio(ours, theirs)
            if ratio is not None:
                by_batch.setdefault(outcome.batch, []).append(ratio.times.median)
            elif {ours, theirs} <= {entry.team for entry in outcome.entries}:
                lost += 1
        if by_batch:
            combine = min if row.statistic == "least" else geometric_mean
            ratios = {batch: combine(each) for batch, each in sorted(by_batch.items())}
            cases = sum(map(len, by_batch.values()))
            found.append(Line(row.title, ratios, cases, lost))
    return found


def _of(outcomes: Sequence[Outcome], row: Row) -> Iterator[Outcome]:
    for outcome in outcomes:
        if outcome.group in row.groups and outcome.name.startswith(row.start):
            yield outcome


def pairs(report: Report) -> list[tuple[str, str]]:
    """``(ours, theirs)`` of every ratio in the report, in order of first appearance."""
    found: dict[tuple[str, str], None] = {}
    for outcome in report.outcomes:
        teams = {entry.name: entry.team for entry in outcome.entries}
        for ratio in outcome.ratios:
            found[teams[ratio.ours], teams[ratio.theirs]] = None
    return list(found)
