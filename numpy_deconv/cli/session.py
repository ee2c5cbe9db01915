"""What every command does around its work: backend, folder, errors, exit status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import BackendError, NumpyDeconvError
from .folder import make_writable, remove_empty

if TYPE_CHECKING:
    from ..methods import Result

FAILED = 1
INTERRUPTED = 130
FASTEST_FIRST = ("cupy", "numba", "numpy")


@dataclass
class Session:
    """One run of a command: where its pictures go, and what each is to remember."""

    out: Path = field(default_factory=Path)
    about: dict[str, Any] = field(default_factory=dict)
    kept: bool = False

    def save(self, name: str, picture: Any, settings: Any) -> Path:
        """Write a picture (array or Pillow image) as ``name`` in the folder, say so."""
        from ..io.png import write_png
        from ..methods.result import metadata

        path = self.out / name
        write_png(path, picture, metadata({**self.about, **settings}))
        self.kept = True
        typer.echo(f"wrote {path}")
        return path

    def keep(self, name: str, result: Result, picture: Any = None) -> None:
        """Write a result's picture; raises KeyboardInterrupt if it was cut short."""
        drawn = result.drawn() if picture is None else picture
        self.save(name, drawn, result.settings)
        if "interrupted_at" in result.settings:
            raise KeyboardInterrupt


@contextmanager
def session(
    backend: str | None, debug: bool, out: Path | None = None
) -> Iterator[Session]:
    """Check the folder, choose the backend, run the block, and say what went wrong.

    A deliberate error is one sentence on stderr and status 1; Ctrl-C is status 130,
    and what was written stays.
    """
    work = Session(out or Path())
    with ExitStack() as stack, _reporting(work, debug):
        if out is not None:
            stack.callback(remove_empty, make_writable(out))
        stack.enter_context(_computing(backend))
        yield work


@contextmanager
def _reporting(work: Session, debug: bool) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        kept = ": what was done so far is kept" if work.kept else ""
        typer.echo(f"Interrupted{kept}.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    # The reader went away, as head does: typer leaves with status 1 and no words.
    except BrokenPipeError:
        raise
    except (NumpyDeconvError, OSError, MemoryError) as error:
        if debug:
            raise
        typer.echo(f"Error: {_sentence(error)}", err=True)
        raise typer.Exit(FAILED) from None


def _sentence(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return f"there is not enough memory for this: {error}".rstrip(": ")
    if isinstance(error, OSError) and not isinstance(error, NumpyDeconvError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return str(error)


@contextmanager
def _computing(name: str | None) -> Iterator[None]:
    from ..registry import use_backend

    if name is None:
        yield
        return
    chosen = fastest_backend() if name == "auto" else name
    with use_backend(chosen):
        if name == "auto":
            typer.echo(f"backend: {chosen}", err=True)
        yield


def fastest_backend() -> str:
    """The first of cupy, numba and numpy that is ready here.

    Only a person at a command line may leave this open: a library's answer must not
    depend on what happens to be installed.
    """
    from ..registry import available_backends

    states = available_backends()
    for name in FASTEST_FIRST:
        if name in states and states[name].ready:
            return name
    raise BackendError(
        "no backend is ready, not even numpy: the installation is broken"
    )
