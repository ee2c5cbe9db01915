"""Checks of shapes and options, whose answers are remembered.

They are the same for every call of a layer, and small layers are many: checking them
anew would take longer than such a layer does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

from ..window import PLAIN, are_plain

Answer = TypeVar("Answer")
#: Also what a padding is called: the sizes that it depends on are remembered with it.
_PLAIN = PLAIN | {str}

Check = Callable[[tuple[Any, ...], tuple[Any, ...]], Answer]


def remembered(check: Check[Answer]) -> Check[Answer]:
    """``check(shapes, options)``, done once for equal ones; errors are raised anew.

    Options that equal others of another type, such as 1.0, are checked every time.
    """
    known = lru_cache(2048)(check)

    @wraps(check)
    def answer(shapes: tuple[Any, ...], options: tuple[Any, ...]) -> Answer:
        plain = are_plain(options, _PLAIN)
        return known(shapes, options) if plain else check(shapes, options)

    return answer
