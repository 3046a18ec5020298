"""The wire reader against messages put together by hand."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasbench.datasets.readers.protobuf_wire import BYTES, FIXED32, FIXED64, VARINT, fields
from nasbench.errors import ImportFileError


def varint(number: int) -> bytes:
    digits = []
    while True:
        number, digit = divmod(number, 128)
        digits.append(digit + 128 * (number > 0))
        if not number:
            return bytes(digits)


def test_the_examples_of_the_published_encoding() -> None:
    """`150` in field 1 and `testing` in field 2, from the encoding page of protobuf.dev."""
    assert list(fields(b"\x08\x96\x01", "it")) == [(1, VARINT, 150)]
    assert list(fields(b"\x12\x07testing", "it")) == [(2, BYTES, b"testing")]
    assert list(fields(b"", "it")) == []


values = st.one_of(
    st.tuples(st.just(VARINT), st.integers(0, 2**64 - 1)),
    st.tuples(st.just(FIXED64), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(BYTES), st.binary(max_size=300)),
    st.tuples(st.just(FIXED32), st.binary(min_size=4, max_size=4)),
)


def encoded(number: int, kind: int, value) -> bytes:
    body = varint(value) if kind == VARINT else value
    return varint(number << 3 | kind) + (varint(len(value)) if kind == BYTES else b"") + body


@given(message=st.lists(st.tuples(st.integers(1, 2**29 - 1), values), max_size=8), cut=st.integers(1, 20))
def test_messages_come_back_and_shorter_ones_are_refused(message, cut: int) -> None:
    expected = [(number, kind, value) for number, (kind, value) in message]
    parts = [encoded(*field) for field in expected]
    assert list(fields(b"".join(parts), "it")) == expected
    if parts and cut < len(parts[-1]):
        with pytest.raises(ImportFileError, match=r"it: .*cut off"):
            list(fields(b"".join(parts)[:-cut], "it"))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"\x0b", "wire type 3"),
        (b"\x0c", "wire type 4"),
        (b"\x0e", "wire type 6"),
        (b"\x08" + b"\xff" * 11, "without an end"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "cut off"),
        (b"\x09\0\0\0", "cut off"),
        (b"\x80", "cut off"),
    ],
)
def test_what_is_no_message(message: bytes, why: str) -> None:
    with pytest.raises(ImportFileError, match=why):
        list(fields(message, "it"))


@given(message=st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    try:
        read = list(fields(message, "it"))
    except ImportFileError:
        return
    assert sum(len(value) if isinstance(value, bytes) else 1 for _, _, value in read) <= len(message)


def test_doubles_keep_every_bit() -> None:
    for number in (0.1, -0.0, 5e-324, 1.7976931348623157e308):
        ((_, _, value),) = fields(b"\x19" + struct.pack("<d", number), "it")
        assert struct.unpack("<d", value)[0].hex() == number.hex()
