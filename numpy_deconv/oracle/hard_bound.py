"""The hard bound of one output, assembled from its terms and the declared numerics."""

from __future__ import annotations

import numpy as np

from ..errors import OptionError
from .call import Array, Call
from .clearing import clear
from .exact_sum import is_exact
from .growth import gamma
from .numerics import FORMATS, Resolved, format_of
from .terms import Terms

COARSE = 40  # digits below which float64's roundings do not count
LAMBDA = 6.0  # of the soft bound; the worst seen of PyTorch in 96 runs was 2.03


class HardBound:
    """The hard bound of one output, in as few passes over large arrays as it takes.

    What depends on the geometry alone is small and broadcasts.
    """

    def __init__(
        self,
        call: Call,
        name: str,
        y: Array,
        parts: Terms,
        numerics: Resolved,
        other: Array | None,
    ) -> None:
        self.call, self.y, self.parts, self.numerics = call, y, parts, numerics
        self.other = other
        self.factor = self._factor(name)
        self.slack = self._slack()
        self.A = np.asarray(parts.A)

    def _factor(self, name: str) -> Array:
        """What ``A`` is multiplied by, the truth's own errors included."""
        parts, numerics = self.parts, self.numerics
        if not (parts.products and numerics.u_in) and numerics.chunk is None:
            if numerics.acc.digits < COARSE:
                # the truth's roundings are far below those of the kernel
                return growth_of(parts, numerics, 1 + 2.0**-28)
            growth = growth_of(parts, numerics)
        else:
            u_in = numerics.u_in if parts.products else 0.0
            growth = growth_of(parts, numerics)
            growth = (1 + u_in) ** parts.products * (1 + growth) - 1
        return growth + _truth_growth(self.call, name, parts)

    def _slack(self) -> Array:
        """What underflow and approximations may leave behind, whatever ``A`` is."""
        parts, numerics = self.parts, self.numerics
        rounds, eta = np.asarray(parts.rounds), numerics.eta
        tiny = numerics.acc.min_normal
        if np.size(parts.n) > 1 or np.size(parts.floor) > 1:
            slack = (parts.n + rounds) * eta * (rounds > 0) + parts.floor * tiny
        else:
            # few passes over large arrays; an element has no rounding, or at least one
            terms, floor = _largest(parts.n), _largest(parts.floor)
            if rounds.all():
                most = _largest(rounds)
                slack = np.asarray((terms + most) * eta + floor * tiny)
            else:
                slack = rounds * ((1 + terms) * eta + floor * tiny)
        if numerics.approximation:
            slack = slack + numerics.approximation * parts.bent
        return np.asarray(slack)

    def bound(self) -> Array:
        """H, infinite where correct kernels may differ."""
        if not np.any(self.parts.rounds) and not np.any(self.parts.jump):
            return self._of_copies()
        error = self.factor * self.A
        if self.other is not None:
            mixed = self.numerics.algo == "any"
            error = np.maximum(error, self.other) if mixed else self.other + error * 0
        H = _plus(error, self.slack)
        floor = np.asarray(self.parts.floor)
        zero = np.asarray(self.A == 0 if not floor.all() else False)
        if zero.any():
            if floor.any():
                zero = zero & (floor == 0)
            if self.other is not None:  # what a tile holds beside reaches an empty sum
                zero = zero & (self.other == 0)
            if np.ndim(H) and H.shape == zero.shape:
                clear(H, zero)
            else:
                H = np.where(zero, 0.0, H)
        H = H + self.parts.jump if np.any(self.parts.jump) else H
        if self._rounds_again():
            H = H + _rounding(self.y, H, self.numerics)
        H = np.broadcast_to(H, self.y.shape)
        return H if self._is_tame() else self._without_wild(H)

    def _of_copies(self) -> Array:
        native = format_of(self.call.dtype) or FORMATS["f64"]
        H = np.zeros(())
        made_up = [self.call.attributes.get(n) for n in ("value", "low", "high")]
        given = np.array([c for c in made_up if c is not None], np.float64)
        odd = given[~_fits(given, self.numerics)]
        if self.numerics.out.digits < native.digits or odd.size:
            fits = _fits(self.y, self.numerics)
            H = np.where(fits, 0.0, _rounding(self.y, H, self.numerics))
            beyond = np.abs(self.y) + H > self.numerics.out.largest
            H = np.where(np.isfinite(self.y), np.where(beyond, np.inf, H), 0.0)
        if self.parts.skip is not None:
            H = np.where(self.parts.skip, np.inf, H)
        return np.broadcast_to(H, self.y.shape)

    def _rounds_again(self) -> bool:
        """Whether the result is rounded once more after its last addition."""
        sums = FORMATS["f32"] if self.numerics.chunk else self.numerics.acc
        return self.numerics.out.digits < sums.digits

    def _is_tame(self) -> bool:
        """Whether nothing can overflow, vanish or be infinite: |y| is at most A."""
        parts = self.parts
        plain = parts.skip is None and parts.peak is None and parts.trough is None
        if not plain or self.other is not None:
            return False
        largest = float(np.max(self.A, initial=0.0))
        limit = min(self.numerics.acc.largest / 4, self.numerics.out.largest / 2)
        return largest * (1 + 2 * float(np.max(self.factor, initial=0.0))) < limit

    def _without_wild(self, H: Array) -> Array:
        y, parts, numerics = self.y, self.parts, self.numerics
        open_here = _mask(parts.skip, y) | (np.isnan(H) & np.isfinite(y))
        if self.other is not None:
            # specials may fill a tile or a plane
            open_here = open_here | ~np.isfinite(self.other)
        peak = self.A if parts.peak is None else np.asarray(parts.peak)
        over = np.isfinite(peak) & (peak >= numerics.acc.largest / 2)
        over = over | (~np.isfinite(peak) & np.isfinite(y))
        over = over | (np.isfinite(y) & (np.abs(y) + H > numerics.out.largest))
        if all(np.isfinite(array).all() for array in self.call.given):
            over = over | ~np.isfinite(y)
        if parts.trough is not None:
            tiny = numerics.acc.min_normal / numerics.acc.u
            over = over | ((parts.trough > 0) & (parts.trough < tiny))
        open_here = open_here | (over & (np.asarray(parts.rounds) > 0))
        return np.where(open_here, np.inf, np.where(np.isfinite(y), H, 0.0))

    def exceeds_statistics(self) -> bool:
        """Whether somewhere many terms make the soft bound the smaller one."""
        rounds = np.asarray(self.parts.rounds, np.float64)
        if self.parts.products and self.numerics.u_in:
            return True
        if self._rounds_again():
            return bool(np.any(rounds > 0))
        return bool(np.any(LAMBDA * np.sqrt(rounds) < rounds))


