"""Copies on the device of arrays of the host, such as a loaded model's weights, and
what kernels read instead of them."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ...arrays import Array

Host = np.ndarray[Any, Any]
Place = tuple[int, int]  # number of the device, id of an array


def fixed_owner(array: Host) -> Host | None:
    """The array whose memory this one shows, if nobody may write to it; else None."""
    while True:
        if array.flags.writeable:
            return None
        if not isinstance(array.base, np.ndarray):
            return array
        array = array.base


class Residents:
    """Arrays that cannot change are sent once, and kept as long as they live; others
    are sent at every call, since they may have changed.

    Beside a copy lie its other forms, packed weights, up to ``most`` bytes of them in
    all. A copy is known by who it is: an array that was made on the device may change
    at any time, and has no forms.
    """

    def __init__(self, most: int = 1 << 62) -> None:
        self._kept: dict[int, dict[Any, Array]] = {}  # copies, by owner and view
        self._seen: dict[Place, tuple[weakref.ref[Host], Array]] = {}
        self._forms: dict[int, tuple[Array, dict[Any, Array]]] = {}  # by copy
        self._left = most
        self._lock = threading.RLock()  # an owner may die while it is held

    def copy_of(self, array: Host, place: int, send: Callable[[Host], Array]) -> Array:
        """The array on device number ``place``."""
        owner = fixed_owner(array)
        if owner is None:
            return send(array)
        known = place, id(array)
        seen = self._seen.get(known)
        if seen is not None and seen[0]() is array:
            return seen[1]
        with self._lock:
            copy = self._found(owner, array, place, send)
        gone = weakref.ref(array, lambda _: self._seen.pop(known, None))
        self._seen[known] = gone, copy
        return copy

    def _found(
        self, owner: Host, array: Host, place: int, send: Callable[[Host], Array]
    ) -> Array:
        copies = self._kept.get(id(owner))
        if copies is None:
            copies = self._kept[id(owner)] = {}
            weakref.finalize(owner, self._let_go, id(owner))
        pointer = array.__array_interface__["data"][0]
        key = (place, pointer, array.shape, array.strides, array.dtype.str)
        copy = copies.get(key)
        if copy is None:
            copy = copies[key] = send(array)
            self._forms[id(copy)] = copy, {}
        return copy

    def form_of(
        self,
        copy: Array,
        key: Any,
        make: Callable[[], Array],
        make_to_keep: Callable[[], Array],
    ) -> Array:
        """What ``key`` makes of an array of the device; kept if that is a copy."""
        beside = self._forms.get(id(copy))
        if beside is None:
            return make()
        forms = beside[1]
        form = forms.get(key)
        if form is None:
            form = make_to_keep()
            with self._lock:
                if form.nbytes <= self._left and key not in forms:
                    self._left -= form.nbytes
                    forms[key] = form
        return form

    def _let_go(self, owner: int) -> None:
        with self._lock:
            for copy in self._kept.pop(owner, {}).values():
                _, forms = self._forms.pop(id(copy), (None, {}))
                self._left += sum(form.nbytes for form in forms.values())
