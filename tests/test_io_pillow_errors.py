"""Pillow's failures as one sentence, its warnings as none, from any thread."""

from __future__ import annotations

import os
import subprocess
import sys
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


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_is_not_the_files_fault_passes(error: type[BaseException]) -> None:
    with pytest.raises(error), decoding("a.png"):
        raise error


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


FORK_WHILE_DECODING = """
import os, signal
from numpy_deconv.io.pillow_errors import decoding
with decoding("a.png"):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        with decoding("b.png"):
            os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_forked_child_does_not_wait_for_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK_WHILE_DECODING], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("7\n", "")
