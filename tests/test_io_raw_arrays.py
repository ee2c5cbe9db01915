"""Raw bytes to arrays: exactness, byte order, and sizes that cannot be."""

from __future__ import annotations

import io

import ml_dtypes
import numpy as np
import pytest

from numpy_deconv.io.raw_arrays import (
    ByteOrder,
    checked_shape,
    decode,
    item_size,
    read_bytes,
    widen_bfloat16,
)


def test_every_bfloat16_is_widened_exactly() -> None:
    bits = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    wide = widen_bfloat16(bits)
    expected = bits.view(ml_dtypes.bfloat16).astype(np.float32)
    assert wide.shape == (256, 256)
    finite = ~np.isnan(expected)
    assert (np.isnan(wide) == ~finite).all()
    assert (wide[finite].view(np.uint32) == expected[finite].view(np.uint32)).all()


def test_bfloat16_without_axes() -> None:
    wide = widen_bfloat16(np.array(0x3F80, np.uint16))
    assert (wide.shape, float(wide)) == ((), 1.0)


@pytest.mark.parametrize("code", ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "c8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(code: str, order: ByteOrder) -> None:
    values = np.array([0, 1, 2, 100], code)
    stored = values.astype(values.dtype.newbyteorder(order))
    raw = np.frombuffer(stored.tobytes(), np.uint8)
    decoded = decode(raw, code, order)
    assert decoded.dtype == np.dtype(code)
    assert decoded.dtype.isnative
    assert (decoded == values).all()


def test_big_endian_bfloat16() -> None:
    assert decode(np.array([0x3F, 0x80], np.uint8), "bf16", ">") == np.float32(1)


def test_a_bool_is_zero_or_one_whatever_the_byte() -> None:
    decoded = decode(np.array([0, 1, 2, 255], np.uint8), "b1")
    assert decoded.dtype == np.bool_
    assert decoded.view(np.uint8).tolist() == [0, 1, 1, 1]


def test_item_sizes() -> None:
    assert [item_size(code) for code in ("bf16", "f8", "b1", "c8")] == [2, 8, 1, 8]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("34", "not a list"),
        (3, "not a list"),
        ([1] * 33, "33 axes, more than 32"),
        ([2, -1], "not an integer from 0"),
        ([2, 1.0], "not an integer from 0"),
        ([True, 2], "not an integer from 0"),
        ([2**60], "not an integer from 0"),
        ([10**5000], "not an integer from 0"),
        ([2**30, 2**30], "impossible shape"),
        ([0, 2**30, 2**30], "impossible shape"),
    ],
)
def test_shapes_that_are_refused(shape: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_shape(shape)


@pytest.mark.parametrize("shape", [[], [0], [3, 4], (1,) * 32, [0, 2**50]])
def test_shapes_that_are_fine(shape: list[int]) -> None:
    assert checked_shape(shape) == tuple(shape)


def test_a_file_that_ends_early() -> None:
    with pytest.raises(EOFError, match="4 bytes expected, 3 found"):
        read_bytes(io.BytesIO(b"abc"), 4)


def test_reading_nothing() -> None:
    assert read_bytes(io.BytesIO(b"abc"), 0).size == 0
