"""Pillow's failures as one sentence, its warnings as none, from any thread."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable

import pytest
from PIL import Image, UnidentifiedImageError

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.pillow_errors import decoding


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UnidentifiedImageError("odd"), r"^a\.png is not a picture in a known format$"),
        (
            Image.DecompressionBombError("big"),
            r"^a\.png has too many pixels .*\(big\)$",
        ),
        (FileFormatError("it is odd"), r"^a\.png cannot be read: it is odd$"),
        (KeyError("odd"), r"^a\.png is damaged or truncated: 'odd'$"),
    ],
)
def test_one_sentence(error: Exception, message: str) -> None:
    with pytest.raises(FileFormatError, match=message), decoding("a.png"):
        raise error


def test_an_interruption_passes() -> None:
    with pytest.raises(KeyboardInterrupt), decoding("a.png"):
        raise KeyboardInterrupt


def test_warnings_go_nowhere_and_come_back() -> None:
    with decoding("a.png"):
        warnings.warn("odd", UserWarning, stacklevel=1)
    with pytest.raises(UserWarning, match="odd"):
        warnings.warn("odd", UserWarning, stacklevel=1)


def test_two_threads_leave_the_filters_as_they_were() -> None:
    before = list(warnings.filters)
    first_is_in, second_is_in, leave = (threading.Event() for _ in range(3))

    def decode(entered: threading.Event, wait: Callable[[], object]) -> None:
        with decoding("a.png"):
            entered.set()
            wait()

    first = threading.Thread(target=decode, args=(first_is_in, leave.wait))
    second = threading.Thread(target=decode, args=(second_is_in, leave.wait))
    first.start()
    assert first_is_in.wait(10)
    second.start()
    assert not second_is_in.wait(0.1)
    leave.set()
    first.join()
    second.join()
    assert second_is_in.is_set()
    assert warnings.filters == before
