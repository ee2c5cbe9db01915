"""Files that would run code if Python's own pickle read them do not run it here."""

from __future__ import annotations

import collections
import io
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch_archives import legacy_file, mapping, name, push, zip_file

from numpy_deconv.errors import FileFormatError
from numpy_deconv.io.pickle_globals import Instance, Known, Refused
from numpy_deconv.io.restricted_pickle import RestrictedUnpickler
from numpy_deconv.io.torch_file import read_torch_file
from numpy_deconv.io.torch_globals import TORCH_GLOBALS


def load(data: bytes, known: dict[str, Known]) -> Any:
    return RestrictedUnpickler(io.BytesIO(data), len(data), known).load()


# Each makes a file when Python's own pickle reads it, which is tested too: a payload
# that does nothing would prove nothing.


def _call(module: str, function: str, *arguments: Any) -> bytes:
    return name(module, function) + push(arguments) + b"R"


def _set_state(marker: str) -> bytes:
    made = name("argparse", "Namespace") + b")\x81"
    hook = b"}" + push("__setstate__") + name("os", "system") + b"sb"
    return made + hook + push(f"touch {marker}") + b"b"


def _method(marker: str) -> bytes:
    touch = name("builtins", "getattr") + b"(" + name("pathlib", "Path")
    touch += push("touch") + b"tR"
    return touch + b"(" + _call("pathlib", "Path", marker) + b"tR"


PAYLOADS: dict[str, tuple[Callable[[str], bytes], str]] = {
    "system": (lambda m: _call("os", "system", f"touch {m}"), r"call os\.system"),
    "posix": (lambda m: _call("posix", "system", f"touch {m}"), r"posix\.system"),
    "open": (lambda m: _call("builtins", "open", m, "w"), r"call builtins\.open"),
    "python 2 name": (
        lambda m: _call("__builtin__", "open", m, "w"),
        r"call __builtin__\.open",
    ),
    "eval": (
        lambda m: _call("builtins", "eval", f"open({m!r}, 'w').close()"),
        r"call builtins\.eval",
    ),
    "class": (
        lambda m: _call("subprocess", "Popen", ["touch", m]),
        r"call subprocess\.Popen",
    ),
    "nested": (
        lambda m: mapping(
            {"a": b"](" + _call("builtins", "open", m, "w") + b"K\x07e", "b": b"N"}
        ),
        r"call builtins\.open",
    ),
    "argument of a known call": (
        lambda m: (
            name("collections", "OrderedDict")
            + b"]"
            + _call("builtins", "open", m, "w")
            + b"a\x85R"
        ),
        r"call builtins\.open",
    ),
    "stack global": (
        lambda m: push("builtins") + push("open") + b"\x93" + push((m, "w")) + b"R",
        r"call builtins\.open",
    ),
    "memo": (
        lambda m: name("builtins", "open") + b"q\x630h\x63" + push((m, "w")) + b"R",
        r"call builtins\.open",
    ),
    "inst": (
        lambda m: b"(" + push(m) + push("w") + b"ibuiltins\nopen\n",
        r"call builtins\.open",
    ),
    "obj": (
        lambda m: b"(" + name("builtins", "open") + push(m) + push("w") + b"o",
        r"call builtins\.open",
    ),
    "getattr": (_method, r"call builtins\.getattr"),
    "setstate": (_set_state, r"refers to os\.system|holds|call"),
}
PYTHON_READS = pytest.mark.skipif(sys.platform == "win32", reason="needs touch")


@PYTHON_READS
@pytest.mark.parametrize(("payload", "_"), PAYLOADS.values(), ids=PAYLOADS)
def test_the_payload_is_live(
    tmp_path: Path, payload: Callable[[str], bytes], _: str
) -> None:
    marker = tmp_path / "ran"
    data = b"\x80\x02" + payload(str(marker)) + b"."
    # In a process of its own, where it may also fail after it ran.
    script = "import pickle, sys; pickle.loads(sys.stdin.buffer.read())"
    command = [sys.executable, "-W", "ignore", "-c", script]
    subprocess.run(command, input=data, check=False, capture_output=True)
    # Popen does not wait for what it starts.
    deadline = time.monotonic() + 10
    while not marker.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert marker.exists()


@pytest.mark.parametrize(("payload", "message"), PAYLOADS.values(), ids=PAYLOADS)
@pytest.mark.parametrize("place", ["zip", "legacy", "in a state dict", "magic", "keys"])
def test_a_hostile_file_is_refused_by_name_and_does_not_run(
    tmp_path: Path, payload: Callable[[str], bytes], message: str, place: str
) -> None:
    marker = tmp_path / "ran"
    hostile = payload(str(marker))
    data = {
        "zip": lambda: zip_file(hostile),
        "legacy": lambda: legacy_file(hostile),
        "in a state dict": lambda: zip_file(
            mapping({"state_dict": mapping({"weight": hostile})})
        ),
        "magic": lambda: legacy_file(b"}", magic=hostile),
        "keys": lambda: legacy_file(b"}", keys=hostile),
    }[place]()
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_torch_file(path)
    assert str(caught.value).startswith(f"{path} ")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("opcodes", "message"),
    [
        (name("os", "system"), r"refers to os\.system, which is no part"),
        (b"]" + name("os", "system") + b"a", r"refers to os\.system"),
        (name("os", "system") + b"0N", r"refers to os\.system"),
        (name("a", "Net") + b"(" + push("x") + b"i" + b"a\nNet\n", r"call a\.Net"),
        (
            name("torch._tensor", "_rebuild_from_type_v2")
            + b"("
            + name("os", "system")
            + name("torch", "Tensor")
            + push(("touch me",))
            + b"}tR",
            r"call os\.system",
        ),
        (
            name("torch._tensor", "_rebuild_from_type_v2")
            + b"("
            + name("torch._utils", "_rebuild_tensor_v2")
            + name("os", "system")
            + b")}tR",
            r"class os\.system",
        ),
    ],
)
def test_every_use_of_a_foreign_name_is_refused(opcodes: bytes, message: str) -> None:
    with pytest.raises(Refused, match=message):
        load(opcodes + b".", TORCH_GLOBALS)


@pytest.mark.parametrize("opcodes", [b")\x81}b", b")}\x92"])
def test_an_object_of_a_foreign_class_is_inert(opcodes: bytes) -> None:
    found = load(name("a", "Net") + opcodes + b".", TORCH_GLOBALS)
    assert isinstance(found, Instance)
    assert found.kind.name == "a.Net"
    with pytest.raises(Refused, match=r"call os\.system"):
        hostile = name("os", "system") + push(("touch me",)) + b"R0"
        load(name("a", "Net") + opcodes + hostile + b".", TORCH_GLOBALS)


def test_nothing_on_the_allow_list_is_the_real_thing() -> None:
    ours = {
        known.build.__module__
        for known in TORCH_GLOBALS.values()
        if known.build is not None
    }
    assert ours == {"numpy_deconv.io.torch_globals"}
    data = pickle.dumps(collections.OrderedDict(a=1), 2)
    assert type(load(data, TORCH_GLOBALS)) is dict
