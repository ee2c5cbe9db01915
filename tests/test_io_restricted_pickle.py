"""The pickle machine: plain data as Python reads it, and nothing is ever called."""

from __future__ import annotations

import io
import pickle
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch_archives import name, push

from numpy_deconv.io.pickle_globals import Ignored, Known, Refused
from numpy_deconv.io.restricted_pickle import RestrictedUnpickler
from numpy_deconv.io.torch_globals import TORCH_GLOBALS


def load(data: bytes, known: dict[str, Known] | None = None) -> Any:
    return RestrictedUnpickler(io.BytesIO(data), len(data), known or {}).load()


# Plain data -------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**3000), 2**3000)
    | st.floats(allow_nan=False)
    | st.text()
)
plain = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(scalars, inner, max_size=4)
    ),
    max_leaves=30,
)


@given(plain, st.integers(0, pickle.HIGHEST_PROTOCOL))
@settings(deadline=None)
@example({"": ()}, 0)
def test_plain_data_is_read_as_python_reads_it(value: Any, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("size", [0, 255, 256, 70_000])
def test_bytes_and_long_text(protocol: int, size: int) -> None:
    value = [b"x" * size, "x" * size]
    assert load(pickle.dumps(value, protocol)) == value


def test_bytearrays_and_sets_are_kept_as_bytes_and_lists() -> None:
    assert load(pickle.dumps(bytearray(b"abc"), 5)) == b"abc"
    assert load(pickle.dumps({7}, 4)) == [7]
    assert load(pickle.dumps(frozenset({7}), 4)) == [7]


def test_one_object_met_twice_stays_one() -> None:
    shared = [1]
    found = load(pickle.dumps([shared, shared], 2))
    assert found[0] is found[1]


def test_a_list_that_holds_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    found = load(pickle.dumps(loop, 2))
    assert found[0] is found


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"U\x03abc.", "abc"),
        (b"T\x03\0\0\0abc.", "abc"),
        (b"U\x01\xff.", b"\xff"),
        (b"I01\n.", True),
        (b"I00\n.", False),
        (b"I7\n.", 7),
        (b"L7L\n.", 7),
        (b"K\x07p0\n0g0\n.", 7),
        (b"K\x07r\1\0\0\0j\1\0\0\0\x86.", (7, 7)),
        (b"(K\x07K\x081K\x09.", 9),
        (b"K\x09(K\x0810(0.", None),
        (b"K\x072\x86.", (7, 7)),
        (b"(K\x07d.", None),
        (b"]K\x07a.", [7]),
        (b"(K\x07l.", [7]),
        (b"(K\x07K\x08d.", {7: 8}),
        (b"}K\x07K\x08s.", {7: 8}),
        (b"\x8b\x01\0\0\0\xff.", -1),
    ],
)
def test_old_and_rare_opcodes(data: bytes, value: Any) -> None:
    if value is None:
        with pytest.raises(Refused, match="does not hold together"):
            load(data)
    else:
        assert load(data) == value


def test_the_file_is_left_after_the_pickle() -> None:
    file = io.BytesIO(b"K\x07.K\x08.rest")
    assert [RestrictedUnpickler(file, 11, {}).load() for _ in "ab"] == [7, 8]
    assert file.read() == b"rest"


def test_keys_that_are_no_scalars_are_dropped() -> None:
    assert load(pickle.dumps({(1, 2): 3, "a": 4}, 2)) == {"a": 4}


def test_a_key_nested_a_million_deep_does_no_harm() -> None:
    depth = 10**6
    assert load(b"})" + b"\x85" * depth + b"K\x01s.") == {}


# Damage -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b".",
        b"a.",
        b"K\x07a.",
        b"K\x07K\x08e.",
        b"t.",
        b"\x87.",
        b"K\x07\x86.",
        b"}K\x07s.",
        b"}(K\x07u.",
        b"K\x07(K\x07K\x07u.",
        b"h\x07.",
        b"g7\n.",
        b"gx\n.",
        b"q\x00.",
        b"Ix\n.",
        b"I" + b"9" * 5000 + b"\n.",
        b"Fx\n.",
        b"X\x01\0\0\0\xff.",
        b"K\x07)R.",
        b"K\x07K\x07\x93.",
        b"(o.",
        b"K\x07K\x07\x81.",
        b"c\xff\nb\n.",
        b"K\x07Q.",
    ],
)
def test_what_does_not_hold_together(data: bytes) -> None:
    with pytest.raises(Refused, match="its pickle does not hold together"):
        load(data)


