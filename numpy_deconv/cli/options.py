"""The options that several commands share: one name, one meaning, one help text."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

DEFAULT_MODEL = "emoji_zfnet"
DEFAULT_OUT = Path("deconv")

Pictures = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="PICTURE",
        help="Picture files; without any, the one that ships with the library.",
        show_default=False,
    ),
]
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="FILE|NAME",
        help="A file of weights, a model's name, or NAME:random.",
    ),
]
Elsewhere = Annotated[
    bool,
    typer.Option(
        "--gradient-elsewhere",
        help="The true gradient at layers that the method has no published rule for, "
        "which are refused without it.",
    ),
]
MOST_DIGITS = 18
"""Of a unit's number; Python refuses to read a number of more than 4300 digits."""


MOST_MAPS = 100_000


def parse_folder(text: str | Path) -> Path:
    """A folder's name as a path; an empty one, for Path the same as ".", is refused."""
    if not str(text).strip():
        raise typer.BadParameter("--out is empty: name a folder, or . for this one")
    return Path(text)


Labels = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FILE", help="Class names, one a line."),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for the pictures; made if new.",
        parser=parse_folder,
    ),
]
BackendName = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="NAME|auto",
        help="What computes: see the command backends; auto takes the fastest there "
        "is. [default: $NUMPY_DECONV_BACKEND or numpy]",
        show_default=False,
    ),
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the traceback when something fails.")
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", min=0, help="Any number; another one draws other random numbers."
    ),
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="CLASS",
        help="A class: its number or its name; several times: one for each picture. "
        "[default: each picture's best]",
        show_default=False,
    ),
]
Targets = Annotated[
    list[str],
    typer.Option(
        "--target",
        metavar="CLASS",
        help="A class: its number or its name; several times for several.",
        show_default=False,
    ),
]
Units = Annotated[
    list[str] | None,
    typer.Option(
        "--unit",
        metavar="MAP[,ROW,COL]",
        help="A map, or one unit of it; several times for several; all for every map.",
        show_default=False,
    ),
]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--unit",
        metavar="MAP|FIRST-LAST",
        help="The number of a map, or several (0-29); several times for more; all for "
        "every map. [default: all]",
        show_default=False,
    ),
]


Columns = Annotated[
    int | None,
    typer.Option(
        "--columns",
        min=1,
        help="Tiles in a row. [default: as many as rows]",
        show_default=False,
    ),
]


class Overlap(StrEnum):
    """What unpooling does where windows overlap."""

    sum = "sum"
    assign = "assign"
    first = "first"
    max = "max"
    mean = "mean"


class RulesName(StrEnum):
    """The mappings of ``numpy_deconv.rules``, by name."""

    deconvnet = "deconvnet"
    deconvnet_relu6 = "deconvnet_relu6"
    gradient = "gradient"
    guided_backprop = "guided_backprop"
    desalinet = "desalinet"


Rules = Annotated[
    RulesName,
    typer.Option("--rules", help="The way down: what happens at each layer."),
]


def parse_unit(text: str) -> tuple[int, ...] | Literal["all"]:
    """``"12"`` as ``(12,)``, ``"12,3,4"`` as ``(12, 3, 4)``, ``"all"`` as itself.

    Raises typer.BadParameter, which is wrong usage, for anything else.
    """
    if text.strip().casefold() == "all":
        return "all"
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (1, 3) or not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(
            f"--unit {text!r} is no unit: write a map (12), a map with row and column "
            "(12,3,4), or all"
        )
    if longest := max((part for part in parts if len(part) > MOST_DIGITS), default=""):
        raise typer.BadParameter(
            f"--unit {longest[:6]}... has {len(longest)} digits: write numbers of at "
            f"most {MOST_DIGITS}"
        )
    return tuple(int(part) for part in parts)


def parse_units(texts: list[str] | None) -> list[tuple[int, ...] | Literal["all"]]:
    """Several ``--unit``, each once; ``all`` stands for every map named with it."""
    units = list(dict.fromkeys(parse_unit(text) for text in texts or []))
    if "all" in units:
        return [unit for unit in units if unit == "all" or len(unit) > 1]
    return units


def parse_maps(texts: list[str] | None) -> list[int] | None:
    """The map numbers in several ``--unit``; None stands for every map.

    ``"0-29"`` are thirty of them.
    """
    each = [one for text in texts or [] for one in _spread(text)]
    units = [parse_unit(text) for text in each]
    if not units or "all" in units:
        return None
    for text, unit in zip(each, units, strict=True):
        if len(unit) != 1:
            raise typer.BadParameter(
                f"--unit {text!r} names one unit, but whole maps are shown: write the "
                "map's number alone"
            )
    return list(dict.fromkeys(int(unit[0]) for unit in units))


def _spread(text: str) -> list[str]:
    """``"3-5"`` as ``["3", "4", "5"]``; anything else as it is."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    if not dash or not (first.isdecimal() and last.isdecimal()):
        return [text]
    if max(len(first), len(last)) > MOST_DIGITS or not (
        0 <= int(last) - int(first) < MOST_MAPS
    ):
        raise typer.BadParameter(
            f"--unit {text[:40]!r} is no range of maps: write the first and the last "
            f"one, at most {MOST_MAPS} apart"
        )
    return [str(number) for number in range(int(first), int(last) + 1)]