def _largest(values: Array | float) -> float:
    """The largest, NaN aside: one of those must not leave all elements open."""
    return float(np.fmax.reduce(np.asarray(values), axis=None, initial=0.0))


def _plus(own: Array, more: Array) -> Array:
    """Their sum, in place where that has the shape of the first."""
    if np.ndim(own) and np.broadcast_shapes(own.shape, more.shape) == own.shape:
        own += more
        return own
    return np.asarray(own + more)


def growth_of(parts: Terms, numerics: Resolved, more: float = 1.0) -> Array:
    """γ of the roundings, or of the chunks and then of their sums."""
    u, rounds = numerics.acc.u * more, np.asarray(parts.rounds, np.float64)
    if numerics.chunk is None:
        coarse = numerics.acc.digits < FORMATS["f32"].digits
        if coarse and rounds.size and float(rounds.max()) * u >= 1:
            raise OptionError(
                f"{float(rounds.max()):.0f} roundings in {numerics.acc.name} have no "
                "bound: declare after how many terms the kernel adds to a float32 "
                "accumulator, Numerics(acc=..., chunk=...)"
            )
        return gamma(rounds, u)
    inside = np.minimum(rounds, numerics.chunk)
    outside = np.ceil(rounds / numerics.chunk)
    within, across = gamma(inside, u), gamma(outside, FORMATS["f32"].u)
    return within + across + within * across


def _truth_growth(call: Call, name: str, parts: Terms) -> Array | float:
    """What the truth itself may be off: it was computed in float64, or exactly and then
    rounded to it."""
    rounds, u = np.asarray(parts.rounds, np.float64), FORMATS["f64"].u
    if call.dtype == np.float64 and not call.operation.variadic:
        output = call.operation.output(name)
        if is_exact(call, output):
            return u * (rounds > 0)
    return gamma(rounds, u)


def _rounding(y: Array, error: Array, numerics: Resolved) -> Array:
    """Error of rounding the result to its format; none where it is exact and fits."""
    full = numerics.out.u * (np.abs(y) + error)
    tiny = np.abs(y) < numerics.out.min_normal
    full = np.where(tiny, full + numerics.out.eta, full)
    return np.where((error == 0) & _fits(y, numerics), 0.0, full)


def _fits(y: Array, numerics: Resolved) -> Array:
    """Whether each element is a number of the result's format."""
    mantissa, _ = np.frexp(y)
    scaled = np.ldexp(mantissa, numerics.out.digits)
    whole = scaled == np.rint(scaled)
    small = np.abs(y) < numerics.out.min_normal
    step = 2 * numerics.out.eta
    return np.where(small, np.remainder(y, step) == 0, whole)


def _mask(skip: Array | None, y: Array) -> Array:
    if skip is None:
        return np.zeros(y.shape, bool)
    return np.broadcast_to(skip, y.shape)
