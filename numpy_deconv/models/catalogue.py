"""Every architecture the library knows, and which of them given arrays belong to."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from ..errors import FileFormatError, OptionError
from .alexnet import ALEXNET, ALEXNET_227
from .architecture import Architecture
from .efficientnet_lite import EFFICIENTNET_LITES
from .emoji_zfnet import EMOJI_ZFNET
from .fit import grouped
from .mobilenet import MOBILENET_V2
from .resnet import RESNETS
from .squeezenet import SQUEEZENET1_0, SQUEEZENET1_1
from .vgg import VGG, VGG16_MAXPOOL
from .zfnet import ZFNET

ARCHITECTURES: Mapping[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        EMOJI_ZFNET,
        ALEXNET,
        ALEXNET_227,
        ZFNET,
        *VGG,
        VGG16_MAXPOOL,
        SQUEEZENET1_0,
        SQUEEZENET1_1,
        *RESNETS,
        MOBILENET_V2,
        *EFFICIENTNET_LITES,
    )
}


def find_architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        OptionError: if there is none, listing all names and the nearest one.
    """
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    near = difflib.get_close_matches(name, ARCHITECTURES, n=1)
    hint = f": did you mean {near[0]!r}?" if near else ""
    raise OptionError(
        f"no architecture is called {name!r}{hint} (known: {', '.join(ARCHITECTURES)})"
    )


def identify(weights: Mapping[str, Any]) -> Architecture:
    """The architecture whose keys and shapes these arrays have.

    Raises:
        FileFormatError: if none fits, naming the nearest one and every difference.
    """
    if not weights:
        raise FileFormatError("there are no arrays in these weights")
    fits = {name: known.fit(weights) for name, known in ARCHITECTURES.items()}
    for name, fit in fits.items():
        if fit.complete:
            return ARCHITECTURES[name]
    nearest = max(fits, key=lambda name: fits[name].score)
    fit = fits[nearest]
    if not fit.fitting:
        first = grouped(list(weights)[:8])
        raise FileFormatError(
            f"these weights fit no known architecture: they begin with {first}, and "
            f"nothing in them belongs to any of {', '.join(ARCHITECTURES)}"
        )
    raise FileFormatError(
        "these weights fit no known architecture; the nearest is "
        f"{nearest} ({fit.fitting} of its {fit.wanted} parameters fit):\n{fit}"
    )
