"""Reverse-mode gradients of the array functions, one call at a time.

Every public function has a pull-back registered beside it; :func:`vjp` binds the
arguments, runs the function, and returns its value with that pull-back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ..arrays import Array, as_array, is_float
from ..errors import DTypeError, OptionError, ShapeError

Pullback = Callable[[Any], tuple[Array | None, ...]]
Rule = TypeVar("Rule", bound=Callable[..., Any])


class _Registered(NamedTuple):
    arrays: tuple[str, ...]  # parameters that are arrays; one "*name" if variadic
    rule: Callable[..., Pullback]


_RULES: dict[Callable[..., Any], _Registered] = {}


def pullback_of(function: Callable[..., Any], *arrays: str) -> Callable[[Rule], Rule]:
    """Register the decorated rule as the gradient of ``function``.

    The rule is called as ``rule(y, **arguments)``: the value, and every argument by
    name with defaults filled in. It returns a function from the value's gradient to
    one gradient (or None) per name in ``arrays``.
    """

    def register(rule: Rule) -> Rule:
        _RULES[function] = _Registered(arrays, rule)
        return rule

    return register


def differentiable() -> tuple[Callable[..., Any], ...]:
    """Every function that :func:`vjp` knows."""
    return tuple(_RULES)


def vjp(
    function: Callable[..., Any], *arrays: Any, **options: Any
) -> tuple[Any, Pullback]:
    """Value of ``function(*arrays, **options)`` and its vector-Jacobian product.

    ``pullback(grad)`` takes the gradient of the value (for ``max_pool`` of its first
    part, the switches have none) and returns a tuple with one gradient for each array
    argument that was given, in the order of the function's signature; None for integer
    arguments such as switches and labels.

    >>> import numpy as np
    >>> from numpy_deconv import relu, vjp
    >>> y, pullback = vjp(relu, np.array([-1.0, 2.0]))
    >>> pullback(np.array([5.0, 5.0]))
    (array([0., 5.]),)
    """
    if function not in _RULES:
        name = getattr(function, "__name__", repr(function))
        raise OptionError(
            f"vjp does not know {name}: it differentiates the array functions of "
            "numpy_deconv; for a network use net.run(x) and tape.project"
        )
    import inspect  # slow to import, and only needed here

    names, rule = _RULES[function]
    try:
        bound = inspect.signature(function).bind(*arrays, **options)
    except TypeError as error:
        raise OptionError(f"{function.__name__}: {error}") from error
    bound.apply_defaults()
    arguments = bound.arguments
    variadic = names[0].startswith("*")
    if variadic:
        given = arguments[names[0][1:]]
        given = (
            given[0]
            if len(given) == 1 and isinstance(given[0], list | tuple)
            else given
        )
        arguments[names[0][1:]] = tuple(as_array(a, "array") for a in given)
    else:
        for name in names:
            if arguments[name] is not None:
                arguments[name] = as_array(arguments[name], name)
    value = function(*bound.args, **bound.kwargs)
    pull = rule(value, **arguments)

    def pullback(grad: Any) -> tuple[Array | None, ...]:
        grads = pull(_checked(grad, value))
        if variadic:
            return grads
        return tuple(
            g
            for g, name in zip(grads, names, strict=True)
            if arguments[name] is not None
        )

    return value, pullback


def _checked(grad: Any, value: Any) -> Array:
    y = value[0] if isinstance(value, tuple) else value
    g = as_array(grad, "grad")
    if g.shape != y.shape:
        raise ShapeError(f"grad has shape {g.shape}, but the value has shape {y.shape}")
    if g.dtype == y.dtype:
        return g
    if is_float(y.dtype):
        return g.astype(y.dtype)
    if is_float(g.dtype):
        raise DTypeError(f"grad is {g.dtype}, but the value is {y.dtype}")
    return g
