"""Which rules a signal goes down by, and what the shell can say where they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import RuleError
from .options import RulesName
from .setup import Way

if TYPE_CHECKING:
    from ..rules import Rules


@contextmanager
def way_down(way: Way) -> Iterator[Rules]:
    """The rules asked for; a refusal says which option would allow it."""
    from ..rules import RULES

    rules = RULES[way.rules.value]
    nearest = RulesName.deconvnet_relu6 if way.rules is RulesName.deconvnet else None
    with elsewhere_told(nearest):
        yield rules.otherwise() if way.gradient_elsewhere else rules


@contextmanager
def elsewhere_told(of_relu6: RulesName | None = None) -> Iterator[None]:
    """Say how the shell, not Python, asks for a way through what a method refuses.

    ``of_relu6`` are the rules that suit a net of ReLU6 units better.
    """
    try:
        yield
    except RuleError as error:
        option = "--gradient-elsewhere"
        if of_relu6 is not None and "Clip" in str(error):
            option = f"--rules {of_relu6.value}"
        raise RuleError(f"{error}; on the command line: {option}") from error
