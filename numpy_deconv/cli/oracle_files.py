"""What the oracle's commands write, and a test tried on wrong kernels."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import OptionError, OutputError

if TYPE_CHECKING:
    from ..oracle import Mutant


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none; raises OutputError."""
    part = path.with_name(f".{secrets.token_hex(6)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def survivors(suite: str, op: str | None) -> list[Mutant]:
    """Mutants of ``op`` that the test ``"module:function"`` takes for right ones."""
    from .. import functional, oracle
    from ..oracle.checking.requesting import imported

    test = imported(suite)
    if op is None:
        raise OptionError("a test is tried on the mutants of one operation: give --op")
    forward = oracle.operation(op)
    if not forward.is_backward and not _accepts(test, getattr(functional, op)):
        raise OptionError(f"{suite} refuses the correct kernel too")
    return [each for each in oracle.mutants(op) if _accepts(test, each)]


def _accepts(test: Callable[[Any], Any], kernel: Any) -> bool:
    """Whether a test finds nothing wrong with a kernel."""
    try:
        return test(kernel) is not False
    except Exception:
        return False
