"""Pillow without its warnings, and every failure of it as one sentence."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from ..errors import FileFormatError

# Warning filters belong to the process: two threads that set and restore them at once
# would leave them changed.
_one_decoder = threading.Lock()


def _renew_lock() -> None:
    global _one_decoder
    _one_decoder = threading.Lock()


# A process forked while another thread decodes would wait for that thread for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@contextmanager
def decoding(subject: str) -> Iterator[None]:
    """A block that decodes with Pillow; ``subject`` begins the sentence if it fails.

    Raises :class:`FileFormatError` for whatever was raised in the block, but for
    MemoryError, which says nothing about the file.
    """
    with _one_decoder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except FileFormatError as error:
            raise FileFormatError(f"{subject} cannot be read: {error}") from error
        except UnidentifiedImageError as error:
            problem = "is not a picture in a known format"
            raise FileFormatError(f"{subject} {problem}") from error
        except Image.DecompressionBombError as error:
            raise FileFormatError(
                f"{subject} has too many pixels to be decoded safely; make it smaller "
                f"first ({error})"
            ) from error
        except MemoryError:
            raise
        # Pillow's decoders raise a dozen types on damaged data.
        except Exception as error:
            problem = f"is damaged or truncated: {error}"
            raise FileFormatError(f"{subject} {problem}") from error
