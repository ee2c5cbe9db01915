"""Which backends there are, which one computes, and what is said about the others."""

from __future__ import annotations

import asyncio
import importlib.metadata
import threading
from types import ModuleType

import numpy as np
import pytest

import numpy_deconv as nd
from numpy_deconv import Backend, available_backends, get_backend, use_backend
from numpy_deconv.backend import NumpyBackend
from numpy_deconv.errors import BackendError
from numpy_deconv.registry import INSTALL, VARIABLE, current, selected_backend

X = np.zeros((1, 1, 3))


@pytest.fixture(autouse=True)
def no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


class Optional(NumpyBackend):
    """A backend with an option."""

    name = "optional"

    def __init__(self, threads: int = 1) -> None:
        self.threads = threads


@pytest.fixture
def optional(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint("optional", f"{__name__}:Optional", "")
    monkeypatch.setattr(
        importlib.metadata.EntryPoint, "load", lambda self: Optional, raising=True
    )
    monkeypatch.setattr(
        "numpy_deconv.registry._entry_points", lambda: {"optional": point}
    )


def test_the_reference_is_always_there_and_first() -> None:
    states = available_backends()
    assert next(iter(states)) == "numpy"
    assert states["numpy"] == ("numpy", True, "ready")


def test_entry_points_of_other_distributions_are_found() -> None:
    assert available_backends()["loopback"] == ("loopback", True, "ready")
    assert type(get_backend("loopback")).__name__ == "LoopbackBackend"


def test_a_backend_without_options_is_made_once() -> None:
    assert get_backend("loopback") is get_backend("loopback")


@pytest.mark.usefixtures("optional")
def test_a_backend_with_options_is_made_each_time() -> None:
    first, second = (get_backend("optional", threads=3) for _ in range(2))
    assert isinstance(first, Optional)
    assert first.threads == 3
    assert first is not second


@pytest.mark.usefixtures("optional")
def test_options_reach_use_backend() -> None:
    with use_backend("optional", threads=5) as chosen:
        assert selected_backend() is chosen
        assert isinstance(chosen, Optional)
        assert chosen.threads == 5


def test_an_option_that_the_backend_lacks() -> None:
    with pytest.raises(
        BackendError, match=r"'numpy' does not take \{'threads': 2\}: .*argument"
    ):
        get_backend("numpy", threads=2)


def test_options_for_a_backend_that_is_made() -> None:
    with (
        pytest.raises(BackendError, match=r"options \{'threads': 2\} are for making a"),
        use_backend(NumpyBackend(), threads=2),
    ):
        pass


def test_an_unknown_backend_is_told_what_there_is() -> None:
    with pytest.raises(
        BackendError,
        match=r"there is no backend 'numpyy': registered are 'numpy', .*'loopback'",
    ):
        get_backend("numpyy")


BROKEN = {
    "lacks_package": "is registered, but No module named 'a_package_that_nobody_inst",
    "lacks_device": "cannot run here: no accelerator was found: plug one in",
    "misspelt": "is registered, but .* has no attribute 'NoSuchClass'",
    "not_a_backend": "registered as unusable_backends:NotABackend, which is not a",
    "not_a_class": "registered as unusable_backends:not_a_class, which is not a",
}


@pytest.mark.usefixtures("broken_backends")
@pytest.mark.parametrize(("name", "reason"), BROKEN.items())
def test_a_backend_that_cannot_be_used_says_why(name: str, reason: str) -> None:
    with pytest.raises(BackendError, match=f"'{name}' .*{reason}"):
        get_backend(name)
    state = available_backends()[name]
    assert not state.ready
    assert state.name == name
    with pytest.raises(BackendError) as raised:
        get_backend(name)
    assert str(raised.value) == state.detail


@pytest.mark.usefixtures("broken_backends")
def test_an_incomplete_backend_is_told_what_it_lacks() -> None:
    with pytest.raises(BackendError, match=r"'incomplete' .*abstract method.*col2im"):
        get_backend("incomplete")


@pytest.mark.usefixtures("broken_backends")
def test_what_is_missing_comes_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(INSTALL, "lacks_package", "pip install a-package")
    with pytest.raises(BackendError, match=r"installed': pip install a-package$"):
        get_backend("lacks_package")


def test_the_default_is_the_reference_whatever_is_installed() -> None:
    assert selected_backend().name == "numpy"


def test_the_environment_chooses_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "loopback")
    assert selected_backend().name == "loopback"
    with use_backend("numpy"):
        assert selected_backend().name == "numpy"
    assert VARIABLE == "NUMPY_DECONV_BACKEND"


