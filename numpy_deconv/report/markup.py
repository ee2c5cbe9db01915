"""From values to HTML: escaping, pictures as data URIs, and the settings of a run."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

PIXEL_ART = 128
"""Pictures up to this many pixels wide are enlarged with hard edges."""


def attributes(**values: str | None) -> str:
    """`` name="value"`` for every value that is not None, escaped; ``class_``, too."""
    return "".join(
        f' {name.rstrip("_")}="{escape(value)}"'
        for name, value in values.items()
        if value is not None
    )


def data_uri(image: Image) -> str:
    """The picture itself as an address: ``data:image/png;base64,...``."""
    encoded = io.BytesIO()
    image.save(encoded, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(encoded.getvalue()).decode()


def picture(image: Image, alt: str) -> str:
    """An ``img`` element that holds the picture; small ones keep hard pixels."""
    small = "pixels" if image.width <= PIXEL_ART else None
    size = {"width": str(image.width), "height": str(image.height)}
    return f"<img{attributes(class_=small, src=data_uri(image), alt=alt, **size)}>"


def settings_list(settings: Mapping[str, Any]) -> str:
    """A closed ``details`` element with a row for every setting; empty without any."""
    if not settings:
        return ""
    rows = "".join(
        f"<div><dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in settings.items()
    )
    return f"<details><summary>Settings</summary><dl>{rows}</dl></details>"
