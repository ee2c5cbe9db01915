"""What may be drawn, the draft that is filled in, and the call that results."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ...arrays import Array, is_float
from ...errors import NumpyDeconvError, OptionError
from ..call import bind
from ..evaluation import evaluate
from ..operations import operation
from ..semantics import SEMANTICS, Semantics
from .case import Case
from .layouts import LAYOUTS
from .source import Source
from .values import BOUND, EXACT, Data, values

T = TypeVar("T")

SMALL = (1, 2, 3, 4)
AWKWARD = (5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129)
SIZES = SMALL * 6 + AWKWARD
CHANNELS = (1, 2, 3, 1, 2, 3, 4, 5, 8, 9, 16, 17)
BATCHES = (1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 0)


@dataclass(frozen=True)
class Wishes:
    """What may be drawn.

    ``names`` are the inputs and attributes that the kernel takes (None: all), ``kinds``
    the data sets, ``max_elems`` about the largest array, ``layouts`` how arrays may lie
    in memory.
    """

    semantics: Semantics = SEMANTICS["torch"]
    dtypes: tuple[str, ...] = ("float32",)
    ranks: tuple[int, ...] = (2, 1, 3)
    names: frozenset[str] | None = None
    kinds: tuple[str, ...] = EXACT + BOUND
    max_elems: int = 20_000
    layouts: tuple[str, ...] = ("C",)

    def __post_init__(self) -> None:
        if not self.ranks or not set(self.ranks) <= {1, 2, 3}:
            raise OptionError(f"ranks may be 1, 2 and 3, got {self.ranks}")
        unknown = [how for how in self.layouts if how not in LAYOUTS]
        if unknown or not self.layouts:
            raise OptionError(
                f"there is no layout {unknown[:1]}: use some of {tuple(LAYOUTS)}"
            )

    @property
    def pairs(self) -> bool:
        """Whether padding is given as (begin, end), which PyTorch cannot."""
        limited = self.semantics.pad_limit != "none"
        return not limited or self.semantics == SEMANTICS["numpy_deconv"]


class Draft:
    """A call in the making: draws choices by label, and arrays of one kind."""

    def __init__(
        self, op: str, source: Source, wishes: Wishes, kind: str, dtype: Any
    ) -> None:
        self.op, self.source, self.wishes = op, source, wishes
        self.kind, self.dtype = kind, np.dtype(dtype)
        self.rng = np.random.default_rng(source.index("seed", 2**32))
        self.data = Data(self.rng, self.dtype, kind, source.index("rate", 4))

    def pick(self, label: str, options: Sequence[T]) -> T:
        """One of the options; the first is the simplest."""
        return options[self.source.index(label, len(options))]

    def may(self, name: str) -> bool:
        """Whether the kernel takes this input or attribute."""
        return self.wishes.names is None or name in self.wishes.names

    def rank(self) -> int:
        """A number of spatial axes."""
        return self.pick("rank", self.wishes.ranks)

    def batch(self) -> int:
        """A batch; now and then an empty one."""
        return self.pick("batch", BATCHES)

    def channels(self, label: str = "channels") -> int:
        """A number of channels."""
        return self.pick(label, CHANNELS)

    def sizes(self, rank: int, lowest: Sequence[int], others: int) -> tuple[int, ...]:
        """Spatial sizes of at least ``lowest``, few enough beside ``others``."""
        found = [
            max(self.pick(f"size{i}", SIZES), n) for i, n in enumerate(lowest[:rank])
        ]
        room = max(1, self.wishes.max_elems // max(1, others))
        while math.prod(found) > room:
            axis = max(range(rank), key=lambda i: found[i] - lowest[i])
            if found[axis] <= lowest[axis]:
                break
            found[axis] = max(lowest[axis], found[axis] * 2 // 3)
        return tuple(found)

    def array(self, *shape: int, role: str = "x") -> Array:
        """Values of the drawn kind and dtype."""
        return values(self.data, shape, role)


Draw = Callable[[Draft], tuple[dict[str, Array | None], dict[str, Any]]]
DRAWERS: dict[str, Draw] = {}


def drawer(*names: str) -> Callable[[Draw], Draw]:
    """Register the decorated function as what draws calls of these operations."""

    def register(draw: Draw) -> Draw:
        for name in names:
            DRAWERS[name] = draw
        return draw

    return register


ATTEMPTS = 50


def draw_case(op: str, source: Source, wishes: Wishes) -> Case | None:
    """A call of ``op`` that has a result; None if what was drawn has none."""
    found = operation(op)
    dtype = wishes.dtypes[source.index("dtype", len(wishes.dtypes))]
    kind = wishes.kinds[source.index("kind", len(wishes.kinds))]
    draft = Draft(found.forward, source, wishes, kind, dtype_of(dtype))
    try:
        arrays, attrs = DRAWERS[found.forward](draft)
        if found.is_backward:
            arrays = {"grad": _grad(draft, found.forward, arrays, attrs), **arrays}
        call = bind(op, arrays, attrs, wishes.semantics)
        evaluate(call)
    except NumpyDeconvError:
        return None
    layouts = {
        name: wishes.layouts[source.index(f"layout.{name}", len(wishes.layouts))]
        for name, array in arrays.items()
        if array is not None and array.ndim and len(wishes.layouts) > 1
    }
    return Case(op, arrays, attrs, wishes.semantics, kind, layouts, dict(source.taken))


def _grad(
    draft: Draft, forward: str, arrays: dict[str, Array | None], attrs: dict[str, Any]
) -> Array:
    """A gradient that comes in, of the shape of the function's result."""
    y = evaluate(bind(forward, arrays, attrs, draft.wishes.semantics))[0]
    return draft.array(*np.shape(y), role="grad")


def dtype_of(name: str) -> np.dtype[Any]:
    """The dtype of that name, bfloat16 too where ml_dtypes is installed."""
    if name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError as error:
            raise OptionError(
                "bfloat16 arrays need ml_dtypes: pip install ml_dtypes"
            ) from error
        return np.dtype(ml_dtypes.bfloat16)
    try:
        found = np.dtype(name)
    except TypeError as error:
        raise OptionError(f"dtypes has {name!r}, which NumPy does not know") from error
    if not (is_float(found) or found.kind in "iu"):
        raise OptionError(f"dtypes has {name!r}: give floating or integer dtypes")
    return found
