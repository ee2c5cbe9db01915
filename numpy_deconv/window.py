"""The geometry of a sliding window: every output size and every index range.

One axis of a window with kernel ``k``, stride ``s``, dilation ``d`` and padding
``(b, e)`` over an input of ``L`` samples::

    tap a of output o reads the input at   o*s - b + a*d        (0 <= a < k)
    the window spans                       d*(k-1) + 1          samples
    outputs                                (L + b + e - span) // s + 1

No other module does size arithmetic: kernels iterate over :meth:`Window.taps`, which
hands out, for each tap, the outputs that read inside the image and what they read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from .errors import OptionError, ShapeError
from .per_axis import (
    Pairs,
    Sizes,
    begin_end_pairs,
    entries_of,
    is_several,
    per_axis,
)
from .window_taps import Positions as Positions
from .window_taps import Slices as Slices
from .window_taps import WindowTaps


@dataclass(frozen=True, slots=True)
class Window(WindowTaps):
    """A kernel's footprint and how it moves; a value, valid once it exists."""

    kernel: Sizes
    stride: Sizes
    padding: Pairs
    dilation: Sizes
    ceil_mode: bool = False
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode
        object.__setattr__(self, "_hash", hash(parts))

    def __hash__(self) -> int:
        return self._hash  # what is remembered by a window is looked up all the time

    @classmethod
    def of(
        cls,
        kernel_size: Any,
        rank: int,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        input_size: Sizes | None = None,
    ) -> Window:
        """Validate a window of this spatial rank; ``"same"`` needs ``input_size``."""
        given = kernel_size, rank, stride, padding, dilation
        if are_plain(given):
            return _known(*given, bool(ceil_mode))
        return cls._made(*given, ceil_mode, input_size)

    @classmethod
    def _made(
        cls,
        kernel_size: Any,
        rank: int,
        stride: Any,
        padding: Any,
        dilation: Any,
        ceil_mode: bool,
        input_size: Sizes | None = None,
    ) -> Window:
        kernel = per_axis(kernel_size, rank, "kernel_size", 1)
        window = cls(
            kernel,
            per_axis(stride, rank, "stride", 1),
            ((0, 0),) * rank,
            per_axis(dilation, rank, "dilation", 1),
            bool(ceil_mode),
        )
        if not isinstance(padding, str):
            return replace(window, padding=begin_end_pairs(padding, rank))
        if padding == "valid":
            return window
        if padding not in ("same", "same_lower"):
            raise OptionError(
                f"padding={padding!r} is not known: give numbers, 'valid', 'same' or "
                "'same_lower'"
            )
        if input_size is None:
            raise OptionError(f"padding={padding!r} needs an input to be sized from")
        return window._same(input_size, at_end=padding == "same")

    @classmethod
    def of_pool(
        cls,
        kernel_size: Any,
        rank: int,
        *,
        stride: Any = None,
        padding: Any = 0,
        **rest: Any,
    ) -> Window:
        """A pooling window: stride defaults to the kernel, padding is limited.

        Padding in torch's spelling (numbers) keeps torch's limit of half the window.
        ``(begin, end)`` pairs and ``"same"``, which torch does not have, are ONNX's
        and may be wider.
        """
        stride = kernel_size if stride is None else stride
        window = cls.of(kernel_size, rank, stride=stride, padding=padding, **rest)
        if isinstance(padding, str) or (type(padding) is int and not padding):
            return window
        entries = entries_of(padding, rank, "padding")
        for axis, (entry, span) in enumerate(zip(entries, window.span, strict=True)):
            if not is_several(entry) and entry > span // 2:
                raise OptionError(
                    f"padding {entry} on spatial axis {axis} is more than half of the "
                    f"window, which spans {span}: use at most {span // 2}, or ONNX's "
                    "(begin, end) pairs if that is meant"
                )
        return window

    def _same(self, input_size: Sizes, *, at_end: bool) -> Window:
        pairs = []
        for size, stride, span in zip(input_size, self.stride, self.span, strict=True):
            outputs = -(-size // stride)
            total = max(0, (outputs - 1) * stride + span - size)
            short, long = total // 2, total - total // 2
            pairs.append((short, long) if at_end else (long, short))
        return replace(self, padding=tuple(pairs))

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.kernel)

    @property
    def size(self) -> int:
        """Number of taps, ``prod(kernel)``."""
        return math.prod(self.kernel)

    @property
    def span(self) -> Sizes:
        """Samples from the first tap to the last, ``d*(k-1) + 1`` per axis."""
        return tuple(
            d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True)
        )

    @property
    def is_pointwise(self) -> bool:
        """Whether output ``o`` reads exactly input ``o``: a 1x1 window in place."""
        return (
            self.size == 1 and set(self.stride) == {1} and set(self.padding) == {(0, 0)}
        )

    @lru_cache(1024)  # noqa: B019  windows are values: few, and worth keeping
    def output_size(self, input_size: Sizes) -> Sizes:
        """Outputs per axis over an input; raises if the window fits nowhere."""
        sizes = []
        for axis, length in enumerate(input_size):
            stride, (begin, end) = self.stride[axis], self.padding[axis]
            room = length + begin + end - self.span[axis]
            outputs = (-(-room // stride) if self.ceil_mode else room // stride) + 1
            # a window that would start in the end padding (or past it) does not count
            if self.ceil_mode and (outputs - 1) * stride >= length + begin:
                outputs -= 1
            if outputs < 1:
                raise ShapeError(
                    f"the window spans {self.span[axis]} (kernel {self.kernel[axis]}, "
                    f"dilation {self.dilation[axis]}) on spatial axis {axis}, more "
                    f"than the input of {length} padded by {begin} + {end}: use a "
                    "smaller kernel or more padding"
                )
            sizes.append(outputs)
        return tuple(sizes)

    def transposed_size(self, input_size: Sizes, output_padding: Sizes) -> Sizes:
        """Output of a transposed convolution: ``(L-1)*s + span - b - e + extra``."""
        sizes = []
        for axis, (length, extra) in enumerate(
            zip(input_size, output_padding, strict=True)
        ):
            limit = max(self.stride[axis], self.dilation[axis])
            if extra >= limit:
                raise OptionError(
                    f"output_padding {extra} on spatial axis {axis} must be smaller "
                    f"than the stride or the dilation, so at most {limit - 1}"
                )
            grown = (length - 1) * self.stride[axis] + self.span[axis] + extra
            size = grown - sum(self.padding[axis])
            if size < 1:
                raise ShapeError(
                    f"the transposed convolution of {length} samples grows to {grown} "
                    f"on spatial axis {axis}, and padding {self.padding[axis]} crops "
                    "all of it: use less padding"
                )
            sizes.append(size)
        return tuple(sizes)

    @lru_cache(1024)  # noqa: B019
    def always_samples(self, input_size: Sizes) -> bool:
        """Whether no window over an input of this size sees nothing but padding."""
        counts = self.counts(input_size, self.output_size(input_size), padded=False)
        return bool(counts.all())

    def on_box(
        self, outputs: tuple[Sizes, Sizes], inputs: tuple[Sizes, Sizes]
    ) -> Window:
        """This window on the box of the input that a box of outputs reads.

        Both boxes are ``(origin, shape)``. Of the padding remains what lies outside of
        the image, and the input box becomes the image.
        """
        pairs = []
        for axis, (first, count) in enumerate(zip(*outputs, strict=True)):
            start, length = inputs[0][axis], inputs[1][axis]
            stride = self.stride[axis]
            begin = start - first * stride + self.padding[axis][0]
            reach = (count - 1) * stride + self.span[axis]
            pairs.append((begin, reach - length - begin))
        return replace(self, padding=tuple(pairs), ceil_mode=False)


PLAIN = frozenset({int, type(None)})


def are_plain(values: tuple[Any, ...], plain: frozenset[type] = PLAIN) -> bool:
    """Whether these are integers or None (or else ``plain``), or tuples of such, and
    nothing that merely equals one (1.0 and True equal 1)."""
    kinds = set(map(type, values))
    if kinds <= plain:
        return True
    tuples = (value for value in values if type(value) is tuple)
    return kinds <= {*plain, tuple} and all(are_plain(each, plain) for each in tuples)


#: Small layers are many: checking their options again would take longer than they do.
_known = lru_cache(1024)(Window._made)
