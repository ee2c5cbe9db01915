"""The process that measures: ``python -m numpy_deconv.benchmarks PLAN``."""

from __future__ import annotations

import sys

from rich.console import Console

from numpy_deconv.cli.signals import unwinding
from numpy_deconv.errors import NumpyDeconvError

from .plan import Plan
from .presenting import present

FAILED, INTERRUPTED = 1, 130


def main() -> int:
    """Carry out the plan given as JSON; an exit status."""
    try:
        with unwinding():
            present(Plan.from_json(sys.argv[1]), Console())
    except KeyboardInterrupt:
        print("Interrupted: what was measured so far is kept.", file=sys.stderr)
        return INTERRUPTED
    except NumpyDeconvError as error:
        print(f"Error: {error}", file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