@pytest.mark.parametrize("data", [b"", b"K", b"K\x07", b"I7", b"X\x09\0\0\0abc", b"G1"])
def test_truncation(data: bytes) -> None:
    with pytest.raises(Refused, match="ends too early"):
        load(data)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"S'text'\n.", "text strings of Python 2"),
        (b"P7\n.", "persistent ids of pickle protocol 0"),
        (b"\x82\x01.", "extension registry"),
        (b"\x83\x01\x01.", "extension registry"),
        (b"\x84\x01\0\0\0.", "extension registry"),
        (b"\x97.", "out-of-band buffers"),
        (b"\x98.", "out-of-band buffers"),
    ],
)
def test_what_is_not_supported_is_named(data: bytes, what: str) -> None:
    with pytest.raises(Refused, match=f"uses .*{what}"):
        load(data)


def test_an_unknown_opcode_is_named() -> None:
    with pytest.raises(Refused, match=r"b'\\xff' is not an opcode"):
        load(b"\xff.")


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=500)
def test_any_bytes_give_a_value_or_a_refusal(data: bytes) -> None:
    file = io.BytesIO(data)
    try:
        RestrictedUnpickler(file, len(data), TORCH_GLOBALS, lambda key: key).load()
    except Refused:
        return


OPCODES = st.sampled_from(
    [bytes([code]) for code in b"(.01]})tldaesuRbioQ2N"]
    + [bytes([code]) for code in b"\x81\x85\x86\x87\x88\x8f\x90\x91\x92\x93\x94"]
    + [b"K\x01", b"q\x00", b"h\x00", b"U\x01a", b"cos\nsystem\n", b"ios\nsystem\n"]
    + [name(*full.rsplit(".", 1)) for full in TORCH_GLOBALS]
)


@given(st.lists(OPCODES, max_size=40))
@settings(deadline=None, max_examples=1000)
def test_any_opcodes_give_a_value_or_a_refusal(opcodes: list[bytes]) -> None:
    data = b"".join(opcodes) + b"."
    try:
        RestrictedUnpickler(
            io.BytesIO(data), len(data), TORCH_GLOBALS, lambda key: key
        ).load()
    except Refused:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"B\xff\xff\xff\x7f.",
        b"X\xff\xff\xff\xff.",
        b"\x8e" + b"\xff" * 7 + b"\x7f.",
        b"\x8d" + b"\xff" * 8 + b".",
        b"\x96" + b"\xff" * 7 + b"\x7f.",
        b"\x8b\xff\xff\xff\x7f.",
        b"\x95" + b"\xff" * 8 + b"K\x07.",
        b"K\x07r\xff\xff\xff\x7f.",
    ],
)
def test_a_few_bytes_get_no_large_memory(tmp_path: Path, data: bytes) -> None:
    # A real file: unlike BytesIO its read() reserves what it is asked for.
    (tmp_path / "pickle").write_bytes(data)
    with open(tmp_path / "pickle", "rb") as file:
        tracemalloc.start()
        with suppress(Refused):
            RestrictedUnpickler(file, len(data), {}).load()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


# Globals ----------------------------------------------------------------------------


def test_a_known_global_is_replaced_by_our_function() -> None:
    known = {"os.system": Known(lambda arguments: ("ours", arguments))}
    data = name("os", "system") + push(("touch me",)) + b"R."
    assert load(data, known) == ("ours", ("touch me",))


def test_a_known_global_without_a_function_is_not_called() -> None:
    with pytest.raises(Refused, match="does not hold together"):
        load(name("a", "b") + b")R.", {"a.b": Known()})


def test_a_known_global_takes_a_tuple() -> None:
    with pytest.raises(Refused, match="does not hold together"):
        load(name("a", "b") + b"]R.", {"a.b": Known(tuple)})


def test_what_is_ignored_takes_items_and_attributes() -> None:
    known = {"a.b": Known(lambda arguments: Ignored())}
    made = name("a", "b") + b")R"
    found = load(made + push("k") + push("v") + b"s" + push(7) + b"a}b.", known)
    assert isinstance(found, Ignored)


def test_a_refused_global_says_why() -> None:
    with pytest.raises(Refused, match=r"^holds something$"):
        load(name("a", "b") + b".", {"a.b": Known(refusal="holds something")})


def test_names_are_made_fit_for_one_line() -> None:
    long_name = name("x" * 500, "y") + b")R."
    with pytest.raises(Refused, match=r"asks to call x{97}\.\.\., which"):
        load(long_name)
    with pytest.raises(Refused, match=r"call 'a\\x1b\[2J\.b', which"):
        load(name("a\x1b[2J", "b") + b")R.")
