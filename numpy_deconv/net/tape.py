"""One forward run, and every way back down from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..arrays import Array, as_array, is_float
from ..errors import DTypeError, NetError, NumpyDeconvError, ShapeError
from ..registry import current
from ..rules import GRADIENT, Rules
from .learning import param_grads

if TYPE_CHECKING:
    from .graph import Graph
    from .passes import Pass


@dataclass(frozen=True, eq=False)
class Tape:
    """The activations of one run by layer name, and what each layer saved for later.

    A value, not a mode: any number of projections can be made from it, with any rules.
    """

    net: Graph
    values: Mapping[str, Array]
    saved: Mapping[str, Any]
    last: str
    shapes: Mapping[str, tuple[int, ...]]  # of every activation, kept or not
    lean: bool = False  # only some activations, and no more saved than vjp needs
    learns: bool = False  # if lean: saved is also what param_grads needs
    joined: Mapping[str, Array] = field(default_factory=dict)  # outputs that lie as one

    def __post_init__(self) -> None:
        for name in ("values", "saved", "shapes", "joined"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, ...]:
        # not what was joined: its parts, which are saved, would be there twice
        values, saved, shapes = map(dict, (self.values, self.saved, self.shapes))
        fields = self.net, values, saved, self.last, shapes, self.lean, self.learns
        return type(self), fields

    def __getitem__(self, name: str) -> Array:
        """Activation of a layer, ``(N, C, *size)``; ``"input"`` is the input."""
        if name not in self.values:
            self.net.require(name)
            if self.lean:
                raise NetError(
                    f"the activation of {name!r} was not kept: run with "
                    f"keep=({name!r},), or without keep for all of them"
                )
            raise NetError(
                f"layer {name!r} was not run: this run ended at {self.last!r}"
            )
        return self.values[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a layer's activation, which need not have been kept."""
        return self.shapes[name] if name in self.shapes else self[name].shape

    @property
    def output(self) -> Array:
        """Activation of the last layer that was run."""
        return self.values[self.last]

    def project(
        self,
        signal: Any,
        *,
        start: str,
        rules: Rules = GRADIENT,
        stop: str = "input",
    ) -> Array:
        """Send a signal at the output of ``start`` down to the output of ``stop``.

        ``signal`` has the shape of ``tape[start]``; after a run of one sample it may
        hold any number of signals for it. With ``GRADIENT`` the result is the gradient
        of ``sum(signal * tape[start])`` with respect to ``tape[stop]``. Raises
        RuleError at a layer the rules refuse.
        """
        return self._descend(signal, start, rules, stop, keep=False)[stop]

    def signals(
        self,
        signal: Any,
        *,
        start: str,
        rules: Rules = GRADIENT,
        stop: str = "input",
    ) -> dict[str, Array]:
        """What :meth:`project` sees on its way: the signal at each layer's output."""
        return self._descend(signal, start, rules, stop, keep=True)

    def _descend(
        self, signal: Any, start: str, rules: Rules, stop: str, *, keep: bool
    ) -> dict[str, Array]:
        """Signals by layer; without ``keep`` each is let go once it was passed on."""
        gy = self._checked(signal, start)
        # what the ReLUs saw is there sample by sample, or once for many signals
        masks = len(gy) == len(self[start])
        arriving: dict[str, Array] = {start: gy}
        joined = frozenset(self.joined) if masks else frozenset()
        for step in self.net.passes(
            rules, start, stop, fused=not keep, masks=masks, joined=joined
        ):
            name = step.name
            if name not in arriving:
                continue
            gy = arriving[name] if keep else arriving.pop(name)
            try:
                gxs = self._through(step, gy)
            except NumpyDeconvError as error:
                raise type(error)(
                    f"layer {step.number} {name!r} ({step.layer.describe()}): {error}"
                ) from error
            for slot, source in step.handed:
                gx = gxs[slot]
                if gx is not None:
                    before = arriving.get(source)
                    arriving[source] = gx if before is None else before + gx
        return arriving

    def _through(self, step: Pass, gy: Array) -> tuple[Array | None, ...]:
        rule, layer = step.rule, step.layer
        seen = self._read(step.name) if rule.of_inputs else self.saved[step.name]
        through = rule.rectified if step.rectifies else rule
        if not step.masks:
            return through(layer, seen, gy)
        wheres = tuple(
            None if m is None else self.joined.get(m, self.saved[m]) for m in step.masks
        )
        if all(where is None or where.dtype == gy.dtype for where in wheres):
            return rule.masked(layer, seen, gy, wheres, rectified=step.rectifies)
        # somebody's own layer put another precision between the two
        gxs = zip(through(layer, seen, gy), wheres, strict=True)
        return tuple(
            gx
            if gx is None or where is None
            else current(gx).activation_grad(gx, where, "relu")
            for gx, where in gxs
        )

    def _read(self, name: str) -> tuple[Array, ...]:
        """What a layer read: activations, and switches of pools."""
        read = []
        for source in self.net.nodes[name].inputs:
            layer, _, part = source.partition(":")
            read.append(getattr(self.saved[layer], part) if part else self[layer])
        return tuple(read)

    def param_grads(
        self, signal: Any, *, start: str | None = None, inputs: bool = False
    ) -> dict[str, Array]:
        """Gradient of ``sum(signal * tape[start])`` for every parameter below it.

        Named ``"layer.field"`` as in ``net.params``; a layer used twice at two names
        has a share at each. With ``inputs`` the net's input has its gradient too, as
        ``"input"``, from the same descent. Raises NetError after a run with ``keep``
        that was not told to ``learn``, which saved too little.
        """
        if self.lean and not self.learns:
            raise NetError(
                "a run with keep= saves only what projections need: run with "
                "learn=True, or without keep, for the gradients of parameters"
            )
        top = self.last if start is None else start
        return param_grads(self, self._checked(signal, top), top, inputs=inputs)

    def _checked(self, signal: Any, start: str) -> Array:
        y = self[start]
        gy = as_array(signal, "signal")
        batches = (len(y),) if len(y) != 1 else (len(gy),)
        if gy.shape[1:] != y.shape[1:] or len(gy) not in batches:
            raise ShapeError(
                f"signal has shape {gy.shape}, but {start!r} put out {y.shape}"
            )
        if gy.dtype != y.dtype and not (is_float(gy.dtype) and is_float(y.dtype)):
            raise DTypeError(f"signal is {gy.dtype}, but {start!r} put out {y.dtype}")
        return gy.astype(y.dtype, copy=False)
