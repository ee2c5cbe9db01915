"""Labelled emoji pictures of several vendors, read from unpacked npm packages.

An ``emoji-datasource-*`` package holds PNG files and ``emoji.json``, which gives every
emoji its subcategory; an ``@iconify-json/*`` package holds SVG drawings by name. Both
become one `Pictures` value. Skin-tone variants of an emoji share its concept number,
so that they are never counted, or split, as different pictures.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import resvg_py
from PIL import Image

TONES = ("1F3FB", "1F3FD", "1F3FF")


@dataclass(frozen=True)
class Members:
    """Which emoji make one class: subcategories, and short names moved in or out."""

    subcategories: tuple[str, ...] = ()
    also: frozenset[str] = field(default_factory=frozenset)
    without: frozenset[str] = field(default_factory=frozenset)


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ANIMAL_FACES = _names(
    "mouse cow tiger rabbit cat horse monkey_face dog pig hamster wolf polar_bear bear "
    "panda_face lion_face unicorn_face fox_face koala boar moose frog dragon_face"
)

# The order is the order of the network's outputs.
CLASSES: dict[str, Members] = {
    "smiley": Members(
        (
            "face-smiling",
            "face-affection",
            "face-concerned",
            "face-neutral-skeptical",
            "face-sleepy",
            "face-tongue",
            "face-unwell",
            "face-glasses",
            "face-hand",
        ),
        also=_names("angry rage triumph smiling_imp imp face_with_symbols_on_mouth"),
    ),
    "animal face": Members(("cat-face", "monkey-face"), also=_ANIMAL_FACES),
    "land animal": Members(
        ("animal-mammal", "animal-reptile"),
        without=_ANIMAL_FACES
        | _names("pig_nose feet bat raccoon deer giraffe_face zebra_face snake"),
    ),
    "bird": Members(("animal-bird",), without=_names("feather wing")),
    "sea animal": Members(("animal-marine",), without=_names("coral")),
    "insect": Members(
        ("animal-bug",), without=_names("spider_web microbe worm snail scorpion")
    ),
    "plant": Members(
        ("plant-flower", "plant-other"),
        without=_names("empty_nest nest_with_eggs mushroom rosette white_flower"),
    ),
    "fruit or vegetable": Members(("food-fruit", "food-vegetable")),
    "meal": Members(
        ("food-prepared", "food-asian", "food-sweet"),
        without=_names("sweet_potato salt egg takeout_box"),
    ),
    "drink": Members(("drink",), without=_names("ice_cube pouring_liquid")),
    "hand": Members(
        (
            "hand-fingers-closed",
            "hand-fingers-open",
            "hand-fingers-partial",
            "hand-single-finger",
            "hands",
        ),
    ),
    "person": Members(
        ("person", "person-role", "person-gesture", "person-sport", "person-activity"),
        without=_names("horse_racing bicyclist women-with-bunny-ears-partying"),
    ),
    "building": Members(
        ("place-building", "place-religious"),
        without=_names("bricks rock wood building_construction statue_of_liberty"),
    ),
    "road or rail vehicle": Members(
        ("transport-ground",),
        without=_names(
            "station busstop traffic_light vertical_traffic_light construction wheel "
            "rotating_light octagonal_sign oil_drum motorway railway_track fuelpump "
            "skateboard roller_skate"
        ),
    ),
    "ship or aircraft": Members(
        ("transport-water", "transport-air"),
        without=_names(
            "ring_buoy anchor seat suspension_railway mountain_cableway parachute "
            "aerial_tramway satellite flying_saucer"
        ),
    ),
    "clock": Members(("time",), without=_names("hourglass hourglass_flowing_sand")),
    "heart": Members(
        ("heart",), also=_names("hearts"), without=_names("love_letter heart_on_fire")
    ),
    "flag": Members(("country-flag", "subdivision-flag")),
    "clothing": Members(
        ("clothing",),
        without=_names("lipstick gem prayer_beads ring hair_pick folding_hand_fan"),
    ),
    "sign": Members(
        ("keycap", "alphanum", "av-symbol", "zodiac", "transport-sign", "arrow"),
        without=_names("a b ab o2 cl sos information_source m copyright back end on"),
    ),
}


@dataclass(frozen=True)
class Pictures:
    """RGBA pictures ``(N, 4, S, S)`` uint8 with a class and a concept number each."""

    rgba: npt.NDArray[np.uint8]
    label: npt.NDArray[np.int64]
    concept: npt.NDArray[np.int64]
    vendor: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.label)


def join(parts: list[Pictures]) -> Pictures:
    """Put several sets behind each other; concepts of different vendors stay apart."""
    offset, concepts = 0, []
    for part in parts:
        concepts.append(part.concept + offset)
        offset += int(part.concept.max()) + 1
    return Pictures(
        np.concatenate([part.rgba for part in parts]),
        np.concatenate([part.label for part in parts]),
        np.concatenate(concepts),
        tuple(name for part in parts for name in part.vendor),
    )


def _entries(datasource: Path) -> list[tuple[int, dict[str, Any]]]:
    """Every emoji that belongs to a class, as (class index, entry of emoji.json)."""
    table = json.loads((datasource / "emoji.json").read_text("utf-8"))
    found = []
    for index, members in enumerate(CLASSES.values()):
        for entry in table:
            name = entry["short_name"]
            inside = entry["subcategory"] in members.subcategories
            if name in members.also or (inside and name not in members.without):
                found.append((index, entry))
    return found


def _square(picture: Image.Image, size: int) -> npt.NDArray[np.uint8]:
    rgba = picture.convert("RGBA").resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(rgba, dtype=np.uint8).transpose(2, 0, 1)


def read_datasource(
    folder: Path, vendor: str, size: int, *, tones: bool = False
) -> Pictures:
    """Read the PNG files of an unpacked ``emoji-datasource-VENDOR`` package.

    ``tones=True`` adds a light, a medium and a dark variant where there is one.
    """
    images = folder / "img" / vendor / "64"

    def files() -> Iterator[tuple[int, int, Path]]:
        for concept, (label, entry) in enumerate(_entries(folder)):
            variants = [entry]
            if tones:
                toned = entry.get("skin_variations", {})
                variants += [toned[tone] for tone in TONES if tone in toned]
            for variant in variants:
                if variant[f"has_img_{vendor}"]:
                    yield label, concept, images / str(variant["image"])

    labels, concepts, pictures = [], [], []
    for label, concept, path in files():
        with Image.open(path) as picture:
            pictures.append(_square(picture, size))
        labels.append(label)
        concepts.append(concept)
    return Pictures(
        np.stack(pictures),
        np.array(labels),
        np.array(concepts),
        (vendor,) * len(labels),
    )


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _drawing_names(entry: dict[str, Any]) -> Iterator[str]:
    """The names under which a collection of drawings may hold an emoji."""
    name = str(entry["name"] or "")
    yield _letters(name)
    yield _letters(name.removeprefix("CLOCK FACE "))
    if name.endswith(" Flag"):
        country = _letters(name.removesuffix(" Flag"))
        yield from (f"flagfor{country}", f"flagforflag{country}", f"flag{country}")


def read_iconify(folder: Path, datasource: Path, size: int) -> Pictures:
    """Rasterise the SVG drawings of an unpacked ``@iconify-json/*`` package.

    A drawing is matched to an emoji of `datasource` by the Unicode name; drawings
    without a match are left out.
    """
    collection = json.loads((folder / "icons.json").read_text("utf-8"))
    drawings = {_letters(name): icon for name, icon in collection["icons"].items()}
    labels, concepts, pictures = [], [], []
    for concept, (label, entry) in enumerate(_entries(datasource)):
        known = [drawings[name] for name in _drawing_names(entry) if name in drawings]
        if not known:
            continue
        icon = known[0]
        width = icon.get("width", collection.get("width", 16))
        height = icon.get("height", collection.get("height", 16))
        svg = (
            '<svg xmlns="http://www.w3.org/2000/svg" '
            'xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{icon.get("left", 0)} {icon.get("top", 0)} {width} {height}">'
            f"{icon['body']}</svg>"
        )
        png = resvg_py.svg_to_bytes(
            svg_string=svg, width=size, height=size, skip_system_fonts=True
        )
        pictures.append(_square(Image.open(io.BytesIO(bytes(png))), size))
        labels.append(label)
        concepts.append(concept)
    return Pictures(
        np.stack(pictures),
        np.array(labels),
        np.array(concepts),
        (str(collection["prefix"]),) * len(labels),
    )
