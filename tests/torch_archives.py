"""PyTorch's two file formats built by hand, so that they can be built wrong."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

MAGIC = 0x1950A86A20F9469CFC6C


def push(value: Any) -> bytes:
    """The opcodes that push a plain value, without frame and STOP."""
    return pickle.dumps(value, 2)[2:-1]


def name(module: str, attribute: str) -> bytes:
    """The opcode that pushes a global."""
    return f"c{module}\n{attribute}\n".encode()


def storage(
    key: str, numel: int, kind: str = "FloatStorage", view: bytes = b""
) -> bytes:
    """A persistent id of a storage; ``view`` are the opcodes of a sixth item."""
    kind_bytes = name("torch", kind)
    items = push("storage") + kind_bytes + push(key) + push("cpu") + push(numel)
    return b"(" + items + view + b"tQ"


def tensor(
    stored: bytes,
    shape: Any,
    strides: Any,
    offset: Any = 0,
    *,
    rebuild: str = "_rebuild_tensor_v2",
    more: bytes = b"",
) -> bytes:
    """The opcodes of one tensor; ``more`` follows the hooks."""
    hooks = name("collections", "OrderedDict") + b")R"
    middle = push(offset) + push(shape) + push(strides)
    if rebuild != "_rebuild_tensor":
        middle += push(False) + hooks + more
    return name("torch._utils", rebuild) + b"(" + stored + middle + b"tR"


def mapping(entries: Mapping[str, bytes]) -> bytes:
    """The opcodes of a dict whose values are opcodes."""
    body = b"".join(push(key) + value for key, value in entries.items())
    return b"}(" + body + b"u"


def legacy_file(
    saved: bytes,
    storages: Sequence[tuple[str, int, bytes]] = (),
    *,
    magic: bytes = push(MAGIC),
    version: bytes = push(1001),
    system: bytes = push({"little_endian": True}),
    keys: bytes | None = None,
) -> bytes:
    """Five pickles, given by their opcodes, and (key, element count, bytes) each."""
    if keys is None:
        keys = push([key for key, _, _ in storages])
    pickles = b"".join(
        b"\x80\x02" + part + b"." for part in (magic, version, system, saved, keys)
    )
    return pickles + b"".join(struct.pack("<q", n) + raw for _, n, raw in storages)


def zip_file(
    saved: bytes,
    storages: Mapping[str, bytes] | None = None,
    *,
    root: str = "archive/",
    records: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> bytes:
    """``data.pkl`` given by its opcodes, storages by key, and further records."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr(f"{root}data.pkl", b"\x80\x02" + saved + b".")
        for record, data in (records or {}).items():
            archive.writestr(f"{root}{record}", data)
        for key, data in (storages or {}).items():
            archive.writestr(f"{root}data/{key}", data)
    return buffer.getvalue()
