"""Pools, unpools and local response normalisation in every framework's meaning.

The reference has PyTorch's; here its kernels are asked what the flags of a
:class:`Semantics` say instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..errors import OptionError
from ..functional import local_response_norm as response_norm
from ..functional import max_unpool, vjp
from ..reference import pooling
from ..reference.switches import gather, scatter
from .call import Array, Call
from .pool import Pool, rebased

Results = tuple[Array, ...]


def plane_maxima(call: Call) -> tuple[Array, Array, Pool]:
    """Values and plane switches, -1 where a window is all padding."""
    x, pool, flags = call["x"], Pool(call), call.semantics
    seen = x
    if flags.nan == "drop" and x.dtype.kind == "f":
        seen = np.where(np.isnan(x), -np.inf, x)
    if flags.tie == "last":
        y, switches = _last_maxima(seen, pool)
    else:
        y, switches = pooling.max_pool(seen, pool.exact)
    if flags.nan == "drop" and x.dtype.kind == "f":
        only_nan = pool.sums(np.isnan(x).astype(np.int64)) == pool.inside
        y = np.where(only_nan & (pool.inside > 0), np.nan, y)
    if not pool.inside.all():
        lowest = -np.inf if y.dtype.kind == "f" else np.iinfo(call.dtype).min
        y = np.where(pool.inside == 0, lowest, y)
    return y, switches, pool


def _last_maxima(x: Array, pool: Pool) -> tuple[Array, Array]:
    """The same windows read backwards, so that the first winner is the last."""
    flip = (slice(None), slice(None), *(slice(None, None, -1),) * len(pool.size))
    back = tuple(
        (max(0, (o - 1) * s + span - n - begin), begin)
        for o, s, span, n, (begin, _) in zip(
            pool.outputs,
            pool.window.stride,
            pool.window.span,
            pool.size,
            pool.window.padding,
            strict=True,
        )
    )
    # a window that ends short of the last sample leaves some unread: cut them off
    used = tuple(
        slice(0, min(n, (o - 1) * s + span - begin))
        for o, s, span, n, (begin, _) in zip(
            pool.outputs,
            pool.window.stride,
            pool.window.span,
            pool.size,
            pool.window.padding,
            strict=True,
        )
    )
    cut = x[(..., *used)]
    y, switches = pooling.max_pool(cut[flip], replace(pool.exact, padding=back))
    plane = np.arange(math.prod(pool.size)).reshape(pool.size)[used]
    there = plane[flip[2:]].ravel()[np.maximum(switches, 0)]
    return y[flip], np.where(switches < 0, -1, there)[flip]


def _max_pool(call: Call) -> Results:
    y, switches, pool = plane_maxima(call)
    if call.operation.is_backward:
        kept = np.where(switches < 0, 0, call["grad"])
        target = np.maximum(switches, 0)
        return (scatter(kept, target, pool.size, "sum"),)
    return y, rebased(switches, call, pool)


def _avg_pool(call: Call) -> Results:
    pool = Pool(call)
    count = pool.divisors(call)
    if call.operation.is_backward:
        return (pool.spread(call["grad"] / count),)
    return (pooling.divided(pool.sums(call["x"]), np.asarray(count)),)


def _lp_pool(call: Call) -> Results:
    if not call.attributes["norm_type"] > 0:
        raise OptionError(
            f"norm_type must be positive, got {call.attributes['norm_type']}"
        )
    pool, p = Pool(call), float(call.attributes["norm_type"])
    x = call["x"]
    y = (pool.sums(np.abs(x) ** p) * pool.rescale(call)) ** (1 / p)
    if not call.operation.is_backward:
        return (y,)
    share = call["grad"] * pool.rescale(call) * np.where(y > 0, y, 1) ** (1 - p)
    slope = np.sign(x) * np.abs(np.where(x == 0, 1, x)) ** (p - 1)
    return (pool.spread(share * (y > 0)) * slope,)


def _max_unpool(call: Call) -> Results:
    y, switches = call["y"], call["switches"]
    overlap = call.attributes["overlap"]
    size = call.attributes["output_size"]
    if not call.operation.is_backward:
        return (max_unpool(y, switches, size, overlap=overlap),)
    if overlap == "assign" and call.semantics.unpool_grad == "all":
        max_unpool(y, switches, size)  # refuses switches out of range
        return (gather(call["grad"], switches),)
    _, pullback = vjp(max_unpool, y, switches, size, overlap=overlap)
    return (pullback(call["grad"])[0],)


def _response_norm(call: Call) -> Results:
    options = dict(call.attributes)
    if call.semantics.lrn_alpha == "sum":
        options["alpha"] = options["alpha"] * options["size"]
    # an even size's odd channel lies on the other side of channels in reverse
    turned = call.semantics.lrn_centre == "after" and options["size"] % 2 == 0
    step = slice(None, None, -1) if turned else slice(None)
    x = call["x"][:, step]
    if not call.operation.is_backward:
        return (response_norm(x, **options)[:, step],)
    _, pullback = vjp(response_norm, x, **options)
    return (np.asarray(pullback(call["grad"][:, step])[0])[:, step],)


POOLS: dict[str, Callable[[Call], Results]] = {
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "lp_pool": _lp_pool,
    "max_unpool": _max_unpool,
    "local_response_norm": _response_norm,
}
