"""A kernel as a test of its own: ``@oracle.conforms("max_pool")``.

The pytest plugin fills in :data:`SETTINGS`; without it the defaults hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FileFormatError, OptionError

KEPT = 20
"""Failing cases of one test that are replayed, the newest first."""


@dataclass
class Settings:
    """What the plugin's options say: budget, seed, folder of kept failures."""

    examples: int | None = None
    seed: int | None = None
    folder: Path | None = None


SETTINGS = Settings()


def conforms(op: str, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a test of the decorated kernel: it is checked as :func:`oracle.check` does.

    ``options`` are the check's. Cases that failed before are replayed first, where a
    folder is given for them. The test takes no arguments; the kernel stays at hand as
    its attribute ``kernel``. Raises AssertionError with the diagnosis, and for a check
    without power::

        @oracle.conforms("max_pool", semantics="onnx")
        def test_my_pool(x, kernel_size, stride, padding):
            return my_pool(x, kernel_size, stride, padding)
    """
    unknown = {"op", "candidate"} & options.keys()
    if unknown:
        raise OptionError(f"conforms takes no {unknown.pop()!r}: it is given already")

    def decorate(kernel: Callable[..., Any]) -> Any:
        def test() -> None:
            run(kernel, op, options)

        # no __wrapped__: pytest would ask the kernel's arguments of its fixtures
        test.__name__ = kernel.__name__
        test.__qualname__ = kernel.__qualname__
        test.__module__ = kernel.__module__
        test.__doc__ = kernel.__doc__
        test.kernel = kernel  # type: ignore[attr-defined]
        return test

    return decorate


def run(kernel: Callable[..., Any], op: str, options: dict[str, Any]) -> None:
    """Replay what failed before, then check."""
    from .checking.check import run as run_check
    from .checking.options import Budget
    from .checking.requesting import request_of

    wanted = dict(options)
    if SETTINGS.examples is not None:
        before = wanted.get("budget") or Budget()
        wanted["budget"] = Budget(
            SETTINGS.examples, before.seconds, before.call_seconds
        )
    if SETTINGS.seed is not None:
        wanted["seed"] = SETTINGS.seed
    request = request_of(kernel, op=op, **wanted)
    folder = None
    if SETTINGS.folder is not None:
        place = f"{kernel.__module__}.{kernel.__qualname__}".replace("<locals>.", "")
        folder = SETTINGS.folder / place
        _replay(request, folder)
    report = run_check(request)
    if report.verdict in ("PASS", "WARN"):
        return
    said = str(report)
    if report.failure is not None:
        if folder is not None:
            number = len(list(folder.glob("*.npz"))) if folder.is_dir() else 0
            kept = report.failure.save(folder / f"{op}-{number:04d}.npz")
            said += f"\n  kept in {kept}"
        said += f"\n\n{report.failure.repro()}"
    raise AssertionError(said)


def _replay(request: Any, folder: Path) -> None:
    """Raise AssertionError if a stored case fails still."""
    from .checking.engine import Engine
    from .drawing import load_case

    if not folder.is_dir():
        return
    engine = Engine(request)
    try:
        for path in sorted(folder.glob("*.npz"), reverse=True)[:KEPT]:
            try:
                case, _ = load_case(path)
            except FileFormatError:
                continue
            if case.op != request.operation.name:
                continue
            mode = "exact" if "exact" in request.modes else request.modes[0]
            trial = engine.trial(case, mode)
            if trial is not None and trial.failed:
                raise AssertionError(
                    f"{request.operation.name}: still wrong on a kept case: "
                    f"{trial.reason}\n  {case}\n  in {path}"
                )
    finally:
        engine.close()
