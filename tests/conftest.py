"""What every test file may use: the ``backend`` fixture and the Hypothesis profiles.

``tests/loopback`` holds a distribution with entry points, as ``pip`` would leave it
behind; it is put on the path before anything is collected, so its backends are found
the way a third party's would be.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cupy_look_alike
import pytest
from hypothesis import HealthCheck, settings

from numpy_deconv import Backend, available_backends, use_backend

TESTS = Path(__file__).parent
BACKENDS = ("numpy", "loopback", "readonly", "numba", "cupy-stand-in")

sys.path.insert(0, str(TESTS / "loopback"))

CI = bool(os.environ.get("CI"))
for _name, _examples in (("default", 50), ("thorough", 1000)):
    settings.register_profile(
        _name,
        max_examples=_examples,
        deadline=None,
        derandomize=CI,
        # the backend fixture is a choice that holds for all examples of a test
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Run the test once on the reference, once on a third party's backend that brings
    only the required kernels, once on the reference with read-only inputs, and once on
    each fast backend; the GPU's runs on a C++ compiler, and is left out without one."""
    state = available_backends()[request.param]
    if not state.ready and request.param == "cupy-stand-in":
        pytest.skip(state.detail)
    with use_backend(request.param) as chosen:
        yield chosen


@pytest.fixture
def look_alike(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that passes for CuPy, for one test."""
    monkeypatch.setitem(sys.modules, "cupy", cupy_look_alike)
    return cupy_look_alike


@pytest.fixture
def broken_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register, for one test, backends that cannot be used."""
    monkeypatch.syspath_prepend(str(TESTS / "broken_backends"))