def test_an_empty_environment_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert selected_backend().name == "numpy"


def test_an_unknown_name_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "numbaa")
    with pytest.raises(BackendError, match="there is no backend 'numbaa'"):
        nd.relu(X)


def test_selections_nest() -> None:
    with use_backend("loopback"):
        with use_backend("numpy"):
            assert selected_backend().name == "numpy"
        assert selected_backend().name == "loopback"
    assert selected_backend().name == "numpy"


def test_a_selection_ends_with_an_error() -> None:
    with pytest.raises(ZeroDivisionError), use_backend("loopback"):
        raise ZeroDivisionError
    assert selected_backend().name == "numpy"


def test_a_decorated_function_runs_on_its_backend() -> None:
    @use_backend("loopback")
    def which() -> str:
        return selected_backend().name

    assert [which(), which()] == ["loopback", "loopback"]
    assert selected_backend().name == "numpy"


def test_a_backend_itself_may_be_selected() -> None:
    made = NumpyBackend()
    with use_backend(made) as chosen:
        assert chosen is made is selected_backend()


def test_threads_select_for_themselves() -> None:
    selected, other_is_in, seen = threading.Event(), threading.Event(), {}

    def select_loopback() -> None:
        with use_backend("loopback"):
            selected.set()
            other_is_in.wait(10)
            seen["loopback"] = selected_backend().name

    def select_readonly() -> None:
        selected.wait(10)
        seen["untouched"] = selected_backend().name
        with use_backend("readonly"):
            other_is_in.set()
            seen["readonly"] = selected_backend().name

    threads = [threading.Thread(target=t) for t in (select_loopback, select_readonly)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {
        "loopback": "loopback",
        "readonly": "readonly",
        "untouched": "numpy",
    }
    assert selected_backend().name == "numpy"


def test_tasks_select_for_themselves() -> None:
    async def named(name: str) -> str:
        with use_backend(name):
            await asyncio.sleep(0)
            return selected_backend().name

    async def inherited() -> str:
        await asyncio.sleep(0)
        return selected_backend().name

    async def main() -> list[str]:
        with use_backend("readonly"):
            return await asyncio.gather(named("loopback"), named("numpy"), inherited())

    assert asyncio.run(main()) == ["loopback", "numpy", "readonly"]


class Counting(NumpyBackend):
    """The reference, and what was asked of it."""

    name = "counting"

    def __init__(self) -> None:
        self.calls = 0

    def conv(self, *arguments: object) -> np.ndarray:
        self.calls += 1
        return super().conv(*arguments)  # type: ignore[arg-type]


def test_array_functions_compute_on_the_selected_backend() -> None:
    with use_backend(Counting()) as counting:
        nd.conv(X, np.ones((1, 1, 2)))
        assert isinstance(counting, Counting)
        assert counting.calls == 1
    nd.conv(X, np.ones((1, 1, 2)))
    assert counting.calls == 1


def test_a_device_s_array_goes_to_the_device_s_backend(look_alike: ModuleType) -> None:
    with pytest.raises(BackendError, match=r"there is no backend 'cupy'|'cupy' "):
        current(look_alike.asarray(X))


class OnDevice(NumpyBackend):
    """A backend for CuPy arrays."""

    name = "on_device"
    family = "cupy"


def test_a_device_s_backend_computes_there(look_alike: ModuleType) -> None:
    with use_backend(OnDevice()) as backend:
        assert current(look_alike.asarray(X)) is backend


def test_a_host_s_array_for_a_device_s_backend() -> None:
    with (
        use_backend(OnDevice()),
        pytest.raises(
            BackendError, match="'on_device' is selected, but the array is a"
        ),
    ):
        nd.relu(X)


def test_a_backend_says_nothing_is_missing_by_default() -> None:
    assert Backend.missing() is None
